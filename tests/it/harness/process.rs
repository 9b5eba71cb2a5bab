//! The built binary.

use std::{
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A command of `sallyport` with these variables and no others of ours.
pub(crate) fn sallyport(args: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.env_clear().args(args).envs(variables.iter().copied());
    command
}

/// What a finished command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end, which must come within a minute.
pub(crate) fn run(args: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = sallyport(args, variables);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    let Ok(output) = told.recv_timeout(Duration::from_secs(60)) else {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("`sallyport {}` did not end", args.join(" "));
    };
    let Output { status, stdout, stderr } = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// A running `sallyport serve` with JSON logs. Killed when dropped.
pub(crate) struct Serving {
    child: Child,
    log: Box<dyn BufRead + Send>,
    /// Everything it has logged so far.
    pub(crate) seen: String,
    pub(crate) public: SocketAddr,
    pub(crate) operations: SocketAddr,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Serving {
    /// Starts one and waits until it serves. Both listeners must be on one address each, port 0.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = sallyport(&["serve"], variables).stderr(Stdio::piped()).spawn().unwrap();
        let log = Box::new(BufReader::new(child.stderr.take().unwrap()));
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut this =
            Self { child, log, seen: String::new(), public: nowhere, operations: nowhere, complaints: Arc::default() };
        while let Some(line) = this.next_line() {
            let address = || line["address"].as_str().unwrap().parse().unwrap();
            match (line["message"].as_str(), line["listener"].as_str()) {
                (_, Some("public")) => this.public = address(),
                (_, Some("operations")) => this.operations = address(),
                (Some("serving"), _) => return this,
                _ => {}
            }
        }
        panic!("it ended before it served: {}", this.seen)
    }

    pub(crate) fn next_line(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = self.log.read_line(&mut line).unwrap();
        self.seen.push_str(&line);
        (read > 0).then(|| serde_json::from_str(&line).unwrap_or_default())
    }

    /// Reads the log until a line has `message`.
    pub(crate) fn wait_for(&mut self, message: &str) -> Value {
        while let Some(line) = self.next_line() {
            if line["message"] == message {
                return line;
            }
        }
        panic!("it ended without \"{message}\": {}", self.seen)
    }

    /// Reads the log from now on, so that a process that says much is never held up. Complaints are shown if the test
    /// fails.
    pub(crate) fn read_on(&mut self) {
        let (log, complaints) = (std::mem::replace(&mut self.log, Box::new(io::empty())), self.complaints.clone());
        std::thread::spawn(move || {
            let lines = log.lines().map_while(Result::ok).filter(|line| !line.contains("\"level\":\"INFO\""));
            lines.for_each(|line| complaints.lock().unwrap().push(line));
        });
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end. The exit code.
    pub(crate) fn end(mut self) -> (i32, String) {
        while self.next_line().is_some() {}
        (self.child.wait().unwrap().code().unwrap(), std::mem::take(&mut self.seen))
    }

    /// Waits for the end of a process that was killed.
    pub(crate) fn end_killed(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), None, "a signal ended it: {}", self.seen);
    }
}

impl Drop for Serving {
    #[expect(clippy::print_stdout, reason = "shown with the test that fails")]
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let complaints = self.complaints.lock().unwrap();
            let last = complaints.len().saturating_sub(12);
            println!("{} complained {} times, last:\n{}", self.public, complaints.len(), complaints[last..].join("\n"));
        }
    }
}

//! Processes that end with this one.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

const START: Duration = Duration::from_secs(30);

/// A process that runs beside this one. It is told to end when this is dropped, and waited for.
pub(crate) struct Running {
    child: Child,
    /// Some programs end when their input does.
    input: Option<ChildStdin>,
}

/// `program`, told to end should this process be killed.
pub(crate) fn bound(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", program]);
    command
}

/// This program in another role.
fn role(name: &str) -> Command {
    let mut command = bound(std::env::current_exe().unwrap().to_str().unwrap());
    command.args(["--role", name]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Starts this program as a server, which says its address.
pub(crate) fn serve(name: &str) -> (Running, SocketAddr) {
    let mut child = role(name).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let input = child.stdin.take();
    (Running { child, input }, line.trim().parse().unwrap())
}

/// Runs this program to its end. What it says.
pub(crate) fn ask(name: &str, question: &str) -> String {
    let mut child = role(name).spawn().unwrap();
    child.stdin.take().unwrap().write_all(question.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "--role {name} failed");
    String::from_utf8(output.stdout).unwrap()
}

impl Running {
    /// Starts a server, and waits until it takes connections at `address`.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut this = Self { child, input: None };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(this.child.try_wait().unwrap().is_none(), "it ended at once: {command:?}");
            assert!(begun.elapsed() < START, "nothing listens at {address}: {command:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        this
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A process that talks by lines.
pub(crate) struct Talking {
    running: Running,
    output: BufReader<ChildStdout>,
}

impl Talking {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { running: Running { child, input }, output }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.running.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line that it says; an empty one where it has ended.
    pub(crate) fn next(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }
}

/// An address that nobody listens at now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

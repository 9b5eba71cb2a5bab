//! A running `sallyport dev`.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What it says when all is told.
const SERVING: &str = "Serving at ";

/// A `sallyport dev` of the built binary, at a port of its own. Killed when dropped.
pub(crate) struct Dev {
    child: Child,
    out: BufReader<ChildStdout>,
    /// Everything it has told so far.
    pub(crate) story: String,
    errors: PathBuf,
    data_dir: PathBuf,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) story: String,
    pub(crate) errors: String,
}

impl Dev {
    /// Starts one in `data_dir`, and does not wait.
    pub(crate) fn spawn(data_dir: &Path, arguments: &[&str]) -> Self {
        // Two in one directory each have a file of their own.
        let errors = data_dir.with_extension(format!("{}.err", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .arg("dev")
            .arg("--data-dir")
            .arg(data_dir)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, story: String::new(), errors, data_dir: data_dir.to_owned() }
    }

    /// Starts one at a free port, and waits until it has told everything.
    pub(crate) fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut dev = Self::spawn(data_dir, &[&["--listen", "localhost:0"], arguments].concat());
        dev.wait_for(SERVING);
        dev
    }

    /// Reads the story until a line has `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while let Some(line) = self.next_line() {
            if line.contains(text) {
                return;
            }
        }
        panic!("it ended without \"{text}\": {} {}", self.story, fs::read_to_string(&self.errors).unwrap())
    }

    fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.out.read_line(&mut line).unwrap();
        self.story.push_str(&line);
        (read > 0).then_some(line)
    }

    /// `dev.json`
    pub(crate) fn ready(&self) -> Value {
        serde_json::from_slice(&fs::read(self.data_dir.join("dev.json")).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks it to stop, and waits for its end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        while self.next_line().is_some() {}
        let code = self.child.wait().unwrap().code();
        let errors = fs::read_to_string(&self.errors).unwrap();
        Ended { code, story: std::mem::take(&mut self.story), errors }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already. Its Postgres ends with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! `sallyport try`, the built binary, against our own installation and against servers that do something wrong.

mod device;
mod fake;
mod faults;
mod tls;
mod whole;

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::Command,
};

use crate::harness::process::sallyport;

/// What a run said.
struct Tried {
    code: i32,
    out: String,
    err: String,
}

impl Tried {
    /// The report for programs.
    fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    /// The codes of everything that was found.
    fn codes(&self) -> Vec<String> {
        let report = self.report();
        let steps = report["steps"].as_array().unwrap();
        let findings = steps.iter().flat_map(|step| step["findings"].as_array().unwrap());
        findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }

    /// What a step got.
    fn got(&self, step: &str) -> String {
        let report = self.report();
        let steps = report["steps"].as_array().unwrap();
        let step = steps.iter().find(|one| one["step"] == step).unwrap_or_else(|| panic!("no step {step}: {report}"));
        step["got"].as_str().unwrap().to_owned()
    }
}

/// Runs it. A person does what a line says that names an address to open.
async fn tried(args: &[&str], person: impl AsyncFn(&str)) -> Tried {
    let args = [&["try"], args].concat();
    let mut command = Command::from(sallyport(&args, &[]));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let json = args.contains(&"--json");
    let (spoken, silent): (Box<dyn AsyncRead + Unpin>, Box<dyn AsyncRead + Unpin>) =
        if json { (Box::new(err), Box::new(out)) } else { (Box::new(out), Box::new(err)) };
    let reading = async {
        let mut said = String::new();
        let mut lines = BufReader::new(spoken).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            said.push_str(&line);
            said.push('\n');
            if line.contains("/authorize?") || line.contains(" and type ") {
                person(line.trim()).await;
            }
        }
        said
    };
    let rest = async {
        let (mut silent, mut text) = (silent, String::new());
        silent.read_to_string(&mut text).await.unwrap();
        text
    };
    let (spoken, silent) = tokio::join!(reading, rest);
    let code = child.wait().await.unwrap().code().unwrap();
    let (out, err) = if json { (silent, spoken) } else { (spoken, silent) };
    Tried { code, out, err }
}

//! A running nginx.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::scratch::Scratch;

/// Far longer than it takes.
const START: Duration = Duration::from_secs(20);

/// nginx with a configuration of the tests, at an address of its own. Told to end when this is dropped, and waited for.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: SocketAddr,
    files: Scratch,
}

/// The program: as it is installed, or where `scripts/setup.sh` unpacks it, or wherever the shell finds it.
fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let places = [PathBuf::from("/usr/sbin/nginx"), target.join("tools/nginx/usr/sbin/nginx")];
    places.into_iter().find(|file| file.exists()).unwrap_or_else(|| "nginx".into())
}

/// An address at which nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Nginx {
    /// Starts one at `address` with what belongs below `http`, made by `within` for the directory of its files.
    pub(crate) fn start(address: SocketAddr, within: impl FnOnce(&Scratch) -> String) -> Self {
        let files = Scratch::new();
        let within = within(&files);
        files.write("within.conf", &within);
        // Started by root, workers would be somebody who cannot enter this directory.
        let user = if geteuid().is_root() { "user root;" } else { "" };
        let whole = format!(
            "daemon off; {user} worker_processes 1; pid nginx.pid; error_log error.log info;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
             uwsgi_temp_path uwsgi; scgi_temp_path scgi; access_log off;\n include within.conf;\n}}\n"
        );
        let configuration = files.write("nginx.conf", &whole);
        let errors = files.path("error.log");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(program());
        command.arg("-e").arg(&errors).arg("-p").arg(files.path("")).arg("-c").arg(configuration);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut this = Self { child, address, files };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = this.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < START, "{ended:?}: {}", this.file("error.log"));
            std::thread::sleep(Duration::from_millis(5));
        }
        this
    }

    /// `http://127.0.0.1:PORT{path}`
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// One of its files.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.files.path(name)).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

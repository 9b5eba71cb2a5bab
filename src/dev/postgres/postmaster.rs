//! The server process.

use std::{
    path::Path,
    process::{Child, Command},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
};
use tokio_util::sync::CancellationToken;

use super::{
    Durability, cluster::Cluster, datadir::DataDir, error::PostgresError, io_error, launcher::Launcher, log::Log,
    pidfile, socket::SocketDir,
};

const SETTINGS: [&str; 10] = [
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "max_connections=200",
    "logging_collector=off",
    "log_destination=stderr",
    "log_checkpoints=off",
    "log_timezone=UTC",
    "timezone=UTC",
    "cluster_name=sallyport",
];
const UNSAFE_SETTINGS: [&str; 2] = ["fsync=off", "full_page_writes=off"];

/// What the last server's remains may cause for a moment.
const PASSING: [&str; 2] = ["pre-existing shared memory block", "already exists"];
const ATTEMPTS: usize = 75;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// Recovery after a crash can take a while.
const READY_SECONDS: u64 = 120;
const READY_POLL: Duration = Duration::from_millis(10);

/// A server process that we started and that is our child.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: Pid,
    life: Arc<Life>,
}

/// Shared with the thread that waits for the process. A signal is sent only while `ended` is locked and false, so the
/// process id is still that of our child.
#[derive(Debug, Default)]
struct Life {
    ended: Mutex<bool>,
    changed: Condvar,
    announced: CancellationToken,
}

/// Starts the server of `cluster` and waits until it is ready.
pub(super) fn start(
    launcher: &Launcher,
    data_dir: &DataDir,
    cluster: &Cluster,
    socket: &SocketDir,
    durability: Durability,
) -> Result<Postmaster, PostgresError> {
    let mut log = Log::begin(data_dir.path())?;
    let args = arguments(socket, durability);
    let mut more_attempts = 1..ATTEMPTS;
    loop {
        pidfile::clear(cluster)?;
        // The server says everything on its standard error.
        let mut command = launcher.command("postgres", cluster.path(), &args);
        command.stderr(log.for_attempt()?);
        let postmaster = Postmaster::spawn(command)?;
        if postmaster.is_ready_in_time(cluster, log.path())? {
            return Ok(postmaster);
        }
        let line = log.complaint();
        let passes = PASSING.iter().any(|passing| line.contains(passing));
        if !passes || more_attempts.next().is_none() {
            return Err(PostgresError::Start { line, log: log.path().to_owned() });
        }
        thread::sleep(BETWEEN_ATTEMPTS);
    }
}

fn arguments(socket: &SocketDir, durability: Durability) -> Vec<String> {
    let unsafe_settings = match durability {
        Durability::Full => [].as_slice(),
        Durability::None => UNSAFE_SETTINGS.as_slice(),
    };
    let fixed = SETTINGS.iter().chain(unsafe_settings).map(|&setting| setting.to_owned());
    fixed.chain([socket.setting()]).flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

impl Postmaster {
    /// Spawns from a thread that stays until the process ends: the kernel sends the parent-death signal when the
    /// *thread* that spawned a process ends.
    fn spawn(mut command: Command) -> Result<Self, PostgresError> {
        let (tell, told) = mpsc::sync_channel(1);
        let attend = move || match command.spawn() {
            Ok(child) => {
                let life = Arc::new(Life::default());
                let postmaster = Self { pid: Pid::from_child(&child), life: Arc::clone(&life) };
                // Nobody listens any more only if the process is ending.
                let _ = tell.send(Ok(postmaster));
                life.attend(child);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        };
        thread::Builder::new()
            .name("postgres".into())
            .spawn(attend)
            .map_err(io_error("start a thread for", "postgres"))?;
        told.recv().map_err(|_| PostgresError::Interrupted)?.map_err(io_error("run", "postgres"))
    }

    /// True once ready, false if the process ended before.
    fn is_ready_in_time(&self, cluster: &Cluster, log: &Path) -> Result<bool, PostgresError> {
        for _ in 0..READY_SECONDS * 100 {
            if pidfile::is_ready(cluster, self.pid)? {
                return Ok(true);
            }
            if self.life.has_ended_within(READY_POLL) {
                return Ok(false);
            }
        }
        Err(PostgresError::NotReady { seconds: READY_SECONDS, log: log.to_owned() })
    }

    /// Waits until the process ends.
    pub(super) async fn ended(&self) {
        self.life.announced.cancelled().await;
    }

    /// Stops the server, harder if it takes long, and waits. Blocks.
    pub(super) fn stop(&self) -> Result<(), PostgresError> {
        // Fast shutdown, then immediate shutdown. The last should never be needed.
        for (signal, seconds) in [(Signal::INT, 10), (Signal::QUIT, 10), (Signal::KILL, 5)] {
            self.life.signal(self.pid, signal);
            if self.life.has_ended_within(Duration::from_secs(seconds)) {
                return Ok(());
            }
        }
        Err(PostgresError::DoesNotStop { pid: self.pid.as_raw_nonzero().get() })
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        // There is nobody left to tell; the next start deals with what remains.
        let _ = self.stop();
    }
}

impl Life {
    /// Waits for the child; runs on the thread that spawned it.
    fn attend(&self, mut child: Child) {
        let id = WaitId::Pid(Pid::from_child(&child));
        // Without reaping: until then its number cannot become another process's.
        while let Err(Errno::INTR) = waitid(id.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
        let mut ended = self.lock();
        let _ = child.wait();
        *ended = true;
        self.changed.notify_all();
        self.announced.cancel();
    }

    fn signal(&self, pid: Pid, signal: Signal) {
        let ended = self.lock();
        if !*ended {
            let _ = kill_process(pid, signal);
        }
    }

    fn has_ended_within(&self, limit: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

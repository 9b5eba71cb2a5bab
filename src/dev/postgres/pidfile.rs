//! `postmaster.pid`: whether a server runs, and what to do with one that nobody looks after.

use std::{fs, path::PathBuf, process::Command, thread, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use super::{cluster::Cluster, error::PostgresError};

const FILE: &str = "postmaster.pid";
/// The socket's lock file names the same process and would stop a start just like [`FILE`].
const SOCKET_LOCK: &str = ".s.PGSQL.5432.lock";
const POLL: Duration = Duration::from_millis(10);

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PidFile {
    pid: Pid,
    ready: bool,
}

/// The state of a server that this process may not have started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No server, perhaps a stale file.
    Nothing,
    /// It starts or ends.
    Busy(Pid),
    /// It takes connections.
    Ready(Pid),
}

/// Looks for a live server of this cluster.
pub(super) fn look(cluster: &Cluster) -> Result<Found, PostgresError> {
    let Some(file) = cluster.read(FILE)?.as_deref().and_then(parse) else { return Ok(Found::Nothing) };
    Ok(match (is_server_of(file.pid, cluster), file.ready) {
        (false, _) => Found::Nothing,
        (true, false) => Found::Busy(file.pid),
        (true, true) => Found::Ready(file.pid),
    })
}

/// Whether `pid`, a child of ours, has declared itself ready.
pub(super) fn is_ready(cluster: &Cluster, pid: Pid) -> Result<bool, PostgresError> {
    Ok(cluster.read(FILE)?.as_deref().and_then(parse) == Some(PidFile { pid, ready: true }))
}

/// Stops a server that a killed process left behind and removes stale files. The caller holds the data directory's lock.
pub(super) fn clear(cluster: &Cluster) -> Result<(), PostgresError> {
    if let Found::Busy(orphan) | Found::Ready(orphan) = look(cluster)? {
        stop(orphan, cluster)?;
    }
    cluster.remove(FILE)?;
    cluster.remove(SOCKET_LOCK)
}

fn stop(orphan: Pid, cluster: &Cluster) -> Result<(), PostgresError> {
    for (signal, seconds) in [(Signal::INT, 20), (Signal::QUIT, 10)] {
        // It may be gone already, which the loop sees.
        let _ = kill_process(orphan, signal);
        for _ in 0..seconds * 100 {
            if !is_server_of(orphan, cluster) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
    }
    Err(PostgresError::DoesNotStop { pid: orphan.as_raw_nonzero().get() })
}

/// Line 1 is the process, line 8 its state. PostgreSQL writes the lines one after the other.
fn parse(text: &str) -> Option<PidFile> {
    // A stand-alone backend writes its number negated.
    let pid = text.lines().next()?.trim().parse::<i32>().ok()?.checked_abs()?;
    let ready = text.lines().nth(7).is_some_and(|state| state.trim() == "ready");
    Pid::from_raw(pid).map(|pid| PidFile { pid, ready })
}

/// Whether the process is alive and works in this cluster's directory. PostgreSQL itself would take any live process
/// or zombie of the same user for a server.
fn is_server_of(pid: Pid, cluster: &Cluster) -> bool {
    let proc = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    if PathBuf::from("/proc/self/stat").exists() {
        let alive = fs::read_to_string(proc.join("stat")).is_ok_and(|stat| !has_ended(&stat));
        return alive && cluster.is_at(&proc.join("cwd"));
    }
    let pid = pid.as_raw_nonzero().to_string();
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid]).output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(&format!("-D {}", cluster.path().display()))
    })
}

/// The state follows the program's name, which may hold anything, in parentheses.
fn has_ended(stat: &str) -> bool {
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_none_or(|state| state.starts_with(['Z', 'X', 'x']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_only_when_line_eight_says_so() {
        let starting = "4242\n/proc/self/fd/9\n1790000000\n5432\n.\n\n   163845         3\n";
        let pid = Pid::from_raw(4242).unwrap();
        assert_eq!(parse(&format!("{starting}ready   \n")), Some(PidFile { pid, ready: true }));
        assert_eq!(parse(&format!("{starting}stopping\n")), Some(PidFile { pid, ready: false }));
        assert_eq!(parse(starting), Some(PidFile { pid, ready: false }));
    }

    #[test]
    fn nonsense_names_no_process() {
        for text in ["", "\n", "ready", "0\n", "-2147483648\n", "99999999999\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_zombie_has_ended_whatever_its_name() {
        assert!(has_ended("77 (postgres) Z 1 77"));
        assert!(has_ended("77 (a) S) Z 1 77"));
        assert!(!has_ended("77 (post) Z) S 1 77"));
        assert!(has_ended(""));
    }
}

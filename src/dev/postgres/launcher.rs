//! How a PostgreSQL program is started: as whom, with which directory, and bound to our life.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::geteuid;

use super::{
    account::{self, Ids},
    binaries::{self, Binaries},
    cluster::Cluster,
    error::PostgresError,
};

/// PostgreSQL must be able to come back to the directory it was started in: `/` always works.
const AS_OURSELVES: &str = "cd / && exec \"$@\"";
/// Also keeps the cluster's directory open, as number 9: its user may be unable to enter the directories above, but an
/// inherited descriptor leads there.
const AS_ANOTHER: &str = "exec 9<. && cd / && exec \"$@\"";

/// Starts PostgreSQL's programs.
#[derive(Debug)]
pub(super) struct Launcher {
    binaries: Binaries,
    search_path: OsString,
    /// The user to change to; `None` if the programs run as ourselves.
    run_as: Option<Ids>,
    /// A `setpriv` that can make the kernel signal a child when its parent dies.
    setpriv: Option<PathBuf>,
}

impl Launcher {
    /// Finds out what is needed to run the server of `cluster`, or to create one.
    pub(super) fn prepare(cluster: Option<&Cluster>) -> Result<Self, PostgresError> {
        let search_path = binaries::search_path();
        let version = match cluster {
            Some(cluster) => Some((cluster.path(), cluster.version()?)),
            None => None,
        };
        let binaries = Binaries::find(&search_path, version)?;
        let setpriv = find_setpriv(&search_path);
        let run_as = match (geteuid().is_root(), cluster.map(Cluster::owner)) {
            (false, _) => None,
            (true, _) if setpriv.is_none() => return Err(PostgresError::NoSetpriv),
            (true, Some(owner)) if owner.uid != 0 => Some(owner),
            (true, _) => Some(account::unprivileged()?),
        };
        Ok(Self { binaries, search_path, run_as, setpriv })
    }

    /// The user that the programs run as, if it is not our own.
    pub(super) fn run_as(&self) -> Option<Ids> {
        self.run_as
    }

    /// `program -D pgdata args`, with nothing of our environment, in a process group of its own (so that Ctrl-C at the
    /// terminal reaches us only), interrupted by the kernel when the *thread* that spawns it ends.
    pub(super) fn command<A: AsRef<OsStr>>(
        &self,
        program: &str,
        pgdata: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let (script, directory) = match self.run_as {
            Some(_) => (AS_ANOTHER, Path::new("/proc/self/fd/9")),
            None => (AS_OURSELVES, pgdata),
        };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script, "sallyport-postgres"])
            .args(self.privileges())
            .arg(self.binaries.program(program))
            .arg("-D")
            .arg(directory)
            .args(args)
            .current_dir(pgdata)
            .env_clear()
            .env("PATH", &self.search_path)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0);
        command
    }

    fn privileges(&self) -> Vec<OsString> {
        let Some(setpriv) = &self.setpriv else { return Vec::new() };
        let mut line = vec![setpriv.into(), "--pdeathsig".into(), "INT".into(), "--no-new-privs".into()];
        if let Some(Ids { uid, gid }) = self.run_as {
            line.extend([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()].map(Into::into));
        }
        line.push("--".into());
        line
    }
}

/// Not every `setpriv` knows the option (BusyBox), so it is tried.
fn find_setpriv(search_path: &OsStr) -> Option<PathBuf> {
    let setpriv = std::env::split_paths(search_path)
        .chain(["/usr/bin".into()])
        .map(|dir| dir.join("setpriv"))
        .find(|program| program.is_absolute() && program.is_file())?;
    let tried = Command::new(&setpriv)
        .args(["--pdeathsig", "INT", "--no-new-privs", "--", "true"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    tried.status.success().then_some(setpriv)
}

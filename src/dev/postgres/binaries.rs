//! Where this machine has PostgreSQL's server programs.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::error::PostgresError;

/// The oldest major version whose features the schema uses.
const OLDEST: u32 = 15;

/// Directories that packages use, `*` standing for a version: Debian, Red Hat, Alpine, Homebrew (Apple and Intel),
/// Postgres.app, a build from source.
const USUAL_PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr/local", "pgsql", "bin"),
];

/// The programs of one installed version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// The programs in the version that `cluster` (its directory and major version) needs. Without one: those in
    /// `search_path`, else the newest in the usual places.
    pub(super) fn find(search_path: &OsStr, cluster: Option<(&Path, u32)>) -> Result<Self, PostgresError> {
        choose(installed(search_path), cluster)
    }

    /// A program's full path.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The directories in which to look for programs.
#[expect(clippy::disallowed_methods, reason = "PATH says where programs are; it configures nothing of ours")]
pub(super) fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into())
}

/// What is here, best first.
fn installed(search_path: &OsStr) -> Vec<Binaries> {
    let mut found: Vec<_> = std::env::split_paths(search_path).filter_map(inspect).collect();
    let mut packaged: Vec<_> = USUAL_PLACES.iter().flat_map(versions_in).filter_map(inspect).collect();
    packaged.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found.append(&mut packaged);
    found
}

fn versions_in((parent, prefix, rest): &(&str, &str, &str)) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)))
        .map(|entry| entry.path().join(rest))
        .collect()
}

fn inspect(dir: PathBuf) -> Option<Binaries> {
    let (postgres, initdb) = (dir.join("postgres"), dir.join("initdb"));
    if !dir.is_absolute() || !postgres.is_file() || !initdb.is_file() {
        return None;
    }
    let output = Command::new(postgres).arg("--version").output().ok()?;
    let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { dir, major })
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian 15.14-1)`, also `17beta1`.
fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn choose(installed: Vec<Binaries>, cluster: Option<(&Path, u32)>) -> Result<Binaries, PostgresError> {
    let newest = installed.iter().map(|binaries| binaries.major).max().ok_or(PostgresError::Missing)?;
    let fits = |binaries: &Binaries| match cluster {
        Some((_, needed)) => binaries.major == needed,
        None => binaries.major >= OLDEST,
    };
    installed.into_iter().find(fits).ok_or_else(|| match cluster {
        Some((path, needed)) => PostgresError::OtherVersion { path: path.to_owned(), needed },
        None => PostgresError::TooOld { found: newest },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(major: u32) -> Binaries {
        Binaries { dir: format!("/pg/{major}").into(), major }
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major_version("BusyBox v1.36"), None);
    }

    #[test]
    fn the_first_that_is_new_enough_wins() {
        assert_eq!(choose(vec![of(14), of(16), of(17)], None).unwrap(), of(16));
    }

    #[test]
    fn an_existing_cluster_gets_its_own_version() {
        let here = Path::new("/data/pgdata");
        assert_eq!(choose(vec![of(17), of(15)], Some((here, 15))).unwrap(), of(15));
        let error = choose(vec![of(17)], Some((here, 15))).unwrap_err().to_string();
        assert!(error.starts_with("/data/pgdata was made by PostgreSQL 15, which is not installed"), "{error}");
    }

    #[test]
    fn missing_and_too_old_are_told_apart() {
        assert!(matches!(choose(vec![], None), Err(PostgresError::Missing)));
        assert!(matches!(choose(vec![of(13), of(14)], None), Err(PostgresError::TooOld { found: 14 })));
    }

    #[test]
    fn a_path_without_the_programs_yields_only_packaged_ones() {
        let elsewhere = installed(OsStr::new("/nonexistent:relative"));
        assert!(elsewhere.iter().all(|binaries| binaries.dir.is_absolute()));
    }
}

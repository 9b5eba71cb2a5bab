//! Operating-system users, as `/etc/passwd` lists them.

use std::{fs, io, os::fd::AsFd, process::Command};

use rustix::process::geteuid;

use super::error::PostgresError;

const PASSWD: &str = "/etc/passwd";

/// Whom a process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Ids {
    /// Hands `file` over, unless it is for ourselves.
    pub(super) fn give(self, file: impl AsFd) -> io::Result<()> {
        if self.uid == geteuid().as_raw() {
            return Ok(());
        }
        std::os::unix::fs::fchown(file, Some(self.uid), Some(self.gid))
    }
}

/// The user for the server when we are root: `postgres`, else `nobody`.
pub(super) fn unprivileged() -> Result<Ids, PostgresError> {
    let passwd = read_passwd();
    ["postgres", "nobody"].iter().find_map(|name| ids_of(&passwd, name)).ok_or(PostgresError::NoUnprivilegedUser)
}

/// The name of the user we are, in which the server will recognise us.
pub(super) fn own_name() -> Result<String, PostgresError> {
    let uid = geteuid().as_raw();
    name_of(&read_passwd(), uid)
        .or_else(ask_id)
        .filter(|name| can_be_mapped(name))
        .ok_or(PostgresError::NoUserName { uid })
}

fn read_passwd() -> String {
    fs::read(PASSWD).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Users from a directory service (macOS, LDAP) are not in the file.
fn ask_id() -> Option<String> {
    let output = Command::new("id").arg("-un").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// A name that means itself inside double quotes in `pg_ident.conf`; a leading slash would start a pattern.
fn can_be_mapped(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('/') && !name.contains(|c: char| c == '"' || c.is_control())
}

fn ids_of(passwd: &str, name: &str) -> Option<Ids> {
    entries(passwd).find(|entry| entry.0 == name && entry.1.uid != 0).map(|entry| entry.1)
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    entries(passwd).find(|entry| entry.1.uid == uid).map(|entry| entry.0.to_owned())
}

fn entries(passwd: &str) -> impl Iterator<Item = (&str, Ids)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let _password = fields.next()?;
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, Ids { uid, gid }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "root:x:0:0:root:/root:/bin/bash\n# broken\nhalf:x:7\npostgres:x:101:104:,,,:/var/lib:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";

    #[test]
    fn users_are_found_by_name_and_by_id() {
        assert_eq!(ids_of(SAMPLE, "postgres"), Some(Ids { uid: 101, gid: 104 }));
        assert_eq!(name_of(SAMPLE, 65534).as_deref(), Some("nobody"));
        assert_eq!(ids_of(SAMPLE, "half"), None);
        assert_eq!(name_of(SAMPLE, 7), None);
    }

    #[test]
    fn a_second_name_of_root_is_no_unprivileged_user() {
        assert_eq!(ids_of("postgres:x:0:0::/:/bin/sh", "postgres"), None);
    }

    #[test]
    fn names_that_pg_ident_would_read_as_something_else_are_refused() {
        assert!(can_be_mapped("some.user@example.com"));
        for name in ["", "/^.*$", "a\"b", "a\nb"] {
            assert!(!can_be_mapped(name), "{name:?}");
        }
    }
}

//! Making a cluster, and who may connect to it.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use super::{
    DbRole, Durability, cluster::Cluster, datadir::DataDir, error::PostgresError, io_error, launcher::Launcher, log,
};

/// Runs `initdb`. An attempt that was cut off leaves no half cluster: the directory gets its name at the end.
pub(super) fn create(
    launcher: &Launcher,
    data_dir: &DataDir,
    durability: Durability,
) -> Result<Cluster, PostgresError> {
    let staging = data_dir.path().join("pgdata.new");
    make_empty(&staging, launcher).map_err(io_error("create", &staging))?;
    // The bootstrap role is a superuser, which row-level security does not bind: never one that Sallyport works as.
    let mut args =
        vec!["-U", DbRole::Superuser.name(), "-E", "UTF8", "--locale=C", "--auth-local=peer", "--auth-host=reject"];
    if durability == Durability::None {
        args.push("--no-sync");
    }
    let output = launcher.command("initdb", &staging, args).output().map_err(io_error("run", "initdb"))?;
    if !output.status.success() {
        return Err(PostgresError::InitDb { line: log::complaint(&String::from_utf8_lossy(&output.stderr)) });
    }
    let pgdata = data_dir.pgdata();
    fs::rename(&staging, &pgdata).map_err(io_error("create", &pgdata))?;
    File::open(data_dir.path()).and_then(|dir| dir.sync_all()).map_err(io_error("write", data_dir.path()))?;
    Cluster::open(pgdata)?.ok_or_else(|| PostgresError::InitDb { line: "it left no directory".into() })
}

fn make_empty(dir: &Path, launcher: &Launcher) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => DirBuilder::new().mode(0o700).create(dir)?,
    }
    match launcher.run_as() {
        Some(ids) => ids.give(File::open(dir)?),
        None => Ok(()),
    }
}

/// Lets in the operating-system user `user`, as any of our roles, over the socket. Nobody else, nothing else.
pub(super) fn write_authentication(cluster: &Cluster, user: &str) -> Result<(), PostgresError> {
    let roles = [DbRole::Superuser, DbRole::Owner, DbRole::App];
    let ident: String = roles.iter().map(|role| format!("sallyport \"{user}\" {}\n", role.name())).collect();
    cluster.replace("pg_ident.conf", &ident)?;
    cluster.replace("pg_hba.conf", "local all all peer map=sallyport\n")
}

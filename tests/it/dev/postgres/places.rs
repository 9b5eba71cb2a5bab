//! Where data directories may lie, and whose they are.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use rustix::process::{Signal, geteuid, kill_process};
use sallyport::dev::postgres::running;

use super::{Scratch, postmaster_pid, recall, remember, start};

#[tokio::test]
async fn only_pgdata_belongs_to_the_servers_user() {
    let scratch = Scratch::new("ownership");
    let postgres = start(&scratch.data_dir()).await;
    let server = fs::metadata(format!("/proc/{}", postmaster_pid(&scratch.data_dir()).as_raw_nonzero())).unwrap().uid();
    let me = geteuid().as_raw();
    // Postgres would refuse to be root; anybody else keeps what is theirs.
    assert_eq!(server == me, me != 0);
    let expected = [(".", me, 0o700), ("lock", me, 0o600), ("postgres.log", me, 0o600), ("pgdata", server, 0o700)];
    for (name, uid, mode) in expected {
        let meta = fs::metadata(scratch.data_dir().join(name)).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o777), (uid, mode), "{name}");
    }
    let above = fs::metadata(&scratch.0).unwrap();
    assert_eq!((above.uid(), above.mode() & 0o777), (me, 0o700));
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_works() {
    let scratch = Scratch::new("long-path");
    let data_dir = scratch.0.join("long".repeat(30));
    let first = start(&data_dir).await;
    remember(&first, 1).await;
    let socket_dir = fs::read_to_string(data_dir.join("socket-dir")).unwrap();
    assert_eq!(fs::metadata(&socket_dir).unwrap().mode() & 0o777, 0o700);
    assert!(running(&data_dir).is_some());

    // A killed server leaves its socket behind, and the next one uses the same place.
    kill_process(postmaster_pid(&data_dir), Signal::KILL).unwrap();
    first.ended().await;
    drop(first);
    assert!(running(&data_dir).is_none());
    let second = start(&data_dir).await;
    assert_eq!(recall(&second).await, [1]);
    assert_eq!(fs::read_to_string(data_dir.join("socket-dir")).unwrap(), socket_dir);

    second.stop().await.unwrap();
    assert!(!Path::new(&socket_dir).exists());
}

#[tokio::test]
async fn a_short_socket_directory_of_somebody_else_is_not_used() {
    let scratch = Scratch::new("planted");
    let data_dir = scratch.0.join("long".repeat(30));
    start(&data_dir).await.stop().await.unwrap();
    let planted = fs::read_to_string(data_dir.join("socket-dir")).unwrap();
    std::os::unix::fs::symlink(&scratch.0, &planted).unwrap();

    let postgres = start(&data_dir).await;
    assert_ne!(fs::read_to_string(data_dir.join("socket-dir")).unwrap(), planted);
    remember(&postgres, 1).await;
    fs::remove_file(planted).unwrap();
}

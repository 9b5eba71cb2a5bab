//! Commands with `--data-dir`, while `sallyport dev` runs and while it does not.

use sallyport::dev::postgres::{Attached, DbRole, Durability, PostgresError, PrivatePostgres, attach, running};
use sqlx::ConnectOptions;

use super::{Scratch, recall, remember, start};

#[tokio::test]
async fn a_command_uses_the_server_that_runs() {
    let scratch = Scratch::new("attach-running");
    let dev = start(&scratch.data_dir()).await;
    remember(&dev, 1).await;
    let command = attach(&scratch.data_dir()).await.unwrap();
    assert!(matches!(command, Attached::Running(_)));
    command.connector().connect_options(DbRole::Owner, "memory").connect().await.unwrap();
    command.close().await.unwrap();
    assert_eq!(recall(&dev).await, [1], "the server goes on");
}

#[tokio::test]
async fn a_command_starts_a_server_when_none_runs() {
    let scratch = Scratch::new("attach-stopped");
    let dev = start(&scratch.data_dir()).await;
    remember(&dev, 1).await;
    dev.stop().await.unwrap();

    let command = attach(&scratch.data_dir()).await.unwrap();
    assert!(matches!(command, Attached::Started(_)));
    command.connector().connect_options(DbRole::Owner, "memory").connect().await.unwrap();
    // It ends with the command, so nobody else may count on it.
    assert!(running(&scratch.data_dir()).is_none());
    let error = PrivatePostgres::start(&scratch.data_dir(), Durability::None).await.unwrap_err();
    assert!(error.to_string().starts_with("another `sallyport` command uses "), "{error}");
    command.close().await.unwrap();
    start(&scratch.data_dir()).await.stop().await.unwrap();
}

#[tokio::test]
async fn commands_wait_for_each_other() {
    let scratch = Scratch::new("attach-both");
    start(&scratch.data_dir()).await.stop().await.unwrap();
    let work = || async {
        let command = attach(&scratch.data_dir()).await.unwrap();
        assert!(matches!(command, Attached::Started(_)));
        command.connector().ensure_database("shared").await.unwrap();
        command.close().await.unwrap();
    };
    tokio::join!(work(), work(), work());
}

#[tokio::test]
async fn a_command_makes_no_installation() {
    let scratch = Scratch::new("attach-nothing");
    let error = attach(&scratch.data_dir()).await.unwrap_err();
    assert!(matches!(error, PostgresError::NoInstallation { .. }));
    assert!(error.to_string().contains("run `sallyport dev` first"), "{error}");
    assert!(!scratch.data_dir().exists());
}

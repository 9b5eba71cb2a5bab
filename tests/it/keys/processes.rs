//! Several processes: a new key is known to all before it is used by one.

use sallyport::{
    jobs::key_file::Watch,
    keys::{
        KeyKind,
        rotation::{RotationError, outside},
    },
    store::keys::Process,
};

use super::{LONG, commands::Site};
use crate::harness::{app::TestApp, process::Serving, scratch::Scratch};

#[tokio::test]
async fn a_key_is_used_when_every_process_knows_it_and_each_takes_it_up() {
    let scratch = Scratch::new();
    let path = scratch.path("keys.toml");
    let source = sallyport::config::KeySource::File(path.clone());
    let app = TestApp::start_with(|config| config.keys.source = Some(source)).await;
    scratch.write("keys.toml", &app.key_file);
    let (there, mut here, mut watch) = (app.sibling().await, Watch::default(), Watch::default());
    watch.look(&there).await.unwrap();
    here.look(&app.app).await.unwrap();

    let mut file = sallyport::keys::KeyFile::parse(&app.key_file).unwrap();
    let new = file.add(KeyKind::Pepper, &app.app.entropy).unwrap();
    scratch.write("keys.toml", &file.render());
    here.look(&app.app).await.unwrap();
    assert!(app.app.keyring.has(KeyKind::Pepper, &new) && app.app.keyring.in_use(KeyKind::Pepper) != new);
    let recorder = app.recorder();
    let use_it = || outside::put_in_use(&app.app.store, &app.app.keyring, &recorder, KeyKind::Pepper, &new);
    let refused = use_it().await.unwrap_err();
    let said = format!("1 of 2 known processes do not know the pepper key \"{new}\" yet: {}", there.process);
    assert_eq!(refused.to_string(), said);
    let RotationError::NotEverywhere { lacking, processes, .. } = refused else { panic!("{refused}") };
    assert_eq!((lacking, processes), (vec![Process { id: there.process, silent: false }], 2));
    watch.look(&there).await.unwrap();
    use_it().await.unwrap();
    let holders = || outside::holders(&app.app.store, KeyKind::Pepper, &new);
    assert_eq!(holders().await.unwrap().use_it, 0, "nobody has looked yet");
    here.look(&app.app).await.unwrap();
    watch.look(&there).await.unwrap();
    assert_eq!(there.keyring.in_use(KeyKind::Pepper), new);
    assert!(holders().await.unwrap().all_use_it());

    // Another file takes nothing away from a process that serves; without its keys it does not start again.
    scratch.write("keys.toml", "noise");
    watch.look(&there).await.unwrap();
    scratch.write("keys.toml", &app.key_file);
    watch.look(&there).await.unwrap();
    assert_eq!(there.keyring.in_use(KeyKind::Pepper), new);
    // One that lacks what others use, however that came about, cannot go on.
    let behind = app.app.store.clone();
    let ring = sallyport::keys::Keyring::parse(&app.key_file).unwrap();
    assert!(behind.check_keys(&ring, &app.recorder()).await.is_err());
    there.keyring.replace(&ring);
    assert!(watch.look(&there).await.unwrap_err().to_string().contains("which this database uses"));
}

/// A process that kept it for seconds more would go on finding what somebody plants under it.
#[tokio::test]
async fn a_key_is_retired_by_force_when_no_running_process_has_it() {
    let site = Site::new().await;
    let more = [("SALLYPORT_LISTEN", "127.0.0.1:0"), ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0")];
    let _serving = Serving::start(&[&site.variables()[..], &more].concat());
    let query = "select key_id from key_check where kind = 'pepper' and in_use";
    let old: String = sqlx::query_scalar(query).fetch_one(&site.db.owner).await.unwrap();
    site.done(&["keys", "rotate", "pepper"]);
    let said = site.done(&["keys", "retire", "pepper", &old, "--force", "--yes"]);
    assert!(!said.contains("not put it aside"), "{said}");
    let known = "select count(*) from key_holder h join node n on n.process = h.process where key_id = $1";
    let known: i64 = sqlx::query_scalar(known).bind(&old).fetch_one(&site.db.owner).await.unwrap();
    assert_eq!(known, 0);
}

#[tokio::test]
async fn a_running_server_takes_up_another_key_without_a_restart() {
    let site = Site::new().await;
    let more = [("SALLYPORT_LISTEN", "127.0.0.1:0"), ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0")];
    let mut serving = Serving::start(&[&site.variables()[..], &more].concat());
    let said = site.done(&["keys", "rotate", "pepper"]);
    let new = said.split(" is in use").next().and_then(|said| said.rsplit(' ').next()).unwrap().to_owned();
    serving.wait_for("the key file was read again");
    let told = async {
        loop {
            let uses: bool = sqlx::query_scalar(
                "select exists (select from key_holder where kind = 'pepper' and key_id = $1 and in_use)",
            )
            .bind(&new)
            .fetch_one(&site.db.owner)
            .await
            .unwrap();
            if uses {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, told).await.expect("it uses the new key");
}

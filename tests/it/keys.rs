//! Keys follow one another: what was made with the old one works, moves, and then does without it.

pub(crate) mod commands;
mod kek;
mod pepper;
mod processes;
mod retire;
mod signing;

use std::time::Duration;

use sallyport::{
    jobs::key_file::Watch,
    keys::{
        KeyFile, KeyKind, Keyring,
        rotation::{
            outside,
            retire::{Retired, retire},
        },
    },
    store::keys::{self as rows, KeyValues},
};

use crate::harness::app::TestApp;

/// Far longer than it takes, so that a failure ends.
const LONG: Duration = Duration::from_secs(20);

/// What came of a rotation.
pub(crate) struct Rotated {
    pub(crate) old: String,
    pub(crate) new: String,
    /// The key file with both.
    pub(crate) file: KeyFile,
}

/// Adds a key to the application's key file. It is known, and not used.
pub(crate) async fn stage(app: &TestApp, kind: KeyKind) -> Rotated {
    let keyring = &app.app.keyring;
    let old = keyring.in_use(kind);
    let mut file = KeyFile::parse(&app.key_file).unwrap();
    let new = file.add(kind, &app.app.entropy).unwrap();
    keyring.replace(&file.keyring().unwrap());
    Watch::default().look(&app.app).await.unwrap();
    assert_eq!(keyring.in_use(kind), old, "known first");
    Rotated { old, new, file }
}

/// Puts a key in use that every process knows.
pub(crate) async fn use_it(app: &TestApp, kind: KeyKind, id: &str) {
    let keyring = &app.app.keyring;
    outside::put_in_use(&app.app.store, keyring, &app.recorder(), kind, id).await.unwrap();
    Watch::default().look(&app.app).await.unwrap();
    assert_eq!(keyring.in_use(kind), id);
}

/// Adds a key to the application's key file and puts it in use, as the command and the background work do.
pub(crate) async fn rotate(app: &TestApp, kind: KeyKind) -> Rotated {
    let rotated = stage(app, kind).await;
    use_it(app, kind, &rotated.new).await;
    rotated
}

/// What a key holds.
pub(crate) async fn held(app: &TestApp, kind: KeyKind, id: &str) -> Vec<KeyValues> {
    let mut tx = app.app.store.platform_tx().await.unwrap();
    let values = rows::values(&mut tx, app.clock.now()).await.unwrap();
    values.into_iter().filter(|values| values.kind == kind && values.id == id).collect()
}

/// Sorts, with how many of them are live and spent, in order.
fn counts(values: &[KeyValues]) -> Vec<(&str, u64, u64)> {
    let mut counts: Vec<_> = values.iter().map(|values| (values.what.as_str(), values.live, values.spent)).collect();
    counts.sort_unstable();
    counts
}

/// Waits until the key holds nothing that is live, and says what is spent.
async fn until_nothing_lives(app: &TestApp, kind: KeyKind, id: &str) -> Vec<(String, u64)> {
    let emptied = async {
        loop {
            let values = held(app, kind, id).await;
            if values.iter().all(|values| values.live == 0) {
                return values.into_iter().map(|values| (values.what, values.spent)).collect();
            }
            tokio::task::yield_now().await;
        }
    };
    match tokio::time::timeout(LONG, emptied).await {
        Ok(spent) => spent,
        Err(_) => panic!("it still holds {:?}", held(app, kind, id).await),
    }
}

/// Retires a key as the command does, and returns when every process has heard of it.
async fn retired(app: &TestApp, keyring: &Keyring, kind: KeyKind, id: &str, force: bool) -> Result<Retired, String> {
    let (retired, ticket) =
        retire(&app.app.store, keyring, &app.recorder(), (kind, id), force).await.map_err(|error| error.to_string())?;
    if let Some(ticket) = ticket {
        app.app.node.settle(ticket).await.unwrap();
    }
    Ok(retired)
}

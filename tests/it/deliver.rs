//! What collectors and anchors are told, by receivers of these tests' own over real sockets.

mod anchors;
mod killed;
mod receiver;
mod ship;
mod syslog;

use std::sync::Arc;

use sallyport::{
    app::App,
    audit::Event,
    config::{Remote, ShipFormat, ShipKind, ShipTarget},
    deliver::{Courier, Pace},
    ids::TenantId,
    secret::SecretText,
    store,
};
use url::Url;

use crate::{audit::sequence::settled, harness::app::TestApp};

/// What no error may have in it.
const SECRET: &str = "opensesame-0123456789";

fn remote(url: &str) -> Remote {
    let secret = Some(SecretText::new(SECRET.to_owned()));
    Remote { url: Url::parse(url).unwrap(), user: None, secret, ca_file: None }
}

fn target(kind: ShipKind, format: ShipFormat, url: &str) -> ShipTarget {
    ShipTarget { name: "siem".to_owned(), kind, format, remote: remote(url), index: None }
}

/// An application with one collector.
async fn shipping(target: ShipTarget) -> (TestApp, TenantId) {
    let app = TestApp::start_with(|config| config.audit.ship = vec![target]).await;
    let tenant = app.tenant("acme").await.id;
    (app, tenant)
}

/// So many events happen and come into the log. How many entries it has then.
async fn happen(app: &TestApp, log: TenantId, events: usize) -> u64 {
    let recorder = app.app.recorder(None);
    let mut tx = app.app.store.tenant_tx(log).await.unwrap();
    let event = |n| Event::changed(format!("server/{n}"), "created");
    recorder.record_many(&mut tx, (0..events).map(event)).await.unwrap();
    tx.commit().await.unwrap();
    settled(app, log).await;
    let mut tx = app.app.store.tenant_tx(log).await.unwrap();
    store::audit_log::head(&mut tx).await.unwrap().unwrap().size
}

fn courier(app: &App) -> Arc<Courier> {
    app.couriers[0].clone()
}

/// Rounds until the target has everything; how many entries it accepted.
async fn all(app: &App) -> u64 {
    let mut sent = 0;
    loop {
        let round = courier(app).round(app, &mut Pace::default()).await.unwrap();
        assert!(round.troubles.is_empty(), "{:?}", round.troubles);
        sent += round.sent;
        if round.sent == 0 && !round.more {
            return sent;
        }
    }
}

/// What is wrong, which never has the secret in it.
async fn trouble(app: &App) -> String {
    let round = courier(app).round(app, &mut Pace::default()).await.unwrap();
    let (_, error) = round.troubles.last().expect("something is wrong");
    let text = format!("{error} {error:?} {:?}", courier(app));
    assert!(!text.contains(SECRET) && !text.contains("b3BlbnNlc2FtZS"), "{text}");
    error.to_string()
}

//! While the database does not take what was counted, the counts grow and nothing else does.

use std::net::Ipv4Addr;

use sallyport::{
    audit::{Recorder, Refused},
    http::address::ClientAddress,
    ids::TenantId,
    jobs::refusals,
    secret::Entropy,
};
use sqlx::AssertSqlSafe;

use super::{refusals_of, tally};
use crate::harness::app::TestApp;

const ABSENT: Refused = Refused::Bearer("absent");

fn from(number: u32) -> ClientAddress {
    ClientAddress(Ipv4Addr::from_bits(number).into())
}

async fn change(app: &TestApp, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&app.db.owner).await.unwrap();
}

fn waiting(app: &TestApp) -> u64 {
    let numbers = app.app.metrics.encode().unwrap();
    let (_, rest) = numbers.split_once("\nsallyport_refused_events_waiting ").unwrap();
    rest.lines().next().unwrap().parse().unwrap()
}

fn count(app: &TestApp, tenant: TenantId, sources: u32) {
    for number in 0..sources {
        app.app.refused(Some(tenant), ABSENT, from(number));
    }
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_piles_up() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    change(&app, "revoke insert on audit_event from sallyport_app").await;
    for round in 1..=20_u64 {
        count(&app, acme.id, 20);
        refusals::write(&app.app).await.unwrap_err();
        assert_eq!(waiting(&app), 20, "after {round} writings there are as many rows as after one");
    }
    change(&app, "grant insert on audit_event to sallyport_app").await;
    // The rows that waited, and then those that came meanwhile.
    for _ in 0..2 {
        refusals::write(&app.app).await.unwrap();
        assert_eq!(waiting(&app), 0);
    }
    let events = refusals_of(&app, acme.id).await;
    assert_eq!(events.len(), 40);
    assert_eq!(tally(&events), [("bearer.refused absent".to_owned(), 20 * 20)].into());
}

/// Without randomness there are no ids for events. What was counted waits until there is some.
#[tokio::test]
async fn nothing_is_lost_while_no_event_can_be_made() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let entropy = Entropy::manual();
    let recorder = Recorder { entropy: entropy.clone(), ..app.recorder() };
    let write = || app.app.lane.write(&app.app.store, &app.app.keyring, &recorder);
    entropy.run_dry(true);
    for tenant in [&acme, &other] {
        count(&app, tenant.id, 7);
    }
    for _ in 0..2 {
        write().await.unwrap_err();
        assert_eq!(waiting(&app), 14);
    }
    entropy.run_dry(false);
    write().await.unwrap();
    for tenant in [&acme, &other] {
        assert_eq!(tally(&refusals_of(&app, tenant.id).await), [("bearer.refused absent".to_owned(), 7)].into());
    }
}

/// A tenant of whose rows the database takes none does not keep others waiting.
#[tokio::test]
async fn one_tenants_trouble_is_not_anothers() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    change(
        &app,
        &format!(
            "alter table audit_event add constraint trouble check (tenant <> '{}' or kind not like 'bearer.%')",
            acme.id
        ),
    )
    .await;
    for _ in 0..2 {
        count(&app, acme.id, 1);
        count(&app, other.id, 1);
        // Whichever comes first, the other one is first the next time.
        refusals::write(&app.app).await.unwrap_err();
    }
    let written = app.app.store.audit_recent(other.id, 100).await.unwrap();
    assert!(written.iter().any(|event| event.kind == "bearer.refused"));
}

#[tokio::test]
async fn a_process_that_ends_writes_what_it_has_and_waits_for_no_database() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    change(&app, "revoke insert on audit_event from sallyport_app").await;
    count(&app, acme.id, 3);
    refusals::write(&app.app).await.unwrap_err();
    change(&app, "grant insert on audit_event to sallyport_app").await;
    count(&app, acme.id, 3);
    refusals::finish(&app.app).await;
    let events = app.app.store.audit_recent(acme.id, 100).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "bearer.refused").count(), 6);

    count(&app, acme.id, 3);
    app.app.store.close().await;
    // It ends: a test that hangs here fails.
    refusals::finish(&app.app).await;
}

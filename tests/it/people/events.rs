//! What the audit log says of logins.

use sallyport::{ids::TenantId, jobs::refusals, store::audit::EventRow};

use crate::harness::app::TestApp;

/// The events of a tenant, oldest first, as kind and body.
pub(super) async fn events(app: &TestApp, tenant: TenantId) -> Vec<EventRow> {
    let mut events = app.app.store.audit_recent(tenant, 1000).await.unwrap();
    events.reverse();
    events
}

/// How many failed logins were counted: those whose password was looked at, and those that were not.
pub(super) async fn failures(app: &TestApp, tenant: TenantId) -> (u64, u64) {
    counted(app, tenant, "login.failed").await
}

/// The same of another kind.
pub(super) async fn counted(app: &TestApp, tenant: TenantId, kind: &str) -> (u64, u64) {
    refusals::write(&app.app).await.unwrap();
    let events = events(app, tenant).await;
    let failed = events.iter().filter(|event| event.kind == kind);
    let (throttled, tried): (Vec<_>, Vec<_>) = failed.partition(|event| event.body["throttled"] == true);
    let sum = |events: Vec<&EventRow>| events.iter().map(|event| event.body["count"].as_u64().unwrap()).sum();
    (sum(tried), sum(throttled))
}

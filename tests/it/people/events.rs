//! What the audit log says of logins.

use sallyport::{ids::TenantId, store::audit::EventRow};

use crate::harness::app::TestApp;

/// The events of a tenant, oldest first, as kind and body.
pub(super) async fn events(app: &TestApp, tenant: TenantId) -> Vec<EventRow> {
    let mut events = app.app.store.audit_recent(tenant, 1000).await.unwrap();
    events.reverse();
    events
}

/// How many failed logins were recorded: those whose password was looked at, and those that were not.
pub(super) async fn failures(app: &TestApp, tenant: TenantId) -> (usize, usize) {
    let events = events(app, tenant).await;
    let failed = events.iter().filter(|event| event.kind == "login.failed");
    let (throttled, tried): (Vec<_>, Vec<_>) = failed.partition(|event| event.body["throttled"] == true);
    (tried.len(), throttled.len())
}

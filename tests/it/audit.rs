//! What is written down, and what is only counted.

mod away;
mod everything;
mod forbidden;
mod guards;
mod handles;
mod lane;
mod manual;
pub(crate) mod sequence;

use std::collections::BTreeMap;

use sallyport::{ids::TenantId, jobs::refusals, store::audit::EventRow};

use crate::harness::app::TestApp;

/// The kinds of the lane.
const KINDS: [&str; 14] = [
    "login.failed",
    "second_factor.failed",
    "session.refused",
    "form.refused",
    "bearer.refused",
    "client.refused",
    "token.refused",
    "registration.refused",
    "authorization.refused",
    "console.refused",
    "api.refused",
    "link.refused",
    "provider.refused",
    "request.refused",
];

/// The tenant's events of the lane, once it has been written. Newest first.
pub(crate) async fn refusals_of(app: &TestApp, tenant: TenantId) -> Vec<EventRow> {
    refusals::write(&app.app).await.unwrap();
    let events = app.app.store.audit_recent(tenant, 10_000).await.unwrap();
    events.into_iter().filter(|event| KINDS.contains(&event.kind.as_str())).collect()
}

/// The platform's.
async fn platform_refusals(app: &TestApp) -> Vec<EventRow> {
    refusals::write(&app.app).await.unwrap();
    let events = app.app.store.platform_audit_recent(10_000).await.unwrap();
    events.into_iter().filter(|event| event.kind == "request.refused").collect()
}

/// How often each kind and reason was counted.
pub(crate) fn tally(events: &[EventRow]) -> BTreeMap<String, u64> {
    let mut tally = BTreeMap::new();
    for event in events {
        let word = |name: &str| event.body[name].as_str().map(|word| format!(" {word}")).unwrap_or_default();
        let throttled = if event.body["throttled"] == true { " throttled" } else { "" };
        let what = format!("{}{}{}{throttled}", event.kind, word("grant"), word("reason"));
        *tally.entry(what).or_default() += event.body["count"].as_u64().unwrap();
    }
    tally
}

//! What the audit log tells of calls.

use serde_json::Value;
use sqlx::{PgPool, Row as _};

/// A call, by its intent and outcome or by its only event.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// `call.intent`, `call.denied` or `call.refused`.
    pub(crate) kind: String,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Value,
    /// Of the intent, once there is one.
    pub(crate) outcome: Option<Value>,
}

impl Told {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }

    /// How it ended: an outcome, `denied`, `refused`, or `open`.
    pub(crate) fn end(&self) -> &str {
        match (self.kind.as_str(), &self.outcome) {
            ("call.intent", Some(outcome)) => outcome["outcome"].as_str().unwrap(),
            ("call.intent", None) => "open",
            (kind, _) => kind.strip_prefix("call.").unwrap(),
        }
    }

    /// The status that the client was sent.
    pub(crate) fn status(&self) -> Option<u64> {
        self.outcome.as_ref().unwrap_or(&self.body)["status"].as_u64()
    }
}

/// All calls, of all tenants. As the owner, whom row-level security shows everything.
pub(crate) async fn calls(owner: &PgPool) -> Vec<Told> {
    let stray = "select count(*) from audit_event o where o.kind = 'call.outcome' and not exists
        (select from audit_event i where i.kind = 'call.intent' and i.tenant = o.tenant and i.id::text = o.body->>'intent')";
    let stray: i64 = sqlx::query_scalar(stray).fetch_one(owner).await.unwrap();
    assert_eq!(stray, 0, "an outcome without an intent");
    let calls = "select e.kind, e.request_id, e.body, array_agg(o.body) filter (where o.body is not null) as outcomes
          from audit_event e
          left join audit_event o on o.kind = 'call.outcome' and o.tenant = e.tenant and o.body->>'intent' = e.id::text
         where e.kind in ('call.intent', 'call.denied', 'call.refused')
         group by e.tenant, e.id order by e.id";
    let rows = sqlx::query(calls).fetch_all(owner).await.unwrap();
    let told = rows.iter().map(|row| {
        let outcomes: Option<Vec<Value>> = row.get("outcomes");
        let mut outcomes = outcomes.unwrap_or_default();
        assert!(outcomes.len() < 2, "two outcomes: {outcomes:?}");
        Told {
            kind: row.get("kind"),
            request_id: row.get("request_id"),
            body: row.get("body"),
            outcome: outcomes.pop(),
        }
    });
    told.collect()
}

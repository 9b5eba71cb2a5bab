//! What belongs to no tenant leaves its event in the platform log, in the transaction of the change.

use serde_json::{Value, json};

use super::apply::{ACME, Site};

/// Kind and body, oldest first. Ids are checked and taken out.
async fn log(site: &Site) -> Vec<(String, Value)> {
    let rows: Vec<(String, Value)> =
        sqlx::query_as("select kind, body from platform_event where kind <> 'schema.migrated' order by at, id")
            .fetch_all(&site.db.owner)
            .await
            .unwrap();
    let without_ids = |(kind, mut body): (String, Value)| {
        for name in ["tenant", "administrator"] {
            let id = body.as_object_mut().unwrap().remove(name);
            let expected = kind.split('.').next() == Some(name);
            assert_eq!(id.and_then(|id| id.as_str()?.parse::<uuid::Uuid>().ok()).is_some(), expected, "{kind} {body}");
        }
        (kind, body)
    };
    rows.into_iter().map(without_ids).collect()
}

fn event(kind: &str, body: Value) -> (String, Value) {
    (kind.to_owned(), body)
}

#[tokio::test]
async fn administrators_tenants_and_keys_leave_events() {
    let site = Site::new().await;
    site.done(&["apply", &site.file(ACME), "--dry-run"]);
    assert_eq!(log(&site).await, [], "a dry run changes nothing");

    site.done(&["apply", &site.file(ACME)]);
    site.done(&["apply", &site.file(ACME)]);
    let mut events = log(&site).await;
    events.truncate(8);
    let mut keys: Vec<_> =
        events.iter().map(|(kind, body)| (kind.as_str(), body["key_kind"].as_str().unwrap())).collect();
    keys.sort_unstable();
    let each = |change| ["audit_handle", "checkpoint", "kek", "pepper"].map(|kind| (change, kind));
    assert_eq!(keys, [each("key.added"), each("key.in_use")].concat());
    assert!(events.iter().all(|(_, body)| body["key_id"].is_string()), "{events:?}");

    site.done(&["admin", "create", "ada"]);
    site.fails(&["admin", "create", "Ada"]);
    for change in ["enabled = false", "enabled = true", "settings = { registration = \"off\" }"] {
        site.done(&["apply", &site.file(&ACME.replace("name = \"Acme\"", &format!("name = \"Acme\"\n{change}")))]);
    }
    site.done(&["apply", &site.file(""), "--prune", "--prune-tenants"]);
    let by = |command: &str| json!({ "kind": "command", "command": command });
    let changed =
        |change: &str| event("tenant.changed", json!({ "slug": "acme", "change": change, "actor": by("apply") }));
    assert_eq!(
        log(&site).await.split_off(8),
        [
            event("tenant.created", json!({ "slug": "acme", "actor": by("apply") })),
            event("tenant.created", json!({ "slug": "platform", "actor": by("admin create") })),
            event("administrator.created", json!({ "actor": by("admin create") })),
            changed("disabled"),
            changed("enabled"),
            changed("changed"),
            changed("removed"),
        ]
    );
}

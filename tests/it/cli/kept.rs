//! `audit hash`, `audit hold`, `audit prune` and `person erase`, as an operator types them.

use std::{io::Write as _, process::Stdio, time::Duration};

use sallyport::{clock::Clock, ids::TenantId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};

use super::grant::Site;
use crate::{
    audit::sequence::{happen, head, newest, settled},
    harness::{flow::Flow, process::sallyport},
};

/// What a command prints that is given this on its standard input.
fn fed(site: &Site, args: &[&str], input: &str) -> String {
    let mut command = sallyport(args, &site.variables());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

async fn bodies(site: &Site, tenant: TenantId, kind: &str) -> Vec<Value> {
    let rows = sqlx::query("select body from audit_event where tenant = $1 and kind = $2 order by id");
    let rows = rows.bind(tenant.0).bind(kind).fetch_all(&site.app.db.owner).await.unwrap();
    rows.iter().map(|row| row.get("body")).collect()
}

/// The tables that have this text in some row.
async fn tables_with(site: &Site, text: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
    )
    .fetch_all(&site.app.db.owner)
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let count = format!("select count(*) from {table} t where strpos(lower(t::text), lower($1)) > 0");
        let rows: i64 =
            sqlx::query_scalar(AssertSqlSafe(count)).bind(text).fetch_one(&site.app.db.owner).await.unwrap();
        if rows > 0 {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn an_auditor_finds_a_known_token_and_checks_known_arguments() {
    let site = Site::new().await;
    let acme = site.app.tenant("acme").await;
    let flow = Flow::new(&site.app, &acme);
    let tokens = flow.tokens(&flow.client().await).await;
    let issued = bodies(&site, acme.id, "token.issued").await.remove(0);
    assert_eq!(json!(fed(&site, &["audit", "hash"], &format!("{}\n", tokens.access)).trim()), issued["token"]);
    assert_eq!(json!(fed(&site, &["audit", "hash"], &tokens.refresh).trim()), issued["refresh"]);

    let event = uuid::Uuid::from_u128(7);
    let salt = site.app.app.keyring.argument_salt(event.into());
    let id = event.to_string();
    let said = fed(&site, &["audit", "hash", "--arguments", &id], r#"{"pin":1234}"#);
    assert_eq!(said.trim(), salt.digest(br#"{"pin":1234}"#));
    let said = site.done(&["audit", "hash", "--arguments", &id, "--salt"]);
    let (key, bytes) = said.trim().split_once(':').unwrap();
    assert_eq!((key, bytes), (salt.key_id(), sallyport::secret::hex(salt.bytes()).as_str()));
}

#[tokio::test]
async fn of_somebody_who_was_erased_nothing_personal_is_left() {
    let site = Site::new().await;
    let acme = site.app.tenant("acme").await;
    let name = "zebulon-quark";
    let person = site.app.person(acme.id, name).await;
    let kept = ["audit_value", "person"];
    assert_eq!(tables_with(&site, name).await, kept, "the name is nowhere else, in events neither");

    let early = site.fails(&["person", "erase", name, "--tenant", "acme", "--yes"]);
    assert!(early.contains("person disable"), "{early}");
    site.done(&["person", "disable", name, "--tenant", "acme"]);
    let unasked = site.run(&["person", "erase", name, "--tenant", "acme"]);
    assert_eq!(unasked.code, 1);
    assert_eq!(tables_with(&site, name).await, kept);
    let said = site.done(&["person", "erase", name, "--tenant", "acme", "--yes"]);
    assert_eq!(said, format!("erased {name} in acme, and 1 value of events\n"));

    assert!(tables_with(&site, name).await.is_empty());
    let erased = bodies(&site, acme.id, "person.erased").await;
    assert_eq!((erased.len(), &erased[0]["person"], &erased[0]["values"]), (1, &json!(person.id), &json!(1)));
    let named = bodies(&site, acme.id, "person.named").await;
    assert!(named.iter().all(|body| body["name"].as_str().unwrap().starts_with("sha256:")), "{named:?}");
    settled(&site.app, acme.id).await;
}

#[tokio::test]
async fn old_events_go_when_they_are_signed_for_and_nobody_holds_them() {
    let site = Site::by(Clock::manual(Clock::system().now() - Duration::from_secs(40 * 86_400))).await;
    let acme = site.app.tenant("acme").await;
    let other = site.app.tenant("other").await;
    let prune = ["audit", "prune", "--tenant", "acme", "--before", "2099-01-01"];
    let dry = [&prune[..], &["--dry-run"]].concat();
    assert_eq!(site.done(&dry), "0 events could be removed\n", "none is in the log yet");

    settled(&site.app, acme.id).await;
    let before = head(&site.app.app, acme.id).await;
    let signed = "select coalesce(max(size), 0) from audit_checkpoint where tenant = $1";
    let signed: i64 = sqlx::query_scalar(signed).bind(acme.id.0).fetch_one(&site.app.db.owner).await.unwrap();
    assert!(signed > 0, "something is signed");
    assert_eq!(site.done(&dry), format!("{signed} events could be removed\n"));

    let said = site.done(&["audit", "hold", "place", "case 12", "--by", "legal", "--tenant", "acme"]);
    let hold = said.trim().strip_prefix("placed the hold ").unwrap().to_owned();
    assert!(site.fails(&prune).contains("a legal hold stands"));
    assert!(site.done(&["audit", "hold", "list", "--tenant", "acme"]).contains("stands  legal  case 12"));
    site.done(&["audit", "hold", "lift", &hold, "--tenant", "acme"]);
    assert!(site.fails(&["audit", "hold", "lift", &hold, "--tenant", "acme"]).contains("stands"));
    assert_eq!(bodies(&site, acme.id, "audit.hold_placed").await.len(), 1);
    assert_eq!(bodies(&site, acme.id, "audit.hold_lifted").await.len(), 1);

    let said = site.done(&prune);
    assert_eq!(said, format!("removed {signed} events\n"));
    assert_eq!(bodies(&site, acme.id, "audit.pruned").await[0]["events"], signed);
    assert!(!bodies(&site, other.id, "admin.changed").await.is_empty(), "others keep theirs");
    let gone = "select count(*) from audit_entry n where n.tenant = $1
                   and not exists (select from audit_event e where e.tenant = n.tenant and e.id = n.event)";
    let gone: i64 = sqlx::query_scalar(gone).bind(acme.id.0).fetch_one(&site.app.db.owner).await.unwrap();
    assert_eq!(gone, signed, "their places stay");

    // The log goes on over the tree that is there.
    sallyport::jobs::log::go_on(&site.app.app, acme.id).await.unwrap();
    while head(&site.app.app, acme.id).await.size < before.size + 3 {
        sallyport::jobs::log::go_on(&site.app.app, acme.id).await.unwrap();
        tokio::task::yield_now().await;
    }
    // What was just done is signed for soon, and stays.
    site.app.clock.advance(Duration::from_secs(10));
    sallyport::jobs::log::go_on(&site.app.app, acme.id).await.unwrap();
    let size = newest(&site.app, acme.id).await.size;
    assert!(size > u64::try_from(signed).unwrap() + 2, "{size}");
    assert_eq!(site.done(&dry), "0 events could be removed\n");
    // Nor does anybody remove events without one that says so.
    let prune = "begin; set local sallyport.tenant = '$'; select audit_prune('$', '2099-01-01', 1)";
    happen(&site.app.app, acme.id, "server/old").await;
    let all = head(&site.app.app, acme.id).await.size + 1;
    while newest(&site.app, acme.id).await.size < all {
        site.app.clock.advance(Duration::from_secs(10));
        sallyport::jobs::log::go_on(&site.app.app, acme.id).await.unwrap();
    }
    let prune = sqlx::raw_sql(AssertSqlSafe(prune.replace('$', &acme.id.to_string())));
    let refused = prune.execute(&site.app.db.app).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "23514");
}

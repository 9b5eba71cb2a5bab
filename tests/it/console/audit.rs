//! The audit log in the console.

use std::process::Command;

use sallyport::audit::log::Checkpoint;
use serde_json::json;

use crate::{
    audit::sequence,
    console::clients::administrator,
    harness::{app::TestApp, console::csrf, flow::Flow, scratch::Scratch},
};

pub(crate) async fn event(
    app: &TestApp,
    tenant: sallyport::ids::TenantId,
    kind: &str,
    body: serde_json::Value,
) -> String {
    let insert = "insert into audit_event (tenant, id, at, kind, version, body)
        values ($1, $2, $3, $4, 1, $5) returning id::text";
    sqlx::query_scalar(insert)
        .bind(tenant.0)
        .bind(sallyport::ids::new_uuid(&app.clock, &app.app.entropy).unwrap())
        .bind(app.clock.now())
        .bind(kind)
        .bind(body)
        .fetch_one(&app.db.owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn events_are_found_and_opened() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    flow.tokens(&client).await;
    let list = browser.get("/console/t/acme/audit?kind=consent.").await.body;
    assert!(list.contains("consent.given") && !list.contains("code.issued"), "{list}");
    assert!(list.contains("<bdi>ada</bdi>"), "names of people stand for ids: {list}");
    let found = browser.get(&format!("/console/t/acme/audit?q={}", client.id)).await.body;
    assert!(found.contains("consent.given"), "{found}");
    let href = list.split("href=\"/console/t/acme/audit/0").nth(1).unwrap().split('"').next().unwrap();
    let page = browser.get(&format!("/console/t/acme/audit/0{href}")).await.body;
    assert!(
        page.contains("<h1><bdi>Consent ") && page.contains("<code>consent.") && page.contains(&client.id),
        "{page}"
    );
}

/// Events have ids; people know names, look for them, and read them.
#[tokio::test]
async fn events_are_found_by_names_and_say_them() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    flow.tokens(&client).await;
    let body =
        json!({ "object": "server/notes", "change": "changed", "fields": [{ "name": "roles", "new": "auditor" }] });
    event(&app, tenant.id, "admin.changed", body).await;
    sqlx::query("update client set name = 'Zebra client' where id = $1")
        .bind(&client.id)
        .execute(&app.db.owner)
        .await
        .unwrap();
    let rows = async |query: &str| {
        let page = browser.get(&format!("/console/t/acme/audit?{query}")).await.body;
        page.split("<tbody>").nth(1).unwrap_or_default().split("</tbody>").next().unwrap().to_owned()
    };
    let found = rows("q=zebra").await;
    assert!(found.contains("consent.given") && found.contains("client: Zebra client"), "{found}");
    assert!(!found.contains("admin.changed"), "{found}");
    // What names only tokens is somebody's, too.
    let issued = rows("kind=code.issued").await;
    assert!(issued.contains("<bdi>ada</bdi>") && issued.contains("client: Zebra client, server: "), "{issued}");
    assert!(rows("q=ada").await.contains("consent.given"));
    let changed = rows("kind=admin.").await;
    assert!(changed.contains("server notes changed (roles)"), "{changed}");
    assert!(rows("q=nobody-is-called-so").await.is_empty());
}

#[tokio::test]
async fn a_denied_call_says_what_was_missing() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    flow.tokens(&flow.client().await).await;
    let grant: String = sqlx::query_scalar("select id::text from access_grant").fetch_one(&app.db.owner).await.unwrap();
    let denied = async |needed: &str, grant: &str| {
        let body = json!({ "grant": grant, "needed": [needed], "name": "wipe", "status": 403 });
        let id = event(&app, tenant.id, "call.denied", body).await;
        browser.get(&format!("/console/t/acme/audit/{id}")).await.body
    };
    assert!(denied("mcp:admin", &grant).await.contains("The person has not allowed it"));
    assert!(denied("mcp:read", &grant).await.contains("has by now what was missing"));
    let gone = "00000000-0000-7000-8000-000000000000";
    assert!(denied("mcp:read", gone).await.contains("The grant has ended since"));
}

/// A log has millions of events; each look goes through a part.
#[tokio::test]
async fn the_log_is_paged_back_to_its_beginning() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let insert = "insert into audit_event (tenant, id, at, kind, version, body)
        select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, now(), 'logout', 1, jsonb_build_object('n', n)
          from generate_series(1, 12000) n";
    sqlx::query(insert).bind(tenant.id.0).execute(&app.db.owner).await.unwrap();
    // Only the oldest fits: the first looks find nothing and lead on.
    let mut path = "/console/t/acme/audit?kind=&q=%22n%22%3A%201%7D".to_owned();
    let mut looks = 0;
    let last = loop {
        let page = browser.get(&path).await.body;
        looks += 1;
        let next = page.split("<a class=\"button\" href=\"").nth(1).filter(|_| page.contains("rel=\"next\""));
        match next {
            Some(_) if looks < 10 => {
                let at = page.find("rel=\"next\"").unwrap();
                let href = page[..at].rsplit("href=\"").next().unwrap().split('"').next().unwrap();
                path = href.replace("&#38;", "&").replace("&amp;", "&");
            }
            _ => break page,
        }
    };
    assert_eq!(looks, 3, "{last}");
    assert!(last.contains("/console/t/acme/audit/00000000-0000-7000-8000-000000000001"), "{last}");
}

/// Until the newest checkpoint is over all that happened.
pub(crate) async fn signed(app: &TestApp, log: sallyport::ids::TenantId) {
    loop {
        sequence::settled(app, log).await;
        app.clock.advance(std::time::Duration::from_secs(10));
        sallyport::jobs::log::go_on(&app.app, log).await.unwrap();
        let rest = "select count(*) - (select max(size) from audit_checkpoint where tenant = $1) from audit_event where tenant = $1";
        let rest: i64 = sqlx::query_scalar(rest).bind(log.0).fetch_one(&app.db.owner).await.unwrap();
        if rest == 0 {
            break;
        }
    }
}

/// What the page says, and what it hands out, is what an auditor checks with the key of the log.
#[tokio::test]
async fn checkpoints_are_shown_paged_and_handed_out() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let page = "/console/t/acme/audit/-/checkpoints";
    let none = browser.get(page).await.body;
    assert!(none.contains("Nothing signed yet") && none.contains("Nobody outside is told"), "{none}");
    for n in 0..30 {
        event(&app, tenant.id, "logout", json!({ "n": n })).await;
        signed(&app, tenant.id).await;
    }
    let shown = browser.get(page).await.body;
    assert!(shown.contains("All of it is signed"), "{shown}");
    let notes: Vec<(i64, String)> =
        sqlx::query_as("select size, note from audit_checkpoint where tenant = $1 order by size desc")
            .bind(tenant.id.0)
            .fetch_all(&app.db.owner)
            .await
            .unwrap();
    let (size, newest) = &notes[0];
    let said = Checkpoint::unverified(newest).unwrap();
    let keys = app.app.keyring.checkpoint_keys();
    let key = keys[0].verifier(&said.origin).unwrap();
    for word in [said.root.to_string(), said.origin.to_string()] {
        assert!(shown.contains(&word), "{word} is not in {shown}");
    }
    // Pages escape the plus signs of a key.
    assert!(shown.replace("&#43;", "+").contains(&key.to_string()), "{key} is not in {shown}");
    let href = shown.split(&format!("{page}/1-{size}-")).nth(1).unwrap().split('"').next().unwrap();
    let note = browser.get(&format!("{page}/1-{size}-{href}")).await;
    assert_eq!((note.status.as_u16(), &note.body), (200, newest));
    assert_eq!(Checkpoint::verified(&note.body, &key).unwrap(), said);
    for nothing in [
        "1-7000-0",
        "2-1-",
        "x",
        "1",
        &format!("1-{size}"),
        &format!("1-{size}-{}", "0".repeat(12)),
        "1-99999999999999999999-1",
    ] {
        assert_eq!(browser.get(&format!("{page}/{nothing}")).await.status, 404, "{nothing}");
    }
    // The oldest is on the second page.
    let oldest = format!("{page}/1-{}-", notes.last().unwrap().0);
    assert!(!shown.contains(&oldest), "{shown}");
    let (_, next) = shown.split_once("checkpoints?before=").expect("a way to earlier ones");
    let earlier = browser.get(&format!("{page}?before={}", next.split('"').next().unwrap())).await.body;
    assert!(earlier.contains(&oldest) && !earlier.contains("Nobody outside"), "{earlier}");
    // What somebody put there is not taken for ours.
    let forged = newest.replace(&format!("\n{size}\n"), &format!("\n{}\n", size + 1));
    let put = "insert into audit_checkpoint (tenant, epoch, size, root, note, signed_at) values ($1, 1, $2, sha256(''), $3, now())";
    sqlx::query(put).bind(tenant.id.0).bind(size + 1).bind(forged).execute(&app.db.owner).await.unwrap();
    let shown = browser.get(page).await.body;
    assert!(shown.contains("Not signed by a key of this log"), "{shown}");
}

pub(crate) fn unpacked(bytes: &[u8]) -> Scratch {
    let scratch = Scratch::new();
    let file = scratch.path("log.tar");
    std::fs::write(&file, bytes).unwrap();
    let tar = Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(scratch.path("")).status().unwrap();
    assert!(tar.success());
    scratch
}

/// From the button to a verified statement, with tools that are not ours for the archive and the real command for the log.
#[tokio::test]
async fn an_export_is_downloaded_and_verified() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let path = "/console/t/acme/audit/-/export";
    let csrf = csrf(&browser.get(path).await.body);
    let early = browser.post(path, &[("csrf", &csrf)]).await;
    assert_eq!(early.status, 409, "{}", early.body);
    for n in 0..700 {
        event(&app, tenant.id, "logout", json!({ "n": n, "note": "as it was" })).await;
    }
    signed(&app, tenant.id).await;
    for (from, to) in [("soon", ""), ("2026-08-04", "2026-08-03"), ("", "2026-13-01")] {
        let wrong = browser.post(path, &[("csrf", &csrf), ("from", from), ("to", to)]).await;
        assert_eq!(wrong.status, 400, "{from} {to}");
    }
    let answer = browser.form(path, &[("csrf", &csrf)]).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"acme-audit.tar\"");
    let bytes = answer.bytes().await.unwrap();
    let scratch = unpacked(&bytes);
    let dir = scratch.path("acme-audit");
    let origin = Checkpoint::unverified(&std::fs::read_to_string(dir.join("checkpoint")).unwrap()).unwrap().origin;
    let key = app.app.keyring.checkpoint_keys()[0].verifier(&origin).unwrap().to_string();
    let verify = || {
        Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .args(["audit", "verify"])
            .arg(&dir)
            .args(["--key", &key])
            .output()
            .unwrap()
    };
    let verified = verify();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && said.starts_with("verified"), "{said}");
    // One letter is another one, and its entry is named.
    let bundle = dir.join("tile/entries/001");
    let text = std::fs::read(&bundle).unwrap();
    let at = text.windows(9).position(|window| window == b"as it was").unwrap();
    let mut changed = text.clone();
    changed[at] = b'A';
    std::fs::write(&bundle, changed).unwrap();
    let refused = verify();
    let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("entry 256"), "{said}");
    // It is in the log, with who it was, and nothing of it is left on the disk.
    let events = app.app.store.audit_recent(tenant.id, 10).await.unwrap();
    let taken = events.iter().find(|event| event.kind == "audit.exported").expect("an event");
    assert_eq!(taken.body["actor"]["person"], tenant.person.id.to_string());
    assert_eq!(taken.body["origin"], origin.to_string());
    // A part is one, too.
    let part = browser.form(path, &[("csrf", &csrf), ("from", "2026-08-01"), ("to", "2026-08-01")]);
    let part = unpacked(&part.send().await.unwrap().bytes().await.unwrap());
    assert!(part.path("acme-audit/manifest.json").exists());
}

/// One at a time; whoever goes away gives their turn back.
#[tokio::test]
async fn exports_take_turns_and_leave_nothing_behind() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    event(&app, tenant.id, "logout", json!({})).await;
    signed(&app, tenant.id).await;
    let path = "/console/t/acme/audit/-/export";
    let csrf = csrf(&browser.get(path).await.body);
    let turn = app.app.exports.clone().try_acquire_owned().unwrap();
    let busy = browser.post(path, &[("csrf", &csrf)]).await;
    assert_eq!(busy.status, 409);
    assert!(busy.body.contains("Somebody exports a log right now"), "{}", busy.body);
    drop(turn);
    drop(browser.form(path, &[("csrf", &csrf)]).send().await.unwrap());
    let _turn = app.app.exports.acquire().await.unwrap();
}

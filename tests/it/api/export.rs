//! The log as a file, and its checkpoints, by the admin API.

use std::process::Command;

use sallyport::audit::log::{Checkpoint, VerifierKey};
use serde_json::{Value, json};

use super::changes::{Api, read};
use crate::{
    console::audit::{event, signed, unpacked},
    harness::{
        api::{all_rights, http, token},
        console::appoint,
    },
};

/// From the request to a verified statement, with tools that are not ours for the archive and the real command for the log.
#[tokio::test]
async fn an_export_is_fetched_and_verified() {
    let api = Api::start().await;
    let (status, early) = api.post("audit/export", json!({})).await;
    assert_eq!(status, 409, "{early}");
    for n in 0..300 {
        event(&api.app, api.tenant.id, "logout", json!({ "n": n, "note": "as it was" })).await;
    }
    signed(&api.app, api.tenant.id).await;
    for (status, body) in [
        (400, json!({ "from": "soon" })),
        (400, json!({ "from": "2026-08-03T10:00:00Z" })),
        (400, json!({ "to": "2026-13-01" })),
        (400, json!({ "until": "2026-08-03" })),
        (422, json!({ "from": "2026-08-04", "to": "2026-08-03" })),
        (422, json!({ "to": "9999-12-31" })),
    ] {
        let (refused, problem) = api.post("audit/export", body.clone()).await;
        assert_eq!(refused, status, "{body}: {problem}");
    }
    let answer = api.http.post(api.url("audit/export")).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-tar");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"acme-audit.tar\"");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let scratch = unpacked(&answer.bytes().await.unwrap());
    let dir = scratch.path("acme-audit");
    // The key comes by the API, and is the one of the key file.
    let (_, log) = api.get("checkpoints?limit=1").await;
    let key = log["keys"][0].as_str().unwrap();
    let verified = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["audit", "verify"])
        .arg(&dir)
        .args(["--key", key])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && said.starts_with("verified"), "{said}");
    let taken = api.event("audit.exported").await;
    assert_eq!((&taken["person"], &taken["origin"]), (&api.tenant.person.id.to_string().into(), &log["origin"]));
    let part = json!({ "from": "2026-08-01", "to": "2026-08-01" });
    let part = api.http.post(api.url("audit/export")).json(&part).send().await.unwrap();
    assert!(unpacked(&part.bytes().await.unwrap()).path("acme-audit/manifest.json").exists());
    // One at a time.
    let _turn = api.app.app.exports.clone().acquire_owned().await.unwrap();
    let (status, busy) = api.post("audit/export", json!({})).await;
    assert_eq!(status, 409);
    assert!(busy["detail"].as_str().unwrap().contains("Somebody exports"), "{busy}");
}

#[tokio::test]
async fn checkpoints_are_listed_and_shown() {
    let api = Api::start().await;
    let (status, none) = api.get("checkpoints").await;
    assert_eq!((status, &none["items"], &none["next"]), (200, &json!([]), &Value::Null), "{none}");
    for n in 0..5 {
        event(&api.app, api.tenant.id, "logout", json!({ "n": n })).await;
        signed(&api.app, api.tenant.id).await;
    }
    let (_, first) = api.get("checkpoints?limit=3").await;
    let items = first["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert!(items.iter().all(|item| item["signature"] == "known"), "{first}");
    assert!(items[0]["entries"].as_u64() > items[2]["entries"].as_u64(), "the newest first: {first}");
    assert_eq!(items[0]["entries"], first["entries"]);
    let (_, rest) = api.get(&format!("checkpoints?after={}", first["next"].as_str().unwrap())).await;
    let sizes = |part: &Value| -> Vec<u64> {
        part["items"].as_array().unwrap().iter().map(|item| item["entries"].as_u64().unwrap()).collect()
    };
    assert!(sizes(&rest).iter().all(|size| sizes(&first).iter().all(|other| other > size)), "{rest}");
    assert_eq!(rest["next"], Value::Null);

    let id = items[0]["id"].as_str().unwrap();
    let (status, shown) = api.get(&format!("checkpoints/{id}")).await;
    let key = VerifierKey::parse(first["keys"][0].as_str().unwrap()).unwrap();
    let said = Checkpoint::verified(shown["note"].as_str().unwrap(), &key).unwrap();
    assert_eq!((status, said.root.to_string()), (200, items[0]["root"].as_str().unwrap().to_owned()));
    let long = "1".repeat(300);
    for nothing in ["1-7000-000000000000", "x", "1-1", "%00", "1-1-%00", "1-99999999999999999999-1", &long] {
        assert_eq!(api.get(&format!("checkpoints/{nothing}")).await.0, 404, "{nothing}");
    }
    for wrong in ["after=x", "after=1", "after=1-99999999999999999999", "limit=0", "q=x"] {
        assert_eq!(api.get(&format!("checkpoints?{wrong}")).await.0, 400, "{wrong}");
    }
    // What somebody put there is not taken for ours.
    let put = "insert into audit_checkpoint (tenant, epoch, size, root, note, signed_at)
        select tenant, 1, size + 1, sha256(''), note, now() from audit_checkpoint where tenant = $1 order by size desc limit 1";
    sqlx::query(put).bind(api.tenant.id.0).execute(&api.app.db.owner).await.unwrap();
    let (_, forged) = api.get("checkpoints?limit=1").await;
    assert_eq!((&forged["items"][0]["signature"], &forged["items"][0]["key"]), (&"none".into(), &Value::Null));
}

/// An auditor takes it with a right of that name; that they did is in the log twice: that they read, and what they took.
#[tokio::test]
async fn an_auditor_exports_the_log_and_no_reader_does() {
    let api = Api::start().await;
    signed(&api.app, api.tenant.id).await;
    let vera = api.app.person(api.tenant.id, "vera").await;
    appoint(&api.app, vera.id, "auditor").await;
    let reader = http(&token(&api.app, api.tenant.id, "vera", &["audit:read".to_owned()]).await);
    assert_eq!(read(reader.get(api.url("checkpoints"))).await.0, 200);
    let (status, problem) = read(reader.post(api.url("audit/export")).json(&json!({}))).await;
    assert_eq!((status, &problem["detail"]), (403, &"The token has not the right audit:export.".into()));
    let auditor = http(&token(&api.app, api.tenant.id, "vera", &all_rights()).await);
    assert_eq!(read(auditor.post(api.url("audit/export")).json(&json!({}))).await.0, 200);
    assert_eq!(api.event("audit.exported").await["actor"]["person"], vera.id.to_string());
    // Events of one moment have no order.
    let events = api.app.app.store.audit_recent(api.tenant.id, 100).await.unwrap();
    let mut reads = events.iter().filter(|event| event.kind == "auditor.read");
    assert!(reads.any(|event| event.body["action"] == "export"), "{events:?}");
}

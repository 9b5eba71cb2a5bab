//! From a log to what an auditor can say of it: `audit export`, `verify`, `prove` and `verify-proof`, as they are typed.

mod seen;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use sallyport::{
    audit::{Event, restart::restart, signer::Signer},
    clock::Clock,
    ids::TenantId,
    store::{
        Store,
        audit_log::{self, PLATFORM},
    },
};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use super::grant::Site;
use crate::{
    audit::sequence::{newest, settled},
    harness::{canary::Canaries, flow::Flow, process::run, scratch::Scratch},
};

impl Site {
    async fn happen(&self, log: TenantId, count: u64) {
        let events = (0..count).map(|n| Event::changed(format!("server/{n}"), "created"));
        let mut tx = self.app.app.store.tenant_tx(log).await.unwrap();
        self.app.app.recorder(None).record_many(&mut tx, events).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Signs what the log is when all is in it.
    async fn sign(&self, log: TenantId) {
        settled(&self.app, log).await;
        let app = &self.app.app;
        let (keys, recorder) = (app.keyring.checkpoint_keys(), app.recorder(None));
        let signer = Signer { store: &app.store, memory: &app.evidence.memory, keys: &keys, recorder: &recorder };
        signer.sign(log, app.clock.now()).await.unwrap();
    }
}

/// The program that auditors can read, in another language.
fn python(args: &[&str]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check_export.py");
    let said = Command::new("python3").arg(script).args(args).output().unwrap();
    let text = [said.stdout, said.stderr].concat();
    (said.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_log_is_exported_and_verified_by_us_and_by_others() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await.id;
    let scratch = Scratch::new();
    let place = |name: &str| scratch.path(name).display().to_string();
    site.happen(tenant, 600).await;
    site.sign(tenant).await;
    let key = site.done(&["audit", "key", "--tenant", "acme"]);
    let key_file = scratch.write("acme.vkey", &key).display().to_string();

    let said = site.done(&["audit", "export", "--tenant", "acme", "--out", &place("one")]);
    assert!(said.contains("/audit/") && said.contains("check them:  sallyport audit verify "), "{said}");
    let said = site.done(&["audit", "verify", &place("one"), "--key", &key_file]);
    assert!(said.starts_with("verified\n") && said.contains("admin.changed (version 1)"), "{said}");
    assert!(said.contains("NOT proved:\n  - that this is the log that others were shown"), "{said}");
    assert!(site.done(&["audit", "verify", &place("one")]).starts_with("consistent; signer NOT authenticated\n"));
    let (good, said) = python(&[&place("one"), key.trim()]);
    assert!(good && said.ends_with("signed by the key\n"), "{said}");
    let sums = Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(place("one")).status();
    assert!(sums.unwrap().success());

    // The log goes on; what was exported is its beginning, and not the other way round.
    site.happen(tenant, 300).await;
    site.sign(tenant).await;
    site.done(&["audit", "export", "--tenant", "acme", "--out", &place("two")]);
    let older = place("one/checkpoint");
    let said = site.done(&["audit", "verify", &place("two"), "--key", key.trim(), "--previous", &older, "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&report["verified"], &report["authenticated"]), (&true.into(), &true.into()));
    assert_eq!(report["unproven"], Value::Array(Vec::new()));
    let newer = place("two/checkpoint");
    let said = site.fails(&["audit", "verify", &place("one"), "--key", &key_file, "--previous", &newer]);
    assert!(said.starts_with("sallyport: NOT verified: checkpoint: rollback: "), "{said}");

    // A byte of an entry.
    let file = scratch.path("two/tile/entries/001");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(8).position(|part| part == b"created\"").unwrap();
    bytes[at] = b'k';
    fs::write(&file, bytes).unwrap();
    let said = site.fails(&["audit", "verify", &place("two"), "--key", &key_file]);
    assert!(said.starts_with("sallyport: NOT verified: entry 256 (event "), "{said}");
    assert!(!python(&[&place("two")]).0);
    // It is brought up to date again.
    site.done(&["audit", "export", "--tenant", "acme", "--out", &place("two")]);
    site.done(&["audit", "verify", &place("two"), "--key", &key_file]);
}

#[tokio::test]
async fn a_part_of_a_log_is_exported_by_its_time() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await.id;
    let scratch = Scratch::new();
    site.happen(tenant, 300).await;
    site.sign(tenant).await;
    let out = scratch.path("part").display().to_string();
    let export = |more: &[&str]| {
        site.done(&[&["audit", "export", "--tenant", "acme", "--out", &out], more].concat());
        let said = site.done(&["audit", "verify", &out, "--json"]);
        serde_json::from_str::<Value>(&said).unwrap()["epochs"][0]["count"].as_u64().unwrap()
    };
    let all = export(&["--from", "2020-01-01"]);
    assert!(all >= 300, "{all}");
    assert_eq!(export(&["--to", "2020-01-01"]), 0);
    assert_eq!(export(&["--from", "2999-01-01T00:00:00Z"]), 0);
    assert_eq!(export(&[]), all);
    let said = site.run(&["audit", "export", "--tenant", "acme", "--out", &out, "--from", "yesterday"]);
    assert_eq!(said.code, 2, "{}", said.err);
}

#[tokio::test]
async fn a_database_that_was_changed_gives_no_export() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await.id;
    let scratch = Scratch::new();
    let out = scratch.path("out").display().to_string();
    let said = site.fails(&["audit", "export", "--tenant", "acme", "--out", &out]);
    assert!(said.contains("there is no signed checkpoint of the log yet"), "{said}");
    site.happen(tenant, 300).await;
    site.sign(tenant).await;
    let event: uuid::Uuid = sqlx::query_scalar("select event from audit_entry where tenant = $1 and index = 257")
        .bind(tenant.0)
        .fetch_one(&site.app.db.owner)
        .await
        .unwrap();
    let change = |statement: &'static str| sqlx::query(statement).bind(event).execute(&site.app.db.owner);
    change("update audit_event set body = body || '{\"change\": \"removed\"}' where id = $1").await.unwrap();
    let said = site.fails(&["audit", "export", "--tenant", "acme", "--out", &out]);
    assert!(said.contains(&format!("event {event} is not what the log has as its entry 257")), "{said}");
    let said = site.fails(&["audit", "prove", "--tenant", "acme", "--event", &event.to_string()]);
    assert!(said.contains("the entry is not in that tree at that place"), "{said}");
    change("delete from audit_event where id = $1").await.unwrap();
    let said = site.fails(&["audit", "export", "--tenant", "acme", "--out", &out]);
    assert!(said.contains(&format!("event {event}, the log's entry 257, is not in the database")), "{said}");
    let said = site.fails(&["audit", "verify", &out]);
    assert!(said.contains("this is not an export, or one that was not finished"), "{said}");
}

#[tokio::test]
async fn one_event_is_proved_without_the_others() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await.id;
    let scratch = Scratch::new();
    site.happen(tenant, 10).await;
    site.sign(tenant).await;
    let event = site.app.app.store.audit_recent(tenant, 100).await.unwrap().last().unwrap().id.to_string();
    let out = scratch.path("event.tlog-proof").display().to_string();
    let said = site.done(&["audit", "prove", "--tenant", "acme", "--event", &event, "--out", &out]);
    assert!(said.contains("audit verify-proof"), "{said}");
    let printed = site.done(&["audit", "prove", "--tenant", "acme", "--event", &event]);
    assert_eq!(printed, fs::read_to_string(&out).unwrap());
    let key = site.done(&["audit", "key", "--tenant", "acme"]);
    let said = site.done(&["audit", "verify-proof", &out, "--key", key.trim()]);
    assert!(said.starts_with("verified\n") && said.contains(&format!("event {event} (")), "{said}");
    let said = site.done(&["audit", "verify-proof", &out, "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&report["authenticated"], &report["event"]["id"]), (&false.into(), &event.as_str().into()));
    let platform = site.done(&["audit", "key", "--platform"]);
    let said = site.fails(&["audit", "verify-proof", &out, "--key", platform.trim()]);
    assert!(said.contains("none of the keys given is of its log"), "{said}");
    let forged = scratch.write("forged", &printed.replace("index 0", "index 1")).display().to_string();
    assert!(site.fails(&["audit", "verify-proof", &forged]).contains("not in that tree at that place"));
    let nobody = site.fails(&["audit", "prove", "--tenant", "acme", "--event", &uuid::Uuid::nil().to_string()]);
    assert!(nobody.contains("is not in this log"), "{nobody}");
    site.happen(tenant, 1).await;
    settled(&site.app, tenant).await;
    let newest = site.app.app.store.audit_recent(tenant, 1).await.unwrap()[0].id.to_string();
    assert!(
        site.fails(&["audit", "prove", "--tenant", "acme", "--event", &newest]).contains("try again in some seconds")
    );
}

#[tokio::test]
async fn a_log_that_was_begun_anew_is_exported_with_its_past() {
    let site = Site::new().await;
    site.app.tenant("acme").await;
    let scratch = Scratch::new();
    site.sign(PLATFORM).await;
    let app = &site.app.app;
    let mut tx = app.store.tenant_tx(PLATFORM).await.unwrap();
    let note = audit_log::newest_checkpoint(&mut tx).await.unwrap().unwrap().note;
    tx.commit().await.unwrap();
    let older = scratch.write("older", &note).display().to_string();
    let known = sallyport::audit::log::Checkpoint::unverified(&note).unwrap();
    let place = (&app.config.public_url, PLATFORM);
    let owner = Store::over(site.app.db.owner.clone());
    restart(&owner, &app.recorder(None), place, (&known, &note)).await.unwrap();
    site.sign(PLATFORM).await;
    let (out, key) = (scratch.path("out").display().to_string(), site.done(&["audit", "key", "--platform"]));
    site.done(&["audit", "export", "--platform", "--out", &out]);
    let said = site.done(&["audit", "verify", &out, "--key", key.trim(), "--previous", &older, "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["epochs"].as_array().unwrap().len(), 2, "{said}");
    assert_eq!((&report["gaps"][0]["lost"], &report["gaps"][0]["proved"]), (&0.into(), &true.into()));
    assert_eq!(report["unproven"], Value::Array(Vec::new()), "{said}");
    assert!(scratch.path("out/previous/1/manifest.json").exists());
}

#[tokio::test]
async fn a_log_is_begun_anew_by_the_owner_from_the_newest_checkpoint() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await.id;
    let scratch = Scratch::new();
    site.sign(tenant).await;
    let old = newest(&site.app, tenant).await.note;
    site.happen(tenant, 1).await;
    site.sign(tenant).await;
    let restart = ["audit", "restart-log", "--tenant", "acme"];
    let said = site.fails(&restart);
    assert!(said.contains("database.owner_url"), "{said}");
    let owner = site.app.db.owner.connect_options().to_url_lossy().to_string();
    let again = |args: &[&str]| {
        let variables = [&site.variables()[..], &[("SALLYPORT_DATABASE__OWNER_URL", &owner)]].concat();
        run(&[&restart, args].concat(), &variables)
    };
    let old = scratch.write("old", &old).display().to_string();
    let said = again(&["--checkpoint", &old]);
    assert!(said.code == 1 && said.err.contains("name the newest one"), "{}", said.err);
    let said = again(&[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("no checkpoint is known outside the database"), "{}", said.err);
    assert!(said.out.trim().ends_with(&format!("/audit/{tenant}/2")), "{}", said.out);
    site.sign(tenant).await;
    let out = scratch.path("out").display().to_string();
    site.done(&["audit", "export", "--tenant", "acme", "--out", &out]);
    site.done(&["audit", "verify", &out]);
}

/// All files of an export.
fn files(dir: &Path) -> Vec<PathBuf> {
    let inner = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    fs::read_dir(dir).unwrap().flat_map(|entry| inner(entry.unwrap().path())).collect()
}

#[tokio::test]
async fn no_token_and_nothing_of_somebody_erased_is_in_an_export() {
    let site = Site::new().await;
    let acme = site.app.tenant("acme").await;
    let scratch = Scratch::new();
    let flow = Flow::new(&site.app, &acme);
    let tokens = flow.tokens(&flow.client().await).await;
    let name = "zebulon-quark-the-third";
    site.app.person(acme.id, name).await;
    let (mut secrets, mut personal) = (Canaries::default(), Canaries::default());
    secrets.add("the access token", &tokens.access);
    secrets.add("the refresh token", &tokens.refresh);
    personal.add("the name", name);

    site.sign(acme.id).await;
    let key = site.done(&["audit", "key", "--tenant", "acme"]);
    let place = |name: &str| scratch.path(name).display().to_string();
    let export = |name: &str, more: &[&str]| {
        site.done(&["audit", "export", "--tenant", "acme", "--out", &place(name)]);
        let said = site.done(&[&["audit", "verify", &place(name), "--key", key.trim(), "--json"], more].concat());
        files(&scratch.path(name)).iter().for_each(|file| {
            secrets.assert_absent(&file.display().to_string(), fs::read(file).unwrap());
        });
        serde_json::from_str::<Value>(&said).unwrap()["epochs"][0]["values"].as_u64().unwrap()
    };
    let values = export("before", &[]);
    let found = files(&scratch.path("before")).into_iter();
    let found: Vec<PathBuf> = found.filter(|file| personal.find(&fs::read(file).unwrap()).is_some()).collect();
    assert_eq!(found, [scratch.path("before/values.jsonl")]);

    site.done(&["person", "disable", name, "--tenant", "acme"]);
    site.done(&["person", "erase", name, "--tenant", "acme", "--yes"]);
    site.sign(acme.id).await;
    let older = place("before/checkpoint");
    fs::copy(&older, scratch.path("older")).unwrap();
    for dir in ["after", "before"] {
        assert!(export(dir, &["--previous", &place("older")]) < values);
        for file in files(&scratch.path(dir)) {
            personal.assert_absent(&file.display().to_string(), fs::read(&file).unwrap());
        }
    }
}

#[tokio::test]
async fn what_was_removed_by_age_is_left_out_and_the_rest_is_proved() {
    let site = Site::by(Clock::manual(Clock::system().now() - Duration::from_secs(40 * 86_400))).await;
    let tenant = site.app.tenant("acme").await.id;
    let scratch = Scratch::new();
    let out = scratch.path("out").display().to_string();
    site.happen(tenant, 300).await;
    site.sign(tenant).await;
    site.done(&["audit", "prune", "--tenant", "acme", "--before", "2099-01-01"]);
    site.happen(tenant, 600).await;
    site.sign(tenant).await;
    site.done(&["audit", "export", "--tenant", "acme", "--out", &out]);
    let report: Value = serde_json::from_str(&site.done(&["audit", "verify", &out, "--json"])).unwrap();
    let entries = &report["epochs"][0]["entries"];
    assert_eq!(entries["first"], 512, "{report}");
    assert_eq!(entries["last"].as_u64().unwrap() + 1, report["epochs"][0]["size"].as_u64().unwrap());
    site.done(&["audit", "export", "--tenant", "acme", "--out", &out, "--from", "2020-01-01"]);
    site.done(&["audit", "verify", &out]);
}

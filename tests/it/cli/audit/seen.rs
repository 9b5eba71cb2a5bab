//! What an export proves beside the newest checkpoint: earlier ones, witnesses, and a log under another address than before.

use std::fs;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sallyport::{
    audit::restart::restart,
    store::{
        Store, audit_export,
        audit_log::{self, PLATFORM},
        audit_ship::{self, Place},
    },
};
use serde_json::Value;
use signed_note::key_id;

use super::python;
use crate::{cli::grant::Site, harness::scratch::Scratch};

/// A witness that signs what it is shown.
struct Witness(Ed25519KeyPair);

impl Witness {
    fn key(&self) -> (Vec<u8>, String) {
        let encoded = [&[4], self.0.public_key().as_ref()].concat();
        let key = format!("w.example+{:08x}+{}", key_id("w.example", &encoded), STANDARD.encode(&encoded));
        (encoded, key)
    }

    fn line(&self, note: &str) -> String {
        let (text, time) = (note.split_once("\n\n").unwrap().0, 1_785_751_200_u64);
        let signature = self.0.sign(format!("cosignature/v1\ntime {time}\n{text}\n").as_bytes());
        let id = key_id("w.example", &self.key().0).to_be_bytes();
        let line = STANDARD.encode([&id[..], &time.to_be_bytes(), signature.as_ref()].concat());
        format!("\u{2014} w.example {line}")
    }
}

#[tokio::test]
async fn what_a_witness_has_signed_is_exported_and_proved() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await.id;
    let scratch = Scratch::new();
    let (out, witness) =
        (scratch.path("out").display().to_string(), Witness(Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap()));
    let (_, vkey) = witness.key();
    let keep = async |note: &str| {
        let size = sallyport::audit::log::Checkpoint::unverified(note).unwrap().size;
        let mut tx = site.app.app.store.tenant_tx(tenant).await.unwrap();
        let (of, now) = (Place { epoch: 1, next: size }, site.app.app.clock.now());
        audit_ship::keep_cosignature(&mut tx, of, (&vkey, &witness.line(note)), now).await.unwrap();
        tx.commit().await.unwrap();
        size
    };
    let newest = async || {
        let mut tx = site.app.app.store.tenant_tx(tenant).await.unwrap();
        let note = audit_log::newest_checkpoint(&mut tx).await.unwrap().unwrap().note;
        tx.commit().await.unwrap();
        note
    };
    site.happen(tenant, 10).await;
    site.sign(tenant).await;
    let key = site.done(&["audit", "key", "--tenant", "acme"]);
    let export = || site.done(&["audit", "export", "--tenant", "acme", "--out", &out]);
    export();
    let refused = site.fails(&["audit", "verify", &out, "--key", key.trim(), "--witness", &vkey]);
    assert!(refused.contains("NOT verified: checkpoint: the witness w.example has not signed it"), "{refused}");

    let seen = keep(&newest().await).await;
    export();
    let note = fs::read_to_string(scratch.path("out/checkpoint")).unwrap();
    assert!(note.lines().last().unwrap().starts_with("\u{2014} w.example "), "{note}");
    let said = site.done(&["audit", "verify", &out, "--key", key.trim(), "--witness", &vkey]);
    assert!(said.contains(&format!("seen        the first {seen} entries of ")), "{said}");
    let (good, said) = python(&[&out, key.trim()]);
    assert!(good && said.ends_with("signed by the key\n"), "{said}");

    // The log goes on, and the witness has not seen it yet.
    site.happen(tenant, 10).await;
    site.sign(tenant).await;
    export();
    assert!(scratch.path("out/cosigned").exists());
    let file = scratch.write("witness.vkey", &vkey).display().to_string();
    let said = site.done(&["audit", "verify", &out, "--key", key.trim(), "--witness", &file, "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&report["seen"][0]["size"], &report["seen"][0]["name"]), (&seen.into(), &"w.example".into()));
    let earlier = fs::read_to_string(scratch.path("out/checkpoints.jsonl")).unwrap().lines().count();
    let said = serde_json::json!({ "count": earlier, "signed": earlier, "unchecked": 0 });
    assert_eq!((&report["epochs"][0]["earlier"], earlier > 0), (&said, true));
}

#[tokio::test]
async fn earlier_checkpoints_are_thinned_by_size() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await.id;
    for _ in 0..12 {
        site.happen(tenant, 5).await;
        site.sign(tenant).await;
    }
    let mut tx = site.app.app.store.tenant_tx(tenant).await.unwrap();
    let size = audit_log::newest_checkpoint(&mut tx).await.unwrap().unwrap().size;
    let sizes = |notes: Vec<String>| -> Vec<u64> {
        let size = |note: &String| sallyport::audit::log::Checkpoint::unverified(note).unwrap().size;
        notes.iter().map(size).collect()
    };
    let all = sizes(audit_export::earlier(&mut tx, (1, size), 10_000).await.unwrap());
    let some = sizes(audit_export::earlier(&mut tx, (1, size), 4).await.unwrap());
    assert!(all.len() >= 11 && all.is_sorted() && all.iter().all(|of| *of < size), "{all:?}");
    assert!((2..=4).contains(&some.len()) && some.is_sorted() && some.iter().all(|of| all.contains(of)), "{some:?}");
    assert_eq!(some.last(), all.last());
}

#[tokio::test]
async fn an_auditor_is_given_a_key_for_each_address_that_the_log_had() {
    let site = Site::new().await;
    site.app.tenant("acme").await;
    let scratch = Scratch::new();
    site.sign(PLATFORM).await;
    let app = &site.app.app;
    let mut tx = app.store.tenant_tx(PLATFORM).await.unwrap();
    let note = audit_log::newest_checkpoint(&mut tx).await.unwrap().unwrap().note;
    tx.commit().await.unwrap();
    let known = sallyport::audit::log::Checkpoint::unverified(&note).unwrap();
    let moved = sallyport::config::PublicUrl::parse("https://login.example.net").unwrap();
    let owner = Store::over(site.app.db.owner.clone());
    restart(&owner, &app.recorder(None), (&moved, PLATFORM), (&known, &note)).await.unwrap();
    site.sign(PLATFORM).await;
    let (out, keys) = (scratch.path("out").display().to_string(), site.done(&["audit", "key", "--platform"]));
    let [new, old] = keys.lines().collect::<Vec<_>>()[..] else { panic!("{keys}") };
    assert!(new.starts_with("login.example.net/audit/platform/2+"), "{keys}");
    assert!(old.starts_with(&format!("{}+", known.origin)), "{keys}");
    site.done(&["audit", "export", "--platform", "--out", &out]);
    let report = |keys: &[&str]| -> Value {
        let keys = keys.iter().flat_map(|key| ["--key", *key]);
        let args: Vec<&str> = ["audit", "verify", &out, "--json"].into_iter().chain(keys).collect();
        let said = site.done(&args);
        serde_json::from_str(&said).unwrap()
    };
    assert_eq!(report(&[new])["authenticated"], Value::Bool(true));
    assert_eq!(report(&[new, old])["authenticated"], Value::Bool(true));
    assert_eq!(report(&[])["authenticated"], Value::Bool(false));
    let refused = site.fails(&["audit", "verify", &out, "--key", old]);
    assert!(refused.contains("the key given is not one of the log login.example.net/audit/platform/2"), "{refused}");
}

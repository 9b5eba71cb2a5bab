//! Checkpoints to anchors.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sallyport::{
    audit::log::{Checkpoint, CheckpointKey, Hash, VerifierKey, WitnessKey},
    config::{AnchorKind, AnchorTarget, Bucket},
    deliver::{SIGNATURE_HEADER, sigv4},
    ids::TenantId,
    jobs::log::go_on,
    secret::{SecretText, hex},
    store::audit_ship::{self, Place},
};
use signed_note::key_id;
use tlog_tiles::check_tree;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use super::{
    SECRET, all, happen,
    receiver::{Receiver, Seen, answer},
    remote, trouble,
};
use crate::{console::clients::administrator, harness::app::TestApp};

async fn anchored(kind: AnchorKind, url: &str) -> (TestApp, TenantId) {
    let target = AnchorTarget { name: "outside".to_owned(), kind, remote: remote(url) };
    let app = TestApp::start_with(|config| config.audit.anchors = vec![target]).await;
    let tenant = app.tenant("acme").await.id;
    (app, tenant)
}

/// Some events happen, and what the log has become is signed: the size of it.
async fn sign(app: &TestApp, log: TenantId, events: usize) -> u64 {
    happen(app, log, events).await;
    app.clock.advance(Duration::from_secs(10));
    go_on(&app.app, log).await.unwrap();
    notes(app, log).await.last().unwrap().0
}

/// All signed checkpoints of a log: sizes and notes.
async fn notes(app: &TestApp, log: TenantId) -> Vec<(u64, String)> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("select size, note from audit_checkpoint where tenant = $1 order by size")
            .bind(log.0)
            .fetch_all(&app.db.owner)
            .await
            .unwrap();
    rows.into_iter().map(|(size, note)| (size.try_into().unwrap(), note)).collect()
}

#[tokio::test]
async fn a_webhook_gets_each_checkpoint_signed_with_the_shared_secret() {
    let receiver = Receiver::start(|_| answer(204, ""));
    let (app, tenant) = anchored(AnchorKind::Webhook, &receiver.url("/hook")).await;
    for _ in 0..3 {
        sign(&app, tenant, 5).await;
    }
    receiver.once(|seen| answer(500, seen.body.clone()));
    assert_eq!(trouble(&app.app).await, "it did not accept it: status 500");
    let expected: Vec<String> = notes(&app, tenant).await.into_iter().map(|(_, note)| note).collect();
    assert_eq!(all(&app.app).await, expected.len() as u64);
    let seen = receiver.seen();
    assert_eq!(seen[1..].iter().map(|seen| seen.body.clone()).collect::<Vec<_>>(), expected);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    for seen in &seen {
        let signature = format!("sha256={}", hex(hmac::sign(&key, seen.body.as_bytes()).as_ref()));
        assert_eq!(seen.headers[SIGNATURE_HEADER], signature.as_str());
        assert!(!seen.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_bucket_gets_locked_objects_with_a_signature_that_it_can_check() {
    let receiver = Receiver::start(|_| answer(200, ""));
    let bucket = Bucket { region: "eu-central-1".to_owned(), access_key: "AKIDEXAMPLE".to_owned(), retain_days: 365 };
    let (app, tenant) = anchored(AnchorKind::S3(bucket), &receiver.url("/evidence")).await;
    let size = sign(&app, tenant, 5).await;
    all(&app.app).await;
    let seen = receiver.seen().pop().unwrap();
    let (_, note) = notes(&app, tenant).await.pop().unwrap();
    let host = app.base.trim_start_matches("http://").replace(':', "%3A");
    assert_eq!((seen.method.as_str(), seen.uri.path()), ("PUT", &*format!("/evidence/{host}/audit/{tenant}/{size}")));
    assert_eq!(seen.body, note);
    let header = |name: &str| seen.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-amz-object-lock-mode"), "COMPLIANCE");
    // The tests' clock says the third of August 2026.
    assert!(header("x-amz-object-lock-retain-until-date").starts_with("2027-08-03T"));
    let sum = digest(&SHA256, note.as_bytes());
    assert_eq!(
        (header("x-amz-checksum-sha256"), header("x-amz-content-sha256")),
        (STANDARD.encode(sum), hex(sum.as_ref()))
    );
    // As the bucket computes it: over the headers that it got and that the signature names.
    let authorization = header("authorization");
    let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap().to_owned();
    assert!(names.contains("host;") && names.contains("x-amz-object-lock-retain-until-date"), "{names}");
    let headers: Vec<(&str, String)> = names.split(';').map(|name| (name, header(name))).collect();
    let secret = SecretText::new(SECRET.to_owned());
    let (region, service) = ("eu-central-1", "s3");
    let credentials = sigv4::Credentials { access_key: "AKIDEXAMPLE", secret: &secret, region, service };
    let (payload, time) = (header("x-amz-content-sha256"), header("x-amz-date"));
    let signed = sigv4::Signed {
        method: "PUT",
        path: seen.uri.path(),
        query: "",
        headers: &headers,
        payload: &payload,
        time: &time,
    };
    assert_eq!(sigv4::authorization(&credentials, &signed), authorization);
}

#[tokio::test]
async fn a_collector_of_logs_gets_a_line_for_each_checkpoint() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let (app, tenant) = anchored(AnchorKind::Syslog, &url).await;
    sign(&app, tenant, 5).await;
    let notes = notes(&app, tenant).await;
    let count = notes.len();
    let reads = tokio::spawn(async move {
        let mut lines = Vec::new();
        for _ in 0..count {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut line = String::new();
            stream.read_to_string(&mut line).await.unwrap();
            lines.push(line);
        }
        lines
    });
    all(&app.app).await;
    for (line, (size, note)) in reads.await.unwrap().iter().zip(&notes) {
        let (header, json) = line.split_once(" - {").unwrap();
        assert!(header.contains(" sallyport - checkpoint"), "{line}");
        let json: serde_json::Value = serde_json::from_str(&format!("{{{json}")).unwrap();
        assert_eq!((&json["size"], &json["note"]), (&serde_json::json!(size), &serde_json::json!(note)));
    }
}

/// A witness: it knows one checkpoint of each log, and cosigns what goes on from it.
struct Witness {
    pair: Ed25519KeyPair,
    key: WitnessKey,
    /// Of each log: size and root. What a log is signed with is asked of its key when it comes.
    known: Mutex<BTreeMap<String, (u64, Hash)>>,
    log_key: Mutex<Option<CheckpointKey>>,
}

impl Witness {
    fn new() -> Arc<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let encoded = [&[4], pair.public_key().as_ref()].concat();
        let text = format!("witness.example+{:08x}+{}", key_id("witness.example", &encoded), STANDARD.encode(&encoded));
        let key = WitnessKey::parse(&text).unwrap();
        Arc::new(Self { pair, key, known: Mutex::default(), log_key: Mutex::default() })
    }

    fn add_checkpoint(&self, seen: &Seen) -> Response {
        assert_eq!((seen.method.as_str(), seen.uri.path()), ("POST", "/add-checkpoint"));
        let (head, note) = seen.body.split_once("\n\n").unwrap();
        let mut head = head.lines();
        let old: u64 = head.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
        let hash = |line: &str| Hash(STANDARD.decode(line).unwrap().try_into().unwrap());
        let proof: Vec<Hash> = head.map(hash).collect();
        let log = Checkpoint::unverified(note).unwrap().origin;
        let key: VerifierKey = self.log_key.lock().unwrap().as_ref().unwrap().verifier(&log).unwrap();
        let Ok(checkpoint) = Checkpoint::verified(note, &key) else { return answer(403, "") };
        let mut all = self.known.lock().unwrap();
        let known = all.entry(log.to_string()).or_insert((0, Hash([0; 32])));
        if old != known.0 {
            return answer(409, format!("{}\n", known.0));
        }
        let (size, root) = (checkpoint.size, checkpoint.root);
        let goes_on = match old {
            0 => proof.is_empty(),
            old if old == size => proof.is_empty() && root == known.1,
            old => check_tree(&proof, size, root, old, known.1).is_ok(),
        };
        if !goes_on {
            return answer(422, "");
        }
        *known = (size, root);
        answer(200, self.line(&checkpoint.text()))
    }

    fn line(&self, text: &str) -> String {
        let time = 1_785_751_200_u64;
        let signature = self.pair.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
        let id = u32::from_str_radix(self.key.to_string().split('+').nth(1).unwrap(), 16).unwrap();
        let bytes = [&id.to_be_bytes()[..], &time.to_be_bytes(), signature.as_ref()].concat();
        format!("\u{2014} witness.example {}\n", STANDARD.encode(bytes))
    }
}

async fn witnessed() -> (TestApp, TenantId, Receiver, Arc<Witness>) {
    let witness = Witness::new();
    let asked = witness.clone();
    let receiver = Receiver::start(move |seen| asked.add_checkpoint(seen));
    let (app, tenant) = anchored(AnchorKind::Witness(witness.key.clone()), &receiver.url("")).await;
    *witness.log_key.lock().unwrap() = app.app.keyring.checkpoint_keys().pop();
    (app, tenant, receiver, witness)
}

async fn cosignatures(app: &TestApp, log: TenantId, size: u64) -> Vec<(String, String)> {
    let mut tx = app.app.store.tenant_tx(log).await.unwrap();
    audit_ship::cosignatures(&mut tx, Place { epoch: 1, next: size }).await.unwrap()
}

#[tokio::test]
async fn a_witness_cosigns_what_goes_on_from_what_it_knew() {
    let (app, tenant, receiver, witness) = witnessed().await;
    for events in [3, 300, 1] {
        let size = sign(&app, tenant, events).await;
        all(&app.app).await;
        let (_, note) = notes(&app, tenant).await.pop().unwrap();
        let kept = cosignatures(&app, tenant, size).await;
        let [(key, line)] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(key, &witness.key.to_string());
        assert_eq!(witness.key.signed(&note, line), Some(1_785_751_200));
    }
    assert!(receiver.seen().last().unwrap().body.lines().count() > 5, "with a proof");
    assert_eq!(receiver.seen().len(), 3, "at once each time");
}

#[tokio::test]
async fn a_witness_that_knows_more_or_less_says_so_and_is_asked_again() {
    let (app, tenant, receiver, witness) = witnessed().await;
    let first = sign(&app, tenant, 20).await;
    all(&app.app).await;
    // What was known here is lost, as with a process that ended before it wrote it down.
    sqlx::query("update audit_shipment set next = 0").execute(&app.db.owner).await.unwrap();
    let second = sign(&app, tenant, 20).await;
    all(&app.app).await;
    assert!(receiver.seen()[1].body.starts_with("old 0\n"));
    assert!(receiver.seen()[2].body.starts_with(&format!("old {first}\n")));
    assert_eq!(cosignatures(&app, tenant, second).await.len(), 1);
    // The witness begins anew.
    witness.known.lock().unwrap().clear();
    let third = sign(&app, tenant, 20).await;
    all(&app.app).await;
    assert_eq!(cosignatures(&app, tenant, third).await.len(), 1);
}

#[tokio::test]
async fn answers_of_a_witness_that_prove_nothing_are_not_kept() {
    let (app, tenant, receiver, witness) = witnessed().await;
    let size = sign(&app, tenant, 5).await;
    let other = witness.line("another\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    receiver.once(move |_| answer(200, other));
    assert_eq!(trouble(&app.app).await, "its answer cannot be right: it holds no cosignature by its key");
    receiver.once(|_| answer(409, "999999\n"));
    assert!(trouble(&app.app).await.ends_with("was the database set back?"));
    receiver.once(|_| answer(409, "many\n"));
    assert_eq!(trouble(&app.app).await, "its answer cannot be right: it does not say what it knows");
    for _ in 0..3 {
        receiver.once(|_| answer(409, "1\n"));
    }
    assert!(trouble(&app.app).await.contains("something else each time"));
    receiver.once(|_| answer(404, ""));
    assert_eq!(trouble(&app.app).await, "it did not accept it: it does not know the log");
    assert_eq!(cosignatures(&app, tenant, size).await, []);
    all(&app.app).await;
    assert_eq!(cosignatures(&app, tenant, size).await.len(), 1);
}

/// Whoever has the role that serves may put something in the place of a checkpoint.
#[tokio::test]
async fn what_we_have_not_signed_is_told_to_nobody_and_holds_nothing_up() {
    let receiver = Receiver::start(|_| answer(204, ""));
    let (app, tenant) = anchored(AnchorKind::Webhook, &receiver.url("/hook")).await;
    sign(&app, tenant, 5).await;
    let stranger = CheckpointKey::of(&[8; 32]).unwrap();
    let (size, genuine) = notes(&app, tenant).await.pop().unwrap();
    let checkpoint = Checkpoint::unverified(&genuine).unwrap();
    let forged = sallyport::audit::log::sign(&checkpoint, &[stranger]).unwrap();
    for (more, note) in [(1, "nonsense"), (2, forged.as_str()), (3, genuine.as_str())] {
        let insert = "insert into audit_checkpoint (tenant, epoch, size, root, note, signed_at)
                      select tenant, epoch, size + $2, root, $3, signed_at from audit_checkpoint where tenant = $1 and size = $4";
        let size = i64::try_from(size).unwrap();
        sqlx::query(insert).bind(tenant.0).bind(more).bind(note).bind(size).execute(&app.db.owner).await.unwrap();
    }
    all(&app.app).await;
    let sent: Vec<String> = receiver.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(sent.iter().filter(|note| **note == genuine).count(), 1, "once, and of its own size");
    assert!(!sent.iter().any(|note| *note == "nonsense" || *note == forged));
    sign(&app, tenant, 5).await;
    all(&app.app).await;
    assert_eq!(receiver.seen().last().unwrap().body, notes(&app, tenant).await.pop().unwrap().1);
}

/// Whoever looks at the console sees how far an anchor is, and since when it is away.
#[tokio::test]
async fn the_console_says_how_far_an_anchor_is() {
    let receiver = Receiver::start(|_| answer(204, ""));
    let remote = remote(&receiver.url("/hook"));
    let target = AnchorTarget { name: "outside".to_owned(), kind: AnchorKind::Webhook, remote };
    let app = TestApp::start_with(|config| config.audit.anchors = vec![target]).await;
    let (tenant, browser) = administrator(&app).await;
    let page = async || browser.get("/console/t/acme/audit/-/checkpoints").await.body;
    sign(&app, tenant.id, 5).await;
    assert!(page().await.contains("On its way"));
    receiver.once(|_| answer(500, ""));
    trouble(&app.app).await;
    let away = page().await;
    assert!(away.contains("Away since 2026-08-03T") && away.contains("never"), "{away}");
    let overview = async || browser.get("/console/t/acme").await.body;
    assert!(overview().await.contains("outside takes nothing of the log"));
    all(&app.app).await;
    let level = page().await;
    assert!(level.contains("Has everything") && !level.contains("Away since"), "{level}");
    assert!(!overview().await.contains("takes nothing of the log"));
}

//! The dialer for addresses that strangers name, against a hostile server and a hostile name server.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::join_all;
use sallyport::{
    config::{Config, Listen, ListenAddress},
    ids::TenantId,
    upstream::{Asker, FetchError, Fetched, Resolve, Untrusted, UntrustedSettings},
};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::harness::publisher::{Page, Publisher};

const MOST: usize = 5 * 1024;
const TENANT: TenantId = TenantId(Uuid::nil());

fn settings(publisher: &Publisher) -> UntrustedSettings {
    let listen = Listen::on(ListenAddress::Socket(([127, 0, 0, 1], 1).into()));
    let mut config = Config::dev(std::path::Path::new("/nowhere"), listen);
    publisher.allow(&mut config);
    UntrustedSettings::of(&config.untrusted).unwrap()
}

fn dialer(publisher: &Publisher) -> Untrusted {
    Untrusted::new(&settings(publisher)).unwrap()
}

async fn fetch(dialer: &Untrusted, url: &str) -> Result<Fetched, FetchError> {
    dialer.fetch(Asker::Known, TENANT, &Url::parse(url).unwrap(), MOST).await
}

fn raw(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Page {
    Page::Raw(status, headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), body.into())
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn what_is_asked_for_says_nothing_of_anybody() {
    let publisher = Publisher::start();
    publisher.put("/a", Page::Json(json!({ "a": 1 })));
    let fetched = fetch(&dialer(&publisher), &publisher.url("/a")).await.unwrap();
    assert_eq!(fetched.body, "{\"a\":1}");
    let headers = publisher.last();
    for name in ["cookie", "authorization", "referer", "origin"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert_eq!(headers["accept"], "application/json");
}

#[tokio::test]
async fn an_answer_that_is_not_a_small_json_text_is_none() {
    let publisher = Publisher::start();
    let elsewhere = publisher.url("/a");
    publisher.put("/a", Page::Json(json!({})));
    let full = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let cases = [
        ("/301", raw(301, &[JSON, ("location", &elsewhere)], "{}"), "redirect"),
        ("/302", raw(302, &[JSON, ("location", "/a")], "{}"), "redirect"),
        ("/308", raw(308, &[("location", "http://169.254.169.254/latest/meta-data/")], ""), "redirect"),
        ("/201", raw(201, &[JSON], "{}"), "not 200"),
        ("/500", raw(500, &[JSON], "{}"), "not 200"),
        ("/html", raw(200, &[("content-type", "text/html")], "<html>"), "application/json"),
        ("/untyped", raw(200, &[], "{}"), "application/json"),
        ("/gzip", raw(200, &[JSON, ("content-encoding", "gzip")], Bytes::from_static(b"\x1f\x8b")), "compressed"),
        ("/large", raw(200, &[JSON], full(MOST + 1)), "too large"),
        ("/endless", Page::Endless, "too large"),
        ("/missing", raw(404, &[], ""), "not 200"),
    ];
    let dialer = dialer(&publisher);
    for (path, page, says) in cases {
        publisher.put(path, page);
        let error = fetch(&dialer, &publisher.url(path)).await.unwrap_err();
        assert!(error.to_string().contains(says), "{path}: {error}");
    }
    assert_eq!(publisher.hits("/a"), 0, "no redirect was followed");
    publisher.put("/full", raw(200, &[JSON], full(MOST)));
    assert_eq!(fetch(&dialer, &publisher.url("/full")).await.unwrap().body.len(), MOST);
}

#[tokio::test]
async fn who_answers_slowly_is_left() {
    let publisher = Publisher::start();
    publisher.put("/silent", Page::Silence);
    publisher.put("/head", Page::HeadOnly);
    let dialer = dialer(&publisher);
    let (silent, head) = (publisher.url("/silent"), publisher.url("/head"));
    let began = Instant::now();
    let (silent, head) = tokio::join!(fetch(&dialer, &silent), fetch(&dialer, &head));
    assert!(matches!((&silent, &head), (Err(FetchError::Unreached(_)), Err(FetchError::Unreached(_)))), "{silent:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "five seconds each, side by side");
}

#[tokio::test]
async fn plain_http_and_an_unknown_authority_are_not_spoken_to() {
    let publisher = Publisher::start();
    publisher.put("/a", Page::Json(json!({})));
    let plain = publisher.url("/a").replace("https:", "http:");
    assert!(fetch(&dialer(&publisher), &plain).await.is_err());
    let strict = Untrusted::new(&UntrustedSettings { authorities: Vec::new(), ..settings(&publisher) }).unwrap();
    assert!(matches!(fetch(&strict, &publisher.url("/a")).await, Err(FetchError::Unreached(_))));
    let wrong_name = publisher.url("/a").replace("127.0.0.1", "127.0.0.2");
    assert!(fetch(&dialer(&publisher), &wrong_name).await.is_err());
    assert_eq!(publisher.hits("/a"), 0);
}

/// The same words for whatever is behind a name that is not public: no stranger maps a network by asking us.
#[tokio::test]
async fn private_addresses_are_refused_in_the_words_for_nobody_there() {
    let publisher = Publisher::start();
    publisher.put("/a", Page::Json(json!({})));
    let closed = Untrusted::new(&UntrustedSettings { allow_networks: Vec::new(), ..settings(&publisher) }).unwrap();
    let port = publisher.base.rsplit(':').next().unwrap();
    let mut words = Vec::new();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "nobody.invalid",
    ] {
        let error = fetch(&closed, &format!("https://{host}:{port}/a")).await.unwrap_err();
        assert!(matches!(error, FetchError::Unreached(_)), "{host}: {error:?}");
        words.push(error.to_string());
    }
    words.dedup();
    assert_eq!(words, ["it cannot be reached"]);
    assert_eq!(publisher.hits("/a"), 0);
}

/// A name server that gives another answer each time.
struct Changing(Vec<Vec<IpAddr>>, Arc<AtomicUsize>);

#[async_trait::async_trait]
impl Resolve for Changing {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let asked = self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0[asked % self.0.len()].clone())
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let publisher = Publisher::start();
    publisher.put("/a", Page::Json(json!({})));
    let url = publisher.url("/a").replace("127.0.0.1", "app.test");
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    // Good when it is judged, and something else should anybody ask again.
    let changing = Changing(vec![vec![ip("127.0.0.1")], vec![ip("10.0.0.1")]], asked.clone());
    let dialer = Untrusted::resolving(&settings(&publisher), Arc::new(changing)).unwrap();
    assert!(fetch(&dialer, &url).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1, "what was judged is what is connected to");
    assert!(fetch(&dialer, &url).await.is_err(), "and no connection outlives its judgement");
    // One address that is not public spoils the whole answer.
    for other in ["10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"] {
        let mixed = Changing(vec![vec![ip("127.0.0.1"), ip(other)]], Arc::default());
        let dialer = Untrusted::resolving(&settings(&publisher), Arc::new(mixed)).unwrap();
        assert!(matches!(fetch(&dialer, &url).await, Err(FetchError::Unreached(_))), "{other}");
    }
    assert_eq!(publisher.hits("/a"), 1);
}

#[tokio::test]
async fn who_asks_for_the_same_waits_for_one_answer_and_no_error_is_kept() {
    let publisher = Publisher::start();
    let dialer = dialer(&publisher);
    let url = publisher.url("/a");
    let failed = join_all((0..16).map(|_| fetch(&dialer, &url))).await;
    assert!(failed.iter().all(Result::is_err));
    let asked = publisher.hits("/a");
    assert!(asked < 16, "{asked}");
    publisher.put("/a", Page::Json(json!({})));
    assert!(fetch(&dialer, &url).await.is_ok(), "the error is not kept");
    let other = TenantId(Uuid::from_u128(1));
    assert!(
        dialer.fetch(Asker::Known, other, &Url::parse(&url).unwrap(), MOST).await.is_ok(),
        "nor anything of another tenant"
    );
}

#[tokio::test]
async fn one_origin_is_asked_so_often_and_no_more() {
    let publisher = Publisher::start();
    let dialer = dialer(&publisher);
    let mut busy = 0;
    for n in 0..40 {
        busy += usize::from(matches!(fetch(&dialer, &publisher.url(&format!("/{n}"))).await, Err(FetchError::Busy)));
    }
    let asked: usize = (0..40).map(|n| publisher.hits(&format!("/{n}"))).sum();
    assert!(busy >= 15 && asked == 40 - busy, "{asked} asked, {busy} refused");
}

//! The dialer against real sockets, with a name server that may lie.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use time::macros::datetime;

use super::{BadUpstream, DialSettings, Dialer, Resolve, SendError, parse_url};
use crate::{clock::Clock, cluster::Still};

/// A name server with fixed answers; a name can have several, given in turn.
#[derive(Default)]
struct Names {
    answers: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn one(name: &'static str, turns: &[&[&str]]) -> Arc<Self> {
        let turns = turns.iter().map(|turn| turn.iter().map(|address| address.parse().unwrap()).collect()).collect();
        Arc::new(Self { answers: HashMap::from([(name, turns)]), asked: AtomicUsize::new(0) })
    }
}

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let turns = self.answers.get(host).ok_or(io::ErrorKind::NotFound)?;
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(turns.len() - 1);
        Ok(turns[turn].clone())
    }
}

fn settings(allow: &[&str]) -> DialSettings {
    DialSettings {
        allow_networks: allow.iter().map(|network| network.parse().unwrap()).collect(),
        connect_timeout: Duration::from_secs(2),
        header_timeout: Duration::from_millis(300),
        ..DialSettings::default()
    }
}

const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// A server that answers each request with `answer`, and counts connections.
async fn serve(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(answer.as_bytes()).await.is_err() || answer.is_empty() {
                        break;
                    }
                }
            });
        }
    });
    (address, connections)
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn get(dialer: &Dialer, url: &str) -> Result<(StatusCode, Bytes), SendError> {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = parse_url(url).unwrap();
    let response = dialer.send(request, None).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await.unwrap().to_bytes()))
}

fn not_sent(result: Result<(StatusCode, Bytes), SendError>) -> String {
    match result {
        Err(SendError::NotSent(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_allowed_literal_and_an_allowed_name_are_reached() {
    let (address, _) = serve(OK).await;
    let dialer = Dialer::resolving(&settings(&LOOPBACK), Names::one("mcp.test", &[&["127.0.0.1"]])).unwrap();
    for host in ["127.0.0.1", "mcp.test"] {
        let (status, body) = get(&dialer, &format!("http://{host}:{}/x", address.port())).await.unwrap();
        assert_eq!((status, &body[..]), (StatusCode::OK, &b"ok"[..]));
    }
}

#[tokio::test]
async fn a_literal_outside_the_networks_is_refused_in_every_spelling() {
    let (address, connections) = serve(OK).await;
    let dialer = Dialer::new(&settings(&["10.0.0.0/8"])).unwrap();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost"] {
        let reason = not_sent(get(&dialer, &format!("http://{host}:{}/", address.port())).await);
        assert!(reason.contains("upstream.allow_networks"), "{host}: {reason}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn metadata_addresses_are_refused_even_if_everything_is_allowed() {
    let all = settings(&["0.0.0.0/0", "::/0"]);
    let dialer = Dialer::new(&all).unwrap();
    for host in [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "2852039166",
        "[fe80::1]",
        "0.0.0.0",
    ] {
        let reason = not_sent(get(&dialer, &format!("http://{host}/")).await);
        assert!(reason.contains("no setting opens it"), "{host}: {reason}");
    }
}

#[tokio::test]
async fn a_name_that_has_a_metadata_address_beside_a_good_one_is_refused() {
    let (address, connections) = serve(OK).await;
    let names = Names::one("mcp.test", &[&["127.0.0.1", "169.254.169.254"]]);
    let dialer = Dialer::resolving(&settings(&LOOPBACK), names).unwrap();
    let reason = not_sent(get(&dialer, &format!("http://mcp.test:{}/", address.port())).await);
    assert!(reason.contains("169.254.169.254"), "{reason}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn addresses_outside_are_skipped_where_others_are_allowed() {
    let (address, _) = serve(OK).await;
    let names = Names::one("mcp.test", &[&["192.0.2.1", "127.0.0.1"]]);
    let dialer = Dialer::resolving(&settings(&LOOPBACK), names).unwrap();
    assert_eq!(get(&dialer, &format!("http://mcp.test:{}/", address.port())).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_rebinding_name_gains_nothing() {
    let (address, connections) = serve(OK).await;
    let names = Names::one("mcp.test", &[&["127.0.0.1"], &["169.254.169.254"]]);
    let dialer = Dialer::resolving(&settings(&LOOPBACK), names.clone()).unwrap();
    let url = format!("http://mcp.test:{}/", address.port());
    // The address that was judged was used: there was no second question between the two.
    assert_eq!(get(&dialer, &url).await.unwrap().0, StatusCode::OK);
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    // Further requests stay on that connection.
    assert_eq!(get(&dialer, &url).await.unwrap().0, StatusCode::OK);
    assert_eq!((names.asked.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (1, 1));
    // A new connection asks, and judges, anew.
    let fresh = Dialer::resolving(&settings(&LOOPBACK), names).unwrap();
    assert!(not_sent(get(&fresh, &url).await).contains("169.254.169.254"));
}

#[tokio::test]
async fn redirects_are_answers_not_directions() {
    let (target, connections) = serve(OK).await;
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
    let (address, _) = serve(answer.leak()).await;
    let dialer = Dialer::new(&settings(&LOOPBACK)).unwrap();
    assert_eq!(get(&dialer, &format!("http://{address}/")).await.unwrap().0, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_was_not_sent_is_told_from_what_may_have_been() {
    let dialer = Dialer::new(&settings(&LOOPBACK)).unwrap();
    // Nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(not_sent(get(&dialer, &format!("http://{free}/")).await).contains("does not take connections"));
    // A name without an address.
    let nowhere = Dialer::resolving(&settings(&LOOPBACK), Names::one("other.test", &[])).unwrap();
    assert!(not_sent(get(&nowhere, "http://mcp.test/").await).contains("does not resolve"));
    // TLS is asked of a server that has none: nothing but a greeting went out.
    let (plain, _) = serve(OK).await;
    not_sent(get(&dialer, &format!("https://{plain}/")).await);
    // Hung up on, after it was sent.
    let (rude, _) = serve("").await;
    assert!(matches!(get(&dialer, &format!("http://{rude}/")).await, Err(SendError::MaybeSent(_))));
    // Silent, after it was sent.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let (sent, _connection) = tokio::join!(get(&dialer, &url), silent.accept());
    assert!(matches!(sent, Err(SendError::MaybeSent(_))), "{sent:?}");
}

#[test]
fn a_url_is_http_without_credentials_or_fragment() {
    assert!(parse_url("https://mcp.example/path?x=1").is_ok());
    assert_eq!(parse_url("mcp.example"), Err(BadUpstream::Unreadable));
    assert_eq!(parse_url("file:///etc/passwd"), Err(BadUpstream::Scheme));
    assert_eq!(parse_url("https://user@mcp.example/"), Err(BadUpstream::UserInfo));
    assert_eq!(parse_url("https://:secret@mcp.example/"), Err(BadUpstream::UserInfo));
    assert_eq!(parse_url("https://mcp.example/#x"), Err(BadUpstream::Fragment));
}

/// A name server whose answer takes two seconds by the clock that leases go by.
struct Slow(Clock);

#[async_trait::async_trait]
impl Resolve for Slow {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.0.sleep_through(Duration::from_secs(2));
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

#[tokio::test]
async fn what_is_not_good_any_more_when_the_connection_is_there_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        received
    });
    let clock = Clock::manual(datetime!(2026-08-03 10:00 UTC));
    let dialer = Dialer::resolving(&settings(&LOOPBACK), Arc::new(Slow(clock.clone()))).unwrap();
    let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = parse_url(&format!("http://mcp.test:{port}/")).unwrap();
    let still = Still::of_a_read(&clock);
    assert!(still.is_good());
    let sent = dialer.send(request.clone(), Some(&still)).await;
    assert!(matches!(sent, Err(SendError::Withheld)), "{sent:?}");
    drop(dialer);
    assert_eq!(received.await.unwrap(), b"", "a connection, and nothing on it");
    // And without a connection where it is known before.
    let dialer = Dialer::new(&settings(&LOOPBACK)).unwrap();
    assert!(matches!(dialer.send(request, Some(&still)).await, Err(SendError::Withheld)));
}

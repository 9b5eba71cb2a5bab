//! Serving over real sockets.

use std::{
    convert::Infallible,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use sallyport::{
    config::{Http, ListenAddress},
    http::server::{BindError, bind},
};
use tokio::sync::mpsc;

use crate::harness::web::{Web, client, client_with, limits};

const LONG: Duration = Duration::from_secs(3600);

fn hello() -> Router {
    Router::new().route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }))
}

/// A router whose answer is what the test sends, piece by piece.
fn streaming() -> (Router, mpsc::Sender<&'static str>) {
    let (send, receive) = mpsc::channel::<&'static str>(1);
    let receive = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receive)));
    let handler = move || async move {
        let receive = receive.lock().await.take().unwrap();
        Body::from_stream(stream::unfold(receive, |mut receive| async move {
            receive.recv().await.map(|piece| (Ok::<_, Infallible>(Bytes::from_static(piece.as_bytes())), receive))
        }))
    };
    (Router::new().route("/", get(handler)), send)
}

#[tokio::test]
async fn http_1_and_http_2_are_served_and_the_peer_is_known() {
    let web = Web::serve(hello(), &limits(), Duration::ZERO);
    for client in [client_with(|b| b.http1_only()), client_with(|b| b.http2_prior_knowledge())] {
        assert_eq!(client.get(web.url("/")).send().await.unwrap().text().await.unwrap(), "127.0.0.1");
    }
}

#[tokio::test]
async fn localhost_opens_both_loopback_addresses_on_one_port() {
    let listeners = bind([ListenAddress::Localhost(0)]).unwrap();
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    assert_eq!(addresses[0].ip().to_string(), "127.0.0.1");
    assert!(addresses.iter().all(|address| address.port() == addresses[0].port() && address.ip().is_loopback()));
}

#[test]
fn a_taken_port_is_one_line_that_names_the_address() {
    let taken = bind([ListenAddress::Localhost(0)]).unwrap();
    let port = taken[0].local_addr().unwrap().port();
    let error = bind([ListenAddress::Localhost(port)]).unwrap_err();
    assert!(matches!(error, BindError::Taken(address) if address.port() == port));
    let expected = format!(
        "cannot listen on 127.0.0.1:{port}: another program uses this port; stop that program, or choose another port"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_stream_in_flight_ends_in_peace_and_nobody_new_comes_in() {
    let (router, send) = streaming();
    let web = Web::serve(router, &limits(), LONG);
    let url = web.url("/");
    let mut body = client().get(&url).send().await.unwrap().bytes_stream();
    send.send("one ").await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "one ");

    web.shutdown.begin();
    let refused = async {
        while TcpStream::connect(web.address).is_ok() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.expect("still accepting");
    send.send("two").await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "two");
    drop(send);
    assert!(body.next().await.is_none(), "the stream ended as it should");
    web.ended().await;
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_at_the_limit() {
    let (router, send) = streaming();
    let web = Web::serve(router, &limits(), Duration::from_millis(50));
    let mut body = client().get(web.url("/")).send().await.unwrap().bytes_stream();
    send.send("one").await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "one");
    web.shutdown.begin();
    web.ended().await;
    assert!(body.next().await.unwrap().is_err(), "cut, and not taken for complete");
}

#[tokio::test]
async fn being_told_twice_cuts_at_once() {
    let (router, send) = streaming();
    let web = Web::serve(router, &limits(), LONG);
    let mut body = client().get(web.url("/")).send().await.unwrap().bytes_stream();
    send.send("one").await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "one");
    web.shutdown.begin();
    web.shutdown.cut();
    web.ended().await;
    assert!(body.next().await.unwrap().is_err());
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let web = Web::serve(hello(), &limits(), LONG);
    let client = client();
    client.get(web.url("/")).send().await.unwrap().text().await.unwrap();
    let silent = TcpStream::connect(web.address).unwrap();
    web.shutdown.begin();
    web.ended().await;
    drop((client, silent));
}

/// What the server says until it closes the connection.
async fn say(web: &Web, text: &'static [u8]) -> String {
    let address = web.address;
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text).unwrap();
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it stayed open"),
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

#[tokio::test]
async fn whoever_does_not_finish_the_head_of_a_request_is_sent_away() {
    let soon = Duration::from_millis(100);
    let silent = Web::serve(hello(), &Http { handshake: soon, keep_alive: LONG, ..limits() }, Duration::ZERO);
    for text in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\n"] {
        assert_eq!(say(&silent, text).await, "");
    }
    let slow = Web::serve(hello(), &Http { handshake: LONG, keep_alive: soon, ..limits() }, Duration::ZERO);
    let answer = say(&slow, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow:").await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_a_while_and_then_closed() {
    let limits = Http { handshake: LONG, keep_alive: Duration::from_millis(100), ..limits() };
    let web = Web::serve(hello(), &limits, Duration::ZERO);
    let answer = say(&web, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.matches("200 OK").count(), 2, "{answer}");
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let web = Web::serve(hello(), &Http { max_header_bytes: 8192, ..limits() }, Duration::ZERO);
    let long = "x".repeat(9000);
    let http1 = client_with(|b| b.http1_only()).get(web.url("/")).header("x-long", &long).send().await.unwrap();
    assert_eq!(http1.status(), 431);
    let http2 = client_with(|b| b.http2_prior_knowledge()).get(web.url("/")).header("x-long", &long).send().await;
    assert!(http2.map_or(true, |answer| answer.status() == 431));
}

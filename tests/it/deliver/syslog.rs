//! Events over syslog, plain and with TLS.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use sallyport::{
    config::{ShipFormat, ShipKind},
    deliver::Pace,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{all, happen, shipping, target, trouble};
use crate::harness::scratch::Scratch;

/// Messages out of octet counting (RFC 5425 §4.3).
fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').expect("a length");
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        messages.push(String::from_utf8(bytes[space + 1..][..length].to_vec()).unwrap());
        bytes = &bytes[space + 1 + length..];
    }
    messages
}

async fn read(mut stream: impl AsyncRead + Unpin) -> Vec<String> {
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("no end").unwrap();
    messages(&bytes)
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn messages_are_of_rfc_5424_and_a_reset_sends_them_again() {
    let (listener, address) = listen().await;
    let (app, tenant) = shipping(target(ShipKind::Syslog, ShipFormat::Cef, &format!("tcp://{address}"))).await;
    let size = happen(&app, tenant, 3).await;
    let resets = tokio::spawn(async move {
        // It ends before it has read anything: the system resets the connection.
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        drop(stream);
        listener
    });
    assert!(trouble(&app.app).await.starts_with("it was not reached: "));
    let listener = resets.await.unwrap();
    let reads = tokio::spawn(async move {
        let mut got = Vec::new();
        loop {
            let stream: TcpStream = listener.accept().await.unwrap().0;
            got.extend(read(stream).await);
            if got.len() as u64 >= size {
                return got;
            }
        }
    });
    assert_eq!(all(&app.app).await, size);
    let got = reads.await.unwrap();
    assert_eq!(got.len() as u64, size);
    let host = app.base.trim_start_matches("http://");
    for (n, message) in got.iter().enumerate() {
        let (header, text) = message.split_once(" - CEF:0|").unwrap();
        let parts: Vec<&str> = header.split(' ').collect();
        assert_eq!((parts[0], parts[2], parts[3], parts[4]), ("<110>1", host, "sallyport", "-"), "{message}");
        assert!(time::OffsetDateTime::parse(parts[1], &time::format_description::well_known::Rfc3339).is_ok());
        assert!(text.contains(&format!(" cn1={n} ")), "{message}");
    }
}

#[tokio::test]
async fn tls_is_checked_against_the_configured_authority() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let scratch = Scratch::new();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let other = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap()));
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let mut got = Vec::new();
        while got.is_empty() {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            got = messages(&bytes);
        }
        got
    });
    let mut to = target(ShipKind::Syslog, ShipFormat::Ocsf, &format!("tls://{address}"));
    to.remote.ca_file = Some(scratch.write("other.pem", &other.cert.pem()));
    let (app, tenant) = shipping(to.clone()).await;
    happen(&app, tenant, 3).await;
    assert!(trouble(&app.app).await.contains("invalid peer certificate"));

    let (app, tenant) = {
        to.remote.ca_file = Some(scratch.write("ca.pem", &cert.pem()));
        shipping(to).await
    };
    let size = happen(&app, tenant, 3).await;
    let round = app.app.couriers[0].round(&app.app, &mut Pace::default()).await.unwrap();
    let got = serving.await.unwrap();
    assert!(round.sent >= size && got.iter().all(|message| message.contains(" - {\"activity_id\":")), "{round:?}");
}

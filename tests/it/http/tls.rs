//! TLS, and the replacement of its certificate while serving.

use std::{fs, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::tls::TlsInfo;
use rustix::process::{Signal, getpid, kill_process};
use sallyport::{
    config::Tls,
    http::server::{Certificate, CertificateError},
};

use crate::harness::{
    scratch::Scratch,
    web::{Web, client_with},
};

const NEVER: Duration = Duration::from_secs(3600);

/// Certificate and key files, and how to replace them.
struct Files {
    _scratch: Scratch,
    tls: Tls,
}

/// A certificate as clients see it.
type Der = Vec<u8>;

impl Files {
    fn new() -> (Self, Der) {
        let scratch = Scratch::new();
        let tls = Tls { certificate: scratch.write("tls.pem", ""), key: scratch.write("key.pem", "") };
        let this = Self { _scratch: scratch, tls };
        let der = this.replace();
        (this, der)
    }

    fn replace(&self) -> Der {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&self.tls.certificate, cert.pem()).unwrap();
        fs::write(&self.tls.key, signing_key.serialize_pem()).unwrap();
        cert.der().to_vec()
    }
}

fn serve(certificate: &Arc<Certificate>) -> Web {
    Web::serve_tls(Router::new().route("/", get(|| async { "hello" })), certificate.clone())
}

/// The certificate that a new connection is shown.
async fn shown(web: &Web) -> Der {
    let answer = fetch(&client_with(|b| b.tls_info(true)), web).await;
    answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

async fn fetch(client: &reqwest::Client, web: &Web) -> reqwest::Response {
    client.get(format!("https://{}/", web.address)).send().await.unwrap()
}

/// Looks until a new connection is shown `expected`.
async fn until_shown(web: &Web, expected: &Der) {
    let looking = async { while shown(web).await != *expected {} };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("the old certificate is still served");
}

#[tokio::test]
async fn http_2_is_agreed_on() {
    let (files, der) = Files::new();
    let web = serve(&Arc::new(Certificate::load(files.tls.clone()).unwrap()));
    assert_eq!(shown(&web).await, der);
    assert_eq!(fetch(&client_with(|b| b), &web).await.version(), http::Version::HTTP_2);
}

#[tokio::test]
async fn changed_files_are_served_to_new_connections_and_old_ones_go_on() {
    let (files, old) = Files::new();
    let certificate = Arc::new(Certificate::load(files.tls.clone()).unwrap());
    let web = serve(&certificate);
    let early = client_with(|b| b.tls_info(true));
    fetch(&early, &web).await.text().await.unwrap();
    let watched = certificate.clone();
    let watch = tokio::spawn(async move { watched.watch(Duration::from_millis(10)).await });

    let new = files.replace();
    until_shown(&web, &new).await;
    let answer = fetch(&early, &web).await;
    assert_eq!(answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap(), old);
    watch.abort();
}

#[tokio::test]
async fn a_hangup_signal_reads_the_files_again() {
    // The handler is in place before the signal is sent, or the signal would end the test.
    let _handled = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
    let (files, _) = Files::new();
    let certificate = Arc::new(Certificate::load(files.tls.clone()).unwrap());
    let web = serve(&certificate);
    let watched = certificate.clone();
    let watch = tokio::spawn(async move { watched.watch(NEVER).await });
    // The first look is at once. What changes after it waits for the signal, which is sent until it has been heard.
    shown(&web).await;
    let new = files.replace();
    let looking = async {
        while shown(&web).await != new {
            kill_process(getpid(), Signal::HUP).unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("the old certificate is still served");
    watch.abort();
}

#[tokio::test]
async fn a_broken_pair_leaves_the_old_certificate_in_use() {
    let (files, old) = Files::new();
    let certificate = Arc::new(Certificate::load(files.tls.clone()).unwrap());
    let web = serve(&certificate);

    let key = fs::read(&files.tls.key).unwrap();
    files.replace();
    fs::write(&files.tls.key, key).unwrap();
    assert!(matches!(certificate.reload(), Err(CertificateError::Refused(_))), "key and certificate are of two pairs");
    assert_eq!(shown(&web).await, old);

    fs::write(&files.tls.certificate, "noise").unwrap();
    assert!(matches!(certificate.reload(), Err(CertificateError::Files(_))));
    assert_eq!(shown(&web).await, old);

    let new = files.replace();
    certificate.reload().unwrap();
    assert_eq!(shown(&web).await, new);
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_no_answer() {
    let (files, _) = Files::new();
    let web = serve(&Arc::new(Certificate::load(files.tls.clone()).unwrap()));
    assert!(client_with(|b| b).get(web.url("/")).send().await.is_err());
}

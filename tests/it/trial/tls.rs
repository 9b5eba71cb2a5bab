//! Certificates that are not trusted.

use axum::Router;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sallyport::{config::Tls, http::server::Certificate};

use super::tried;
use crate::harness::{scratch::Scratch, web::Web};

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_explained_until_it_is() {
    let scratch = Scratch::new();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificate: scratch.write("tls.pem", &cert.pem()),
        key: scratch.write("key.pem", &signing_key.serialize_pem()),
    };
    let web = Web::serve_tls(Router::new(), std::sync::Arc::new(Certificate::load(tls.clone()).unwrap()));
    let url = format!("https://localhost:{}/mcp", web.address.port());

    let refused = tried(&[&url, "--json"], async |_| {}).await;
    assert_eq!((refused.code, refused.codes()), (2, vec!["tls".to_owned()]), "{}", refused.out);
    assert!(refused.out.contains("--ca-file"), "{}", refused.out);

    let file = tls.certificate.to_str().unwrap();
    let trusted = tried(&[&url, "--json", "--ca-file", file], async |_| {}).await;
    assert_eq!(trusted.got("Call without token"), "404");

    let other = format!("https://127.0.0.1:{}/mcp", web.address.port());
    let misnamed = tried(&[&other, "--json", "--ca-file", file], async |_| {}).await;
    assert!(misnamed.out.contains("its certificate is for another host"), "{}", misnamed.out);

    let nothing = tried(&[&url, "--ca-file", tls.key.to_str().unwrap()], async |_| {}).await;
    assert_eq!(nothing.code, 1);
}

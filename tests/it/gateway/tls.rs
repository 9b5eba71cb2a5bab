//! Upstreams over TLS.

use http::Version;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sallyport::{config::Tls, http::server::Certificate};

use super::{
    upstream::{Reply, Upstream},
    world::{BOTH, World, error},
};
use crate::harness::scratch::Scratch;

/// An upstream with a certificate of its own for 127.0.0.1.
fn upstream(scratch: &Scratch) -> (Upstream, Tls) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = scratch.write("upstream.pem", &cert.pem());
    let tls = Tls { certificate, key: scratch.write("upstream-key.pem", &signing_key.serialize_pem()) };
    (Upstream::start_tls(Certificate::load(tls.clone()).unwrap()), tls)
}

async fn world(upstream: Upstream, ca: Option<Tls>) -> World {
    let mut world = World::start_with(|config| config.upstream.ca_file = ca.map(|tls| tls.certificate)).await;
    world.server = world.app.server(world.tenant.id, "acme", "tools", &upstream.url).await;
    world.upstream = upstream;
    world
}

#[tokio::test]
async fn a_trusted_upstream_is_spoken_to_in_http_2() {
    let scratch = Scratch::new();
    let (upstream, tls) = upstream(&scratch);
    let world = world(upstream, Some(tls)).await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let seen = world.upstream.last();
    assert_eq!(seen.version, Version::HTTP_2);
    assert_eq!(seen.jwt().split('.').count(), 3);
    // A client that goes away ends its own call, and nobody else's on that connection.
    world.upstream.reply(Reply::Silence);
    let call = tokio::spawn(world.call(&token).send());
    world.upstream.asked(2).await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut other = world.call(&token).send().await.unwrap();
    call.abort();
    world.upstream.dropped(1).await;
    events.send("data: {}\n\n".to_owned()).unwrap();
    assert_eq!(other.chunk().await.unwrap().unwrap(), "data: {}\n\n");
}

#[tokio::test]
async fn an_upstream_that_nobody_vouches_for_gets_nothing() {
    let scratch = Scratch::new();
    let (upstream, _) = upstream(&scratch);
    let world = world(upstream, None).await;
    let token = world.token(&BOTH).await;
    let (status, _, message) = error(world.call(&token).send().await.unwrap()).await;
    assert_eq!(status, 502);
    assert!(message.contains("was not executed"), "{message}");
    assert!(world.upstream.seen().is_empty());
}

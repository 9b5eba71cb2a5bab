//! A real authorization server outside: oidc-provider, unmodified, whose JWT access tokens a server of ours accepts.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use sallyport::{clock::Clock, store::Store};
use serde_json::{Value, json};

use super::real::{free_port, program};
use crate::{
    gateway::world::{Token, World},
    harness::{app::TestApp, db::TestDb, scratch::Scratch, web::client},
    token::outside::trust,
};

/// The issuer. Ends when this is dropped.
struct Provider(Child);

impl Provider {
    /// Returns when it listens. Each start has keys of its own.
    fn start(issuer: &str, certificate: &str, key: &str) -> Self {
        let mut command = program(&["issuer.mjs", issuer, certificate, key, "mcp:read", "mcp:write"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).any(|line| line.contains("\"ready\""));
        assert!(ready, "oidc-provider ended: {:?}", child.wait());
        Self(child)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A token of the robot.
async fn token(issuer: &str, resource: &str, scope: &str) -> String {
    let form = [("grant_type", "client_credentials"), ("resource", resource), ("scope", scope)];
    let request = client().post(format!("{issuer}/token")).basic_auth("robot", Some("the+secret+of+the+robot"));
    let answer: Value = request.form(&form).send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn tokens_of_oidc_provider_call_through_and_its_keys_are_followed() {
    let scratch = Scratch::new();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = scratch.write("issuer.pem", &cert.pem());
    let key = scratch.write("issuer-key.pem", &signing_key.serialize_pem());
    let issuer = format!("https://127.0.0.1:{}", free_port());
    let start = || Provider::start(&issuer, certificate.to_str().unwrap(), key.to_str().unwrap());
    let provider = start();

    let db = TestDb::new().await;
    let store = Store::over(db.app.clone());
    let app = TestApp::over(db, store, Clock::manual(Clock::system().now()), |config| {
        config.untrusted.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.untrusted.ca_file = Some(certificate.clone());
    });
    let world = World::around(app.await).await;
    trust(&world.app, &world.tenant, &world.server, &[json!({ "issuer": issuer })]).await;
    let call = async |text: String| world.call(&as_token(text)).send().await.unwrap().status().as_u16();

    let first = token(&issuer, &world.server.resource, "mcp:read mcp:write").await;
    assert_eq!(call(first.clone()).await, 200);
    let seen = world.upstream.last();
    let (inner, signature) = (seen.jwt().to_owned(), first.rsplit('.').next().unwrap());
    assert!(seen.headers.values().all(|value| !value.to_str().unwrap().contains(signature)));
    assert_ne!(inner, first);
    assert_eq!(call(token(&issuer, &world.server.resource, "mcp:read").await).await, 403, "a tool needs more");
    assert_eq!(call(token(&issuer, "https://other.example/mcp", "mcp:write").await).await, 401);

    // Other keys from one moment to the next.
    drop(provider);
    let _provider = start();
    world.app.clock.advance(std::time::Duration::from_secs(31));
    assert_eq!(call(token(&issuer, &world.server.resource, "mcp:write").await).await, 200);
}

fn as_token(text: String) -> Token {
    Token { text, family: sallyport::ids::FamilyId(uuid::Uuid::nil()) }
}

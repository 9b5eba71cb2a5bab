//! openid-client 6 and oauth4webapi 3, which validate every answer, through every grant.

use std::fs;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sallyport::secret::{Entropy, Handle, HandleKind};
use serde_json::json;

use super::real::World;

/// All that a library does, in order.
const STEPS: [&str; 21] = [
    "discover",
    "register",
    "authorize",
    "code",
    "code: call",
    "refresh",
    "refresh: call",
    "revoke",
    "revoked",
    "device: register",
    "device: approve",
    "device",
    "device: call",
    "client_secret_basic",
    "client_secret_basic: call",
    "client_secret_post",
    "client_secret_post: call",
    "private_key_jwt",
    "private_key_jwt: call",
    "introspect",
    "introspect: unknown",
];

/// A key of its own, as a JWK with its private part: (all of it, the public part in TOML).
fn key() -> (serde_json::Value, String) {
    let seed = Entropy::system().bytes::<32>().unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).unwrap();
    let (x, d) = (URL_SAFE_NO_PAD.encode(pair.public_key()), URL_SAFE_NO_PAD.encode(seed.as_slice()));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "d": d });
    (jwk, format!("{{ kty = \"OKP\", crv = \"Ed25519\", kid = \"1\", x = \"{x}\" }}"))
}

fn strict(library: &str) {
    let world = World::start();
    let secret = Handle::generate(HandleKind::ClientSecret, &Entropy::system()).unwrap().expose().to_owned();
    fs::write(world.scratch.path("secret"), &secret).unwrap();
    let (jwk, public) = key();
    let asks = Handle::generate(HandleKind::ServerSecret, &Entropy::system()).unwrap().expose().to_owned();
    fs::write(world.scratch.path("server.secret"), &asks).unwrap();
    let mut file = format!(
        "[[tenant]]\nslug = \"demo\"\nname = \"Sallyport demo\"\n[[tenant.server]]\nslug = \"demo\"\nupstream = \"{}\"\n\
         introspection_secret = {{ file = \"server.secret\" }}\n",
        world.ready("upstream")
    );
    let by_secret = "secret = { file = \"secret\" }".to_owned();
    for (method, proof) in [
        ("client_secret_basic", by_secret.clone()),
        ("client_secret_post", by_secret),
        ("private_key_jwt", format!("jwks = {{ keys = [{public}] }}")),
    ] {
        file += &format!(
            "[[tenant.client]]\nid = \"{method}\"\nname = \"{method}\"\nauth_method = \"{method}\"\n{proof}\n\
             client_credentials = [{{ server = \"demo\", scopes = [\"mcp:read\"] }}]\n"
        );
    }
    world.apply(&file);
    let machines = json!({
        "client_secret_basic": { "id": "client_secret_basic", "secret": secret },
        "client_secret_post": { "id": "client_secret_post", "secret": secret },
        "private_key_jwt": { "id": "private_key_jwt", "jwk": jwk, "alg": "EdDSA", "kid": "1" },
    });
    let path = world.scratch.path("machines.json");
    fs::write(&path, machines.to_string()).unwrap();
    let (issuer, resource) = (world.ready("issuer"), world.ready("resource"));
    let introspector = world.scratch.path("introspector.json");
    fs::write(&introspector, json!({ "id": "demo", "secret": asks }).to_string()).unwrap();
    let files = ["--machines", path.to_str().unwrap(), "--introspector", introspector.to_str().unwrap()];
    let steps = world.run(&[&["strict.mjs", library, &issuer, &resource], &files[..]].concat());
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    let missing: Vec<&&str> = STEPS.iter().filter(|step| !names.contains(step)).collect();
    assert!(missing.is_empty(), "{missing:?} of {names:?}");
}

#[test]
fn openid_client_6_gets_along_with_every_grant() {
    strict("openid-client");
}

#[test]
fn oauth4webapi_3_gets_along_with_every_grant() {
    strict("oauth4webapi");
}

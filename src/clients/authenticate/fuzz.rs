//! Fuzz targets of client authentication: see [`crate::fuzzing`].

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::json;
use time::{Duration, macros::datetime};
use url::form_urlencoded;

use super::{Assertion, basic::Basic, presented::Presented};
use crate::{clients::jwks::ClientKeys, fuzzing::line, http::form::Form};

/// The value of an `Authorization` header.
pub fn basic(data: &[u8]) {
    let Ok(basic) = Basic::parse(data) else { return };
    assert!(!basic.client_id.is_empty(), "no name");
    assert!(
        !basic.client_id.contains(char::is_control) && !basic.secret.contains(char::is_control),
        "control character"
    );
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let written =
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(&basic.client_id), encode(&basic.secret))));
    let again = Basic::parse(written.as_bytes()).ok().map(|again| (again.client_id, again.secret));
    assert!(again.is_some_and(|again| again == (basic.client_id, basic.secret)), "read, written and read");
}

/// An `Authorization` header in the first line (none if that is empty), a form in the second.
pub fn client_authentication(data: &[u8]) {
    let (header, body) = line(data);
    let mut headers = HeaderMap::new();
    match HeaderValue::from_bytes(header) {
        Ok(value) if !value.is_empty() => drop(headers.insert(AUTHORIZATION, value)),
        _ => {}
    }
    let Some(form) = std::str::from_utf8(body).ok().and_then(|body| Form::query(Some(body)).ok()) else { return };
    if let Ok(presented) = Presented::read(&headers, &form) {
        assert!(!presented.client_id().is_empty(), "no name");
        let in_body = form.one("client_id").ok().flatten();
        assert!(in_body.is_none_or(|in_body| in_body == presented.client_id()), "two names");
        assert!(headers.is_empty() || form.all("client_secret").next().is_none(), "two methods");
        assert!(headers.is_empty() || form.all("client_assertion").next().is_none(), "two methods");
    }
}

/// A whole assertion; and claims, signed with the key that is the client's.
pub fn assertion(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let now = datetime!(2026-08-03 10:00 UTC);
    let audiences = ["https://gw.example/t/acme".to_owned()];
    let Ok(key) = Ed25519KeyPair::from_seed_unchecked(&[7; 32]) else { return };
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    let Ok(keys) = ClientKeys::read(&json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] })) else { return };
    let signed = {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#);
        let message = format!("{head}.{}", URL_SAFE_NO_PAD.encode(text));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    };
    for (text, ours) in [(text, false), (signed.as_str(), true)] {
        let Ok(assertion) = Assertion::read(text) else { continue };
        assert!(text.len() <= 8 * 1024, "too long");
        if let Ok(spent) = assertion.verify(&keys, &audiences, now) {
            assert!(ours, "forged");
            assert!(spent.expires_at > now && spent.expires_at <= now + Duration::minutes(11), "lives too long");
        }
    }
}

//! Tests of all that is checked of passkeys, with an authenticator that says what a test wants it to say.

mod asking;
mod reading;
mod registering;
mod using;
mod vectors;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{cbor::Value, *};
use crate::ids::PersonId;

const PERSON: PersonId = PersonId(Uuid::from_u128(7));
const CHALLENGE: Challenge = Challenge([9; 32]);
const CREDENTIAL: &[u8] = b"one of my credentials";
/// Somebody is there, and is the person.
const UP_UV: u8 = 0x05;
/// A credential follows.
const AT: u8 = 0x40;

fn party(public_url: &str) -> RelyingParty {
    RelyingParty::of(&PublicUrl::parse(public_url).unwrap()).unwrap()
}

fn us() -> RelyingParty {
    party("https://example.org")
}

fn text(bytes: &[u8]) -> Json {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// CBOR, written in its shortest form.
fn write(value: &Value<'_>) -> Vec<u8> {
    let head = |kind: u8, argument: u64| -> Vec<u8> {
        let bytes = argument.to_be_bytes();
        let (short, kept) = match argument {
            0..24 => (bytes[7], 0),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 8),
        };
        [&[kind << 5 | short], &bytes[8 - kept..]].concat()
    };
    let length = |kind: u8, length: usize| head(kind, length.try_into().unwrap());
    match value {
        Value::Number(number) => match u64::try_from(*number) {
            Ok(number) => head(0, number),
            Err(_) => head(1, (-1 - number).try_into().unwrap()),
        },
        Value::Bytes(bytes) => [&length(2, bytes.len()), *bytes].concat(),
        Value::Text(text) => [&length(3, text.len()), text.as_bytes()].concat(),
        Value::Array(values) => [length(4, values.len()), values.iter().flat_map(write).collect()].concat(),
        Value::Map(entries) => {
            let written = entries.iter().flat_map(|(key, value)| [write(key), write(value)].concat());
            [length(5, entries.len()), written.collect()].concat()
        }
        Value::Bool(false) => vec![0xf4],
        Value::Bool(true) => vec![0xf5],
        Value::Null => vec![0xf6],
    }
}

fn map<'a, const N: usize>(entries: [(i128, Value<'a>); N]) -> Value<'a> {
    Value::Map(entries.map(|(key, value)| (Value::Number(key), value)).to_vec())
}

/// A key on P-256, and how it is written.
struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn cose(&self) -> Vec<u8> {
        let point = self.0.public_key().as_ref();
        let (x, y) = (Value::Bytes(&point[1..33]), Value::Bytes(&point[33..]));
        let number = Value::Number;
        write(&map([(1, number(2)), (3, number(-7)), (-1, number(1)), (-2, x), (-3, y)]))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

/// Client data as a browser on a page of ours makes it.
fn client_data(kind: &str) -> Json {
    json!({"type": kind, "challenge": CHALLENGE.text(), "origin": "https://example.org", "crossOrigin": false})
}

/// Authenticator data without what may follow.
fn data(party: &str, flags: u8, sign_count: u32) -> Vec<u8> {
    [digest(&SHA256, party.as_bytes()).as_ref(), &[flags], &sign_count.to_be_bytes()].concat()
}

/// What follows it in a registration.
fn attested(credential: &[u8], key: &[u8]) -> Vec<u8> {
    let length = u16::try_from(credential.len()).unwrap();
    [&[0; 16][..], &length.to_be_bytes(), credential, key].concat()
}

fn object(data: &[u8]) -> Vec<u8> {
    let entries = [("fmt", Value::Text("none")), ("attStmt", Value::Map(vec![])), ("authData", Value::Bytes(data))];
    write(&Value::Map(entries.map(|(key, value)| (Value::Text(key), value)).to_vec()))
}

fn registration(client_data: &[u8], object: &[u8]) -> Json {
    json!({
        "id": text(CREDENTIAL),
        "rawId": text(CREDENTIAL),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {"credProps": {"rk": true}},
        "response": {
            "clientDataJSON": text(client_data),
            "attestationObject": text(object),
            "transports": ["internal", "hybrid"],
            "publicKeyAlgorithm": -7,
        },
    })
}

fn assertion(key: &Key, client_data: &[u8], data: &[u8]) -> Json {
    let signature = key.sign(&[data, digest(&SHA256, client_data).as_ref()].concat());
    json!({
        "id": text(CREDENTIAL),
        "rawId": text(CREDENTIAL),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": text(client_data),
            "authenticatorData": text(data),
            "signature": text(&signature),
            "userHandle": text(PERSON.0.as_bytes()),
        },
    })
}

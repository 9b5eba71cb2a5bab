//! An authenticator in software and the browser before it: answers what pages ask as `navigator.credentials` does, or wrongly.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Somebody is there, and a credential follows.
const UP: u8 = 0x01;
const UV: u8 = 0x04;
const AT: u8 = 0x40;

/// One thing to do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A page of another origin asked.
    Origin,
    /// It is for another relying party.
    Party,
    /// Another challenge is answered.
    Challenge,
    /// A page of ours asked, in a frame on somebody else's.
    Frame,
    /// Nobody looked who it was.
    Verification,
    /// It has not counted on.
    Count,
    /// Another key signs.
    Key,
    /// It says that it is another person's.
    Person,
}

/// A passkey in it.
struct Passkey {
    id: Vec<u8>,
    party: String,
    person: String,
    key: EcdsaKeyPair,
    uses: u32,
}

/// A person's authenticator, and their browser on pages of one origin.
pub(crate) struct Authenticator {
    origin: String,
    passkeys: Vec<Passkey>,
}

impl Authenticator {
    pub(crate) fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), passkeys: Vec::new() }
    }

    /// What `navigator.credentials.create` answers to the JSON of options. None: it has one of those to be excluded.
    pub(crate) fn create(&mut self, options: &str) -> Option<String> {
        self.create_with(options, None)
    }

    /// The same with something wrong.
    pub(crate) fn create_with(&mut self, options: &str, wrong: Option<Wrong>) -> Option<String> {
        let options: Value = serde_json::from_str(options).unwrap();
        let offered = options["pubKeyCredParams"].as_array().unwrap();
        assert!(offered.iter().any(|one| one["alg"] == -7), "{options}");
        if options["excludeCredentials"].as_array().unwrap().iter().any(|one| self.find(&bytes(&one["id"])).is_some()) {
            return None;
        }
        let key = key();
        let id = digest(&SHA256, key.public_key().as_ref()).as_ref().to_vec();
        let party = word(&options["rp"]["id"]);
        let client_data = self.client_data("webauthn.create", &options, wrong);
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        let data = [&data(&party, AT, 0, wrong)[..], &[0; 16], &length, &id, &cose(&key)].concat();
        let answer = json!({
            "clientDataJSON": text(&client_data),
            "attestationObject": text(&attestation(&data)),
            "authenticatorData": text(&data),
            "transports": ["internal"],
        });
        let person = word(&options["user"]["id"]);
        self.passkeys.push(Passkey { id, party, person, key, uses: 0 });
        self.passkeys.last().map(|made| made.answer(&answer))
    }

    /// What `navigator.credentials.get` answers to the JSON of options. None: it has no passkey for that.
    pub(crate) fn get(&mut self, options: &str) -> Option<String> {
        self.get_with(options, None)
    }

    /// The same with something wrong.
    pub(crate) fn get_with(&mut self, options: &str, wrong: Option<Wrong>) -> Option<String> {
        let options: Value = serde_json::from_str(options).unwrap();
        let allowed = options["allowCredentials"].as_array().unwrap();
        let fits = |passkey: &Passkey| {
            options["rpId"] == passkey.party
                && (allowed.is_empty() || allowed.iter().any(|one| bytes(&one["id"]) == passkey.id))
        };
        let at = self.passkeys.iter().rposition(fits)?;
        let client_data = self.client_data("webauthn.get", &options, wrong);
        let passkey = &mut self.passkeys[at];
        if wrong != Some(Wrong::Count) {
            passkey.uses += 1;
        }
        let data = data(&passkey.party, 0, passkey.uses, wrong);
        let message = [&data, digest(&SHA256, &client_data).as_ref()].concat();
        let other = key();
        let key = if wrong == Some(Wrong::Key) { &other } else { &passkey.key };
        let signature = key.sign(&SystemRandom::new(), &message).unwrap();
        let person = if wrong == Some(Wrong::Person) { text(b"somebody else") } else { passkey.person.clone().into() };
        Some(passkey.answer(&json!({
            "clientDataJSON": text(&client_data),
            "authenticatorData": text(&data),
            "signature": text(signature.as_ref()),
            "userHandle": person,
        })))
    }

    fn find(&self, id: &[u8]) -> Option<&Passkey> {
        self.passkeys.iter().find(|passkey| passkey.id == id)
    }

    fn client_data(&self, kind: &str, options: &Value, wrong: Option<Wrong>) -> Vec<u8> {
        let challenge = if wrong == Some(Wrong::Challenge) { text(&[1; 32]) } else { options["challenge"].clone() };
        let origin = if wrong == Some(Wrong::Origin) { "https://evil.example" } else { &self.origin };
        let framed = wrong == Some(Wrong::Frame);
        json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": framed}).to_string().into_bytes()
    }
}

impl Passkey {
    /// As `PublicKeyCredential.toJSON` has it.
    fn answer(&self, response: &Value) -> String {
        let id = text(&self.id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        })
        .to_string()
    }
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

/// Authenticator data without what may follow.
fn data(party: &str, flags: u8, uses: u32, wrong: Option<Wrong>) -> Vec<u8> {
    let party = if wrong == Some(Wrong::Party) { "evil.example" } else { party };
    let verified = if wrong == Some(Wrong::Verification) { 0 } else { UV };
    [digest(&SHA256, party.as_bytes()).as_ref(), &[flags | UP | verified], &uses.to_be_bytes()].concat()
}

/// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`
fn cose(key: &EcdsaKeyPair) -> Vec<u8> {
    let point = key.public_key().as_ref();
    let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01];
    [&head[..], &[0x21, 0x58, 0x20], &point[1..33], &[0x22, 0x58, 0x20], &point[33..]].concat()
}

/// `{"fmt": "none", "attStmt": {}, "authData": data}`
fn attestation(data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap();
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58", &[length][..], data].concat()
}

fn text(bytes: &[u8]) -> Value {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

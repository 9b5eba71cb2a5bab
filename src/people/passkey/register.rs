//! A new passkey (WebAuthn §7.1).

use serde::Deserialize;

use super::{
    BadPasskey, Challenge, RelyingParty, Verification,
    authenticator::AuthenticatorData,
    cbor::Value,
    client_data::{Ceremony, ClientData},
    cose::{Algorithm, PublicKey},
    json::{self, Bytes},
};

/// The most ways to reach an authenticator that are kept, and the longest name of one.
const TRANSPORTS: (usize, usize) = (8, 32);

/// What `PublicKeyCredential.toJSON()` makes of a new credential, as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    id: Bytes,
    raw_id: Bytes,
    #[serde(rename = "type")]
    kind: json::Kind,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: Bytes,
    attestation_object: Bytes,
    #[serde(default)]
    transports: Vec<String>,
}

/// A browser's answer to [`super::CreationOptions`], not verified. Does not print.
pub struct Registration {
    id: Vec<u8>,
    client_data: ClientData,
    attestation: Vec<u8>,
    transports: Vec<String>,
}

/// A passkey to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The id that the authenticator gave it.
    pub credential: Vec<u8>,
    /// Its public key, as COSE spells it.
    pub public_key: Vec<u8>,
    /// What it signs with.
    pub alg: Algorithm,
    /// How often it has signed. Zero where it does not count.
    pub sign_count: u32,
    /// Whether there are copies of it, as those have that a provider keeps in step over devices.
    pub backed_up: bool,
    /// How browsers reach it, to be handed back to them.
    pub transports: Vec<String>,
}

impl Registration {
    /// Reads the JSON of an answer.
    ///
    /// # Errors
    /// [`BadPasskey`], where it cannot be read.
    pub fn read(text: &str) -> Result<Self, BadPasskey> {
        let Json { id, raw_id, kind: json::Kind::PublicKey, response } = json::read(text)?;
        if id != raw_id {
            return Err(BadPasskey::Credential);
        }
        Ok(Self {
            id: id.0,
            client_data: ClientData::read(&response.client_data.0)?,
            attestation: response.attestation_object.0,
            transports: known(response.transports),
        })
    }

    /// The challenge that it answers, by its own account: good for finding what was asked, and for nothing else.
    ///
    /// # Errors
    /// [`BadPasskey::Challenge`]: it is none of ours.
    pub fn challenge(&self) -> Result<Challenge, BadPasskey> {
        self.client_data.challenge()
    }

    /// The passkey, if this answers `challenge` on a page of ours. That nobody has it yet is for the caller to see.
    ///
    /// What the authenticator says of its make is ignored: none was asked for, and none is believed.
    ///
    /// # Errors
    /// See [`BadPasskey`].
    pub fn verify(
        &self,
        party: &RelyingParty,
        challenge: &Challenge,
        verification: Verification,
    ) -> Result<Registered, BadPasskey> {
        self.client_data.check(party, Ceremony::Create, challenge)?;
        let attestation = Value::read(&self.attestation)?;
        let data = attestation.named("authData").and_then(Value::bytes).ok_or(BadPasskey::Attestation)?;
        let data = AuthenticatorData::read(data)?;
        data.check(party, verification)?;
        let new = data.attested.as_ref().ok_or(BadPasskey::NoCredential)?;
        if new.credential != self.id {
            return Err(BadPasskey::Credential);
        }
        Ok(Registered {
            credential: self.id.clone(),
            public_key: new.public_key.to_vec(),
            alg: PublicKey::read(new.public_key)?.algorithm(),
            sign_count: data.sign_count,
            backed_up: data.backed_up(),
            transports: self.transports.clone(),
        })
    }
}

/// Ways that have a form which names of them have. They are hints, so the others are left out and not refused.
fn known(mut transports: Vec<String>) -> Vec<String> {
    let (most, longest) = TRANSPORTS;
    let plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    transports.retain(|name| (1..=longest).contains(&name.len()) && plain(name));
    transports.sort();
    transports.dedup();
    transports.truncate(most);
    transports
}

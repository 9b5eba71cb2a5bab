//! A passkey that is used (WebAuthn §7.2).

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::{
    BadPasskey, Challenge, Purpose, RelyingParty,
    authenticator::AuthenticatorData,
    client_data::{Ceremony, ClientData},
    cose::PublicKey,
    json::{self, Bytes},
};
use crate::ids::PersonId;

/// What `PublicKeyCredential.toJSON()` makes of an assertion, as far as it is looked at.
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
    authenticator_data: Bytes,
    signature: Bytes,
    #[serde(default)]
    user_handle: Option<Bytes>,
}

/// A browser's answer to [`super::RequestOptions`], not verified. Does not print.
pub struct Assertion {
    id: Vec<u8>,
    client_data: ClientData,
    /// Authenticator data, then the hash of the client data.
    signed: Vec<u8>,
    data_length: usize,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

/// What is kept of the passkey that an assertion names.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// Its id.
    pub credential: &'a [u8],
    /// Its public key, as COSE spells it.
    pub public_key: &'a [u8],
    /// How often it had signed when it was used last.
    pub sign_count: u32,
    /// Whose it is.
    pub person: PersonId,
}

/// What a use of a passkey says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// How often it has signed, to be kept. Never less than before.
    pub sign_count: u32,
    /// Whether the authenticator made sure that it was the person.
    pub user_verified: bool,
    /// Whether there are copies of it.
    pub backed_up: bool,
}

impl Assertion {
    /// Reads the JSON of an answer.
    ///
    /// # Errors
    /// [`BadPasskey`], where it cannot be read.
    pub fn read(text: &str) -> Result<Self, BadPasskey> {
        let Json { id, raw_id, kind: json::Kind::PublicKey, response } = json::read(text)?;
        if id != raw_id {
            return Err(BadPasskey::Credential);
        }
        let mut signed = response.authenticator_data.0;
        let data_length = signed.len();
        signed.extend_from_slice(digest(&SHA256, &response.client_data.0).as_ref());
        Ok(Self {
            id: id.0,
            client_data: ClientData::read(&response.client_data.0)?,
            signed,
            data_length,
            signature: response.signature.0,
            // Some say "nobody" by an empty one.
            user_handle: response.user_handle.map(|handle| handle.0).filter(|handle| !handle.is_empty()),
        })
    }

    /// The id of the credential that it is said to be by.
    pub fn credential(&self) -> &[u8] {
        &self.id
    }

    /// The challenge that it answers, by its own account: good for finding what was asked, and for nothing else.
    ///
    /// # Errors
    /// [`BadPasskey::Challenge`]: it is none of ours.
    pub fn challenge(&self) -> Result<Challenge, BadPasskey> {
        self.client_data.challenge()
    }

    /// What it says, if it answers `challenge` on a page of ours, by the passkey that is kept.
    ///
    /// # Errors
    /// See [`BadPasskey`].
    pub fn verify(
        &self,
        party: &RelyingParty,
        challenge: &Challenge,
        purpose: Purpose,
        kept: &Kept<'_>,
    ) -> Result<Asserted, BadPasskey> {
        if self.id != kept.credential {
            return Err(BadPasskey::Credential);
        }
        match &self.user_handle {
            Some(handle) if handle == kept.person.0.as_bytes() => {}
            // Whoever is known already need not be named again.
            None if purpose != Purpose::Login => {}
            _ => return Err(BadPasskey::Person),
        }
        self.client_data.check(party, Ceremony::Get, challenge)?;
        let data = AuthenticatorData::read(self.signed.get(..self.data_length).unwrap_or_default())?;
        data.check(party, purpose.verification())?;
        if !PublicKey::read(kept.public_key)?.signed(&self.signed, &self.signature) {
            return Err(BadPasskey::Signature);
        }
        if kept.sign_count != 0 && data.sign_count != 0 && data.sign_count <= kept.sign_count {
            return Err(BadPasskey::Cloned);
        }
        Ok(Asserted {
            sign_count: data.sign_count.max(kept.sign_count),
            user_verified: data.user_verified(),
            backed_up: data.backed_up(),
        })
    }
}

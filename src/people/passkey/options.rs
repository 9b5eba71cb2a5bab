//! What browsers are asked, as `PublicKeyCredential.parse…OptionsFromJSON` reads it (WebAuthn §5.1.9 and §5.1.10).

use serde::Serialize;

use super::{
    Algorithm, Challenge, Purpose, RelyingParty, Verification,
    json::{Bytes, Kind},
};
use crate::ids::PersonId;

/// How long a browser waits for a person, in milliseconds: what the specification recommends (§15.1).
pub const TIMEOUT: u32 = 300_000;

/// Whose passkey it is to be.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Who. Authenticators keep it, and say it at login.
    pub person: PersonId,
    /// By what name they log in.
    pub name: &'a str,
    /// What they are called.
    pub display_name: &'a str,
}

/// A passkey that there is, for a browser to take or to leave.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its id.
    pub credential: &'a [u8],
    /// How browsers reach it.
    pub transports: &'a [String],
}

/// What `navigator.credentials.create` is asked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    rp: Party,
    user: User,
    challenge: Challenge,
    pub_key_cred_params: [Parameters; Algorithm::ALL.len()],
    timeout: u32,
    exclude_credentials: Vec<Descriptor>,
    authenticator_selection: Selection,
    attestation: &'static str,
}

/// What `navigator.credentials.get` is asked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptions {
    challenge: Challenge,
    timeout: u32,
    rp_id: String,
    allow_credentials: Vec<Descriptor>,
    user_verification: Verification,
}

#[derive(Serialize)]
struct Party {
    id: String,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Bytes,
    name: String,
    display_name: String,
}

#[derive(Serialize)]
struct Parameters {
    #[serde(rename = "type")]
    kind: Kind,
    alg: i32,
}

#[derive(Serialize)]
struct Descriptor {
    #[serde(rename = "type")]
    kind: Kind,
    id: Bytes,
    transports: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Selection {
    resident_key: &'static str,
    /// The same, for browsers of level 1.
    require_resident_key: bool,
    user_verification: Verification,
}

impl RelyingParty {
    /// Asks for a new passkey that no authenticator with one of these has yet. `name` is what we are called.
    pub fn creation(
        &self,
        name: &str,
        owner: &Owner<'_>,
        challenge: Challenge,
        verification: Verification,
        there: &[Known<'_>],
    ) -> CreationOptions {
        let user = User {
            id: Bytes(owner.person.0.as_bytes().to_vec()),
            name: owner.name.to_owned(),
            display_name: owner.display_name.to_owned(),
        };
        CreationOptions {
            rp: Party { id: self.id().to_owned(), name: name.to_owned() },
            user,
            challenge,
            pub_key_cred_params: Algorithm::ALL.map(|alg| Parameters { kind: Kind::PublicKey, alg: alg.id() }),
            timeout: TIMEOUT,
            exclude_credentials: there.iter().map(Descriptor::of).collect(),
            authenticator_selection: Selection {
                resident_key: "required",
                require_resident_key: true,
                user_verification: verification,
            },
            attestation: "none",
        }
    }

    /// Asks for the use of one of these passkeys, or of any where none is named.
    pub fn request(&self, challenge: Challenge, purpose: Purpose, theirs: &[Known<'_>]) -> RequestOptions {
        RequestOptions {
            challenge,
            timeout: TIMEOUT,
            rp_id: self.id().to_owned(),
            allow_credentials: theirs.iter().map(Descriptor::of).collect(),
            user_verification: purpose.verification(),
        }
    }
}

impl Descriptor {
    fn of(known: &Known<'_>) -> Self {
        Self { kind: Kind::PublicKey, id: Bytes(known.credential.to_vec()), transports: known.transports.to_vec() }
    }
}

/// The text of a form's `data-options`.
macro_rules! to_json {
    ($($options:ty),+) => {$(
        impl $options {
            /// As JSON, for the `data-options` of a form.
            pub fn json(&self) -> String {
                // Strings and numbers only: this cannot fail.
                serde_json::to_string(self).unwrap_or_default()
            }
        }
    )+};
}

to_json!(CreationOptions, RequestOptions);

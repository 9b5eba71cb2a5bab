//! Passkeys: what a relying party has to check of them (W3C Web Authentication, level 3, §7).
//!
//! Pure: reading and checking only. What was asked, of whom, and that it was asked once is for the caller to keep; so is
//! which passkeys there are. Why this is our own is in `docs/adr/0013-passkeys.md`.

mod assert;
mod authenticator;
pub mod cbor;
mod client_data;
pub mod cose;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod json;
mod options;
mod register;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, Serializer};
use url::{Host, Url};

use crate::{
    config::PublicUrl,
    secret::{Entropy, NoEntropy},
};

pub use assert::{Asserted, Assertion, Kept};
pub use cose::Algorithm;
pub use options::{CreationOptions, Known, Owner, RequestOptions, TIMEOUT};
pub use register::{Registered, Registration};

/// Why a passkey is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPasskey {
    /// Not the JSON that browsers make of a credential.
    #[error("the answer is not what a browser sends")]
    Json,
    /// CBOR that cannot be read.
    #[error("the answer cannot be read: {0}")]
    Cbor(#[from] cbor::BadCbor),
    /// Client data that cannot be read.
    #[error("what the browser was asked cannot be read")]
    ClientData,
    /// An attestation object without authenticator data.
    #[error("the answer has nothing from the authenticator")]
    Attestation,
    /// Authenticator data that cannot be read.
    #[error("what the authenticator says cannot be read")]
    AuthenticatorData,
    /// A registration in the place of a login, or the other way round.
    #[error("the answer is to another question")]
    Ceremony,
    /// Another challenge than the one that was set.
    #[error("the answer is not to the challenge that was set")]
    Challenge,
    /// Made on a page of another origin.
    #[error("the answer was made on another site")]
    Origin,
    /// Made in a frame on a page of somebody else's.
    #[error("the answer was made inside a page of another site")]
    Frame,
    /// For another relying party.
    #[error("the passkey is for another site")]
    Party,
    /// Without somebody there.
    #[error("nobody confirmed the use of the passkey")]
    Nobody,
    /// Without a finger, a face or a PIN where one is asked for.
    #[error("the authenticator did not make sure who used the passkey")]
    NotVerified,
    /// A copy of what cannot be copied.
    #[error("the authenticator contradicts itself about copies of the passkey")]
    Backup,
    /// A registration that brings no passkey.
    #[error("the answer has no passkey in it")]
    NoCredential,
    /// An id that is too long, that its own answer contradicts, or that was not meant.
    #[error("the passkey has an id that is not right")]
    Credential,
    /// A public key that cannot be used.
    #[error("the key of the passkey cannot be used: {0}")]
    Key(#[from] cose::BadKey),
    /// Somebody else's, or nobody's where it must be somebody's.
    #[error("the passkey is not of this person")]
    Person,
    /// Not signed with the passkey.
    #[error("the signature is not by this passkey")]
    Signature,
    /// It has signed less often than it had before: there are two of it.
    #[error("the passkey counts fewer uses than before, so somebody may have copied it")]
    Cloned,
}

/// Whether the authenticator must make sure that it is the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verification {
    /// It must.
    Required,
    /// It should, where it can.
    Preferred,
}

/// What a passkey is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To log in, alone. Nobody is known before, so the answer must say who it is.
    Login,
    /// After a password.
    Second,
    /// To confirm that it is still the same person.
    Confirm,
}

impl Purpose {
    /// Whether the authenticator must make sure that it is the person: a passkey that stands alone is two factors only then.
    pub const fn verification(self) -> Verification {
        match self {
            Self::Login | Self::Confirm => Verification::Required,
            Self::Second => Verification::Preferred,
        }
    }
}

/// Who we are to browsers and authenticators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origin: String,
}

impl RelyingParty {
    /// By the public URL. None where its host is an IP address: there are no passkeys for those.
    pub fn of(public_url: &PublicUrl) -> Option<Self> {
        let url = Url::parse(public_url.as_str()).ok()?;
        let Host::Domain(host) = url.host()? else { return None };
        Some(Self { id: host.to_owned(), origin: public_url.origin().to_owned() })
    }

    /// The host, for which passkeys are.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The origin of our pages.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// What an authenticator has to sign, once. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// A fresh one.
    ///
    /// # Errors
    /// There is no chance to be had.
    pub fn fresh(entropy: &Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(*entropy.bytes()?))
    }

    /// What is kept of it.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        hash
    }

    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl Serialize for Challenge {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Challenge")
    }
}

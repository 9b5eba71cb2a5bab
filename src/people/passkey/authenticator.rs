//! What an authenticator says of itself and signs (WebAuthn §6.1).

use aws_lc_rs::digest::{SHA256, digest};

use super::{
    BadPasskey, RelyingParty, Verification,
    cbor::{BadCbor, Value},
};

/// The longest id of a credential, in bytes (§7.1 step 25).
const MOST_CREDENTIAL: usize = 1023;

/// Somebody was there.
const USER_PRESENT: u8 = 0x01;
/// It was the person, by a finger, a face or a PIN.
const USER_VERIFIED: u8 = 0x04;
/// The passkey can be copied to other devices.
const BACKUP_ELIGIBLE: u8 = 0x08;
/// It has been.
const BACKED_UP: u8 = 0x10;
/// A new credential follows.
const ATTESTED: u8 = 0x40;
/// Extensions follow.
const EXTENSIONS: u8 = 0x80;

/// Authenticator data, as far as it can be read.
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    party: [u8; 32],
    flags: u8,
    /// How often it has signed, by its own count. Zero where it does not count.
    pub(super) sign_count: u32,
    /// The credential that it has made.
    pub(super) attested: Option<Attested<'a>>,
}

/// A new credential.
#[derive(Debug)]
pub(super) struct Attested<'a> {
    /// Its id.
    pub(super) credential: &'a [u8],
    /// Its public key, as COSE spells it.
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it. Nothing may follow what its flags say.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BadPasskey> {
        let bad = BadPasskey::AuthenticatorData;
        let (party, rest) = bytes.split_first_chunk().ok_or(bad)?;
        let ([flags], rest) = rest.split_first_chunk().ok_or(bad)?;
        let (sign_count, mut rest) = rest.split_first_chunk().ok_or(bad)?;
        let mut attested = None;
        if flags & ATTESTED != 0 {
            let (new, after) = Attested::first(rest)?;
            (attested, rest) = (Some(new), after);
        }
        if flags & EXTENSIONS != 0 {
            let (extensions, after) = Value::first(rest)?;
            extensions.entries().ok_or(bad)?;
            rest = after;
        }
        if !rest.is_empty() {
            return Err(BadCbor::Trailing.into());
        }
        Ok(Self { party: *party, flags: *flags, sign_count: u32::from_be_bytes(*sign_count), attested })
    }

    /// Whether it is for us, with somebody there, and by the person where that is asked for.
    pub(super) fn check(&self, party: &RelyingParty, verification: Verification) -> Result<(), BadPasskey> {
        if self.party != digest(&SHA256, party.id().as_bytes()).as_ref() {
            return Err(BadPasskey::Party);
        }
        if !self.has(USER_PRESENT) {
            return Err(BadPasskey::Nobody);
        }
        if verification == Verification::Required && !self.user_verified() {
            return Err(BadPasskey::NotVerified);
        }
        if self.backed_up() && !self.has(BACKUP_ELIGIBLE) {
            return Err(BadPasskey::Backup);
        }
        Ok(())
    }

    /// Whether the authenticator made sure that it was the person.
    pub(super) fn user_verified(&self) -> bool {
        self.has(USER_VERIFIED)
    }

    /// Whether there are copies of the passkey.
    pub(super) fn backed_up(&self) -> bool {
        self.has(BACKED_UP)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl<'a> Attested<'a> {
    fn first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BadPasskey> {
        let bad = BadPasskey::AuthenticatorData;
        // The model of the authenticator is not looked at: without an attestation nobody vouches for it.
        let (_, rest) = bytes.split_first_chunk::<16>().ok_or(bad)?;
        let (length, rest) = rest.split_first_chunk().ok_or(bad)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > MOST_CREDENTIAL {
            return Err(BadPasskey::Credential);
        }
        let (credential, rest) = rest.split_at_checked(length).ok_or(bad)?;
        let (_, after) = Value::first(rest)?;
        let public_key = rest.get(..rest.len() - after.len()).ok_or(bad)?;
        Ok((Self { credential, public_key }, after))
    }
}

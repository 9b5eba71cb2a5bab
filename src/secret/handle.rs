//! Opaque handles: a recognisable prefix, 256 random bits and a checksum.
//!
//! The checksum lets secret scanners and the gateway tell a handle of ours from noise without a look-up. It proves nothing:
//! only the keyed hash in the store does.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{Entropy, NoEntropy};

const RANDOM: usize = 32;
const CHECK: usize = 4;
/// Characters after the prefix: 36 bytes in base64url.
const TAIL: usize = 48;

/// What a handle is for. The prefix says it, so that one kind never passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandleKind {
    /// OAuth access token.
    AccessToken,
    /// OAuth refresh token.
    RefreshToken,
    /// OAuth authorization code.
    Code,
    /// OAuth client secret.
    ClientSecret,
    /// RFC 7592 registration access token.
    RegistrationToken,
    /// RFC 7591 initial access token.
    InitialAccessToken,
    /// A person's browser session.
    Session,
    /// The browser itself, before anybody logged in.
    Browser,
    /// One authorization request on its way through login and consent.
    Interaction,
}

impl HandleKind {
    /// The text that every handle of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AccessToken => "sp_at_",
            Self::RefreshToken => "sp_rt_",
            Self::Code => "sp_ac_",
            Self::ClientSecret => "sp_cs_",
            Self::RegistrationToken => "sp_ra_",
            Self::InitialAccessToken => "sp_ia_",
            Self::Session => "sp_se_",
            Self::Browser => "sp_br_",
            Self::Interaction => "sp_in_",
        }
    }
}

/// The text is no handle of the kind asked for. Says nothing of what it was.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {} handle of this server", .0.prefix())]
pub struct MalformedHandle(pub HandleKind);

/// A handle in clear. Neither printable nor clonable: it goes to its owner once, or into a keyed hash.
#[derive(zeroize::ZeroizeOnDrop)]
pub struct Handle {
    #[zeroize(skip)]
    kind: HandleKind,
    text: String,
}

impl Handle {
    /// A new handle.
    pub fn generate(kind: HandleKind, entropy: &Entropy) -> Result<Self, NoEntropy> {
        let random = entropy.bytes::<RANDOM>()?;
        let mut body = Zeroizing::new([0_u8; RANDOM + CHECK]);
        let (head, tail) = body.split_at_mut(RANDOM);
        head.copy_from_slice(random.as_slice());
        tail.copy_from_slice(&checksum(kind, random.as_slice()));
        let text = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(body.as_slice()));
        Ok(Self { kind, text })
    }

    /// Reads a presented handle. Cheap: no store is asked about text that cannot be ours.
    pub fn parse(kind: HandleKind, text: &str) -> Result<Self, MalformedHandle> {
        let malformed = MalformedHandle(kind);
        let Some(tail) = text.strip_prefix(kind.prefix()).filter(|tail| tail.len() == TAIL) else {
            return Err(malformed);
        };
        let body = Zeroizing::new(URL_SAFE_NO_PAD.decode(tail).map_err(|_| MalformedHandle(kind))?);
        let Some((random, check)) = body.split_at_checked(RANDOM) else {
            return Err(malformed);
        };
        if !super::same(check, &checksum(kind, random)) {
            return Err(malformed);
        }
        Ok(Self { kind, text: text.to_owned() })
    }

    /// What the handle is for.
    pub fn kind(&self) -> HandleKind {
        self.kind
    }

    /// The handle itself: for the answer that hands it out, and for the keyed hash.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

fn checksum(kind: HandleKind, random: &[u8]) -> [u8; CHECK] {
    let mut input = Zeroizing::new(Vec::with_capacity(kind.prefix().len() + RANDOM));
    input.extend_from_slice(kind.prefix().as_bytes());
    input.extend_from_slice(random);
    let full = digest(&SHA256, &input);
    let mut out = [0; CHECK];
    for (to, from) in out.iter_mut().zip(full.as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [HandleKind; 9] = [
        HandleKind::AccessToken,
        HandleKind::RefreshToken,
        HandleKind::Code,
        HandleKind::ClientSecret,
        HandleKind::RegistrationToken,
        HandleKind::InitialAccessToken,
        HandleKind::Session,
        HandleKind::Browser,
        HandleKind::Interaction,
    ];

    #[test]
    fn a_handle_reads_back_as_its_own_kind_only() {
        for kind in KINDS {
            let handle = Handle::generate(kind, &Entropy::system()).unwrap();
            for other in KINDS {
                assert_eq!(Handle::parse(other, handle.expose()).is_ok(), other == kind);
            }
        }
    }

    proptest! {
        #[test]
        fn noise_is_refused(text in "(sp_at_)?[A-Za-z0-9_-]{0,60}") {
            prop_assert!(Handle::parse(HandleKind::AccessToken, &text).is_err());
        }

        #[test]
        fn one_changed_character_is_refused(at in 6_usize..53, to in "[A-Za-z0-9_-]") {
            let handle = Handle::generate(HandleKind::AccessToken, &Entropy::system()).unwrap();
            let mut text = handle.expose().to_owned();
            text.replace_range(at..=at, &to);
            let same = text == handle.expose();
            prop_assert_eq!(Handle::parse(HandleKind::AccessToken, &text).is_ok(), same);
        }
    }
}

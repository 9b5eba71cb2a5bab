//! Opaque handles: a recognisable prefix, 256 random bits and a checksum.
//!
//! The checksum lets secret scanners and the gateway tell a handle of ours from noise without a look-up. It proves nothing:
//! only the keyed hash in the store does.

use std::{borrow::Cow, ops::Range};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{Entropy, NoEntropy};

const RANDOM: usize = 32;
const CHECK: usize = 4;
/// Characters after the prefix: 36 bytes in base64url.
const TAIL: usize = 48;

/// What every handle begins with.
const PREFIX: &[u8] = b"sp_";
/// So many characters after the prefix tell too much of a handle.
const TELLING: usize = 12;
const LEFT_OUT: &str = "(handle left out)";

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
    /// By what a protected resource proves itself when it asks about a token (RFC 7662).
    ServerSecret,
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
    /// RFC 8628 device code.
    DeviceCode,
    /// A link by which a person sets a password.
    PersonLink,
    /// The `state` of a login at an identity provider.
    LoginState,
    /// Bearer token of the admin API.
    ApiToken,
    /// A login that waits for a second factor.
    LoginStep,
}

impl HandleKind {
    const ALL: [Self; 15] = [
        Self::AccessToken,
        Self::RefreshToken,
        Self::Code,
        Self::ClientSecret,
        Self::ServerSecret,
        Self::RegistrationToken,
        Self::InitialAccessToken,
        Self::Session,
        Self::Browser,
        Self::Interaction,
        Self::DeviceCode,
        Self::PersonLink,
        Self::LoginState,
        Self::ApiToken,
        Self::LoginStep,
    ];

    /// The text that every handle of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AccessToken => "sp_at_",
            Self::RefreshToken => "sp_rt_",
            Self::Code => "sp_ac_",
            Self::ClientSecret => "sp_cs_",
            Self::ServerSecret => "sp_ss_",
            Self::RegistrationToken => "sp_ra_",
            Self::InitialAccessToken => "sp_ia_",
            Self::Session => "sp_se_",
            Self::Browser => "sp_br_",
            Self::Interaction => "sp_in_",
            Self::DeviceCode => "sp_dc_",
            Self::PersonLink => "sp_pl_",
            Self::LoginState => "sp_os_",
            Self::ApiToken => "sp_ap_",
            Self::LoginStep => "sp_ls_",
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

/// Where in `text` something begins that could be a handle of ours, whole or in part, and where it ends.
fn next_handle(text: &[u8]) -> Option<Range<usize>> {
    let begins = |at: usize| {
        let rest = text.get(at..)?;
        let kind = HandleKind::ALL.into_iter().find(|kind| rest.starts_with(kind.prefix().as_bytes()))?;
        let tail = rest.iter().skip(kind.prefix().len());
        let tail = tail.take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).count();
        (tail >= TELLING).then(|| at..at + kind.prefix().len() + tail)
    };
    text.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX).find_map(|(at, _)| begins(at))
}

/// Whether something in `text` could be a handle of ours: what is passed on or written down must not hold one.
pub fn holds_handle(text: &[u8]) -> bool {
    next_handle(text).is_some()
}

/// `text` without what could be a handle of ours.
pub fn without_handles(text: &str) -> Cow<'_, str> {
    let (mut out, mut rest) = (String::new(), text);
    // Handles are ASCII, so both ends are boundaries of characters.
    while let Some((before, after)) =
        next_handle(rest.as_bytes()).and_then(|at| Some((rest.get(..at.start)?, rest.get(at.end..)?)))
    {
        out.push_str(before);
        out.push_str(LEFT_OUT);
        rest = after;
    }
    if out.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(out + rest) }
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

    #[test]
    fn a_handle_reads_back_as_its_own_kind_only() {
        for kind in HandleKind::ALL {
            let handle = Handle::generate(kind, &Entropy::system()).unwrap();
            for other in HandleKind::ALL {
                assert_eq!(Handle::parse(other, handle.expose()).is_ok(), other == kind);
            }
        }
    }

    #[test]
    fn handles_are_left_out_of_text_and_nothing_else_is() {
        for kind in HandleKind::ALL {
            let handle = Handle::generate(kind, &Entropy::system()).unwrap();
            let (head, _) = handle.expose().split_at(6 + TELLING);
            for part in [handle.expose(), head] {
                let text = format!("é {part}, sp_{part} {part}");
                assert!(holds_handle(text.as_bytes()));
                assert_eq!(without_handles(&text), format!("é {LEFT_OUT}, sp_{LEFT_OUT} {LEFT_OUT}"));
            }
        }
        for text in ["", "sp_", "sp_at_", "sp_at_short", "list_sp_zz_AAECAwQFBgcICQoLDA0ODxAR", "a tool"] {
            assert!(!holds_handle(text.as_bytes()));
            assert!(matches!(without_handles(text), Cow::Borrowed(same) if same == text));
        }
    }

    proptest! {
        #[test]
        fn what_is_left_holds_no_handle(text in "[é a-z_]{0,9}(sp_(at|rt|xx)_[A-Za-z0-9_-]{0,40}[ _é]?){0,4}") {
            prop_assert!(!holds_handle(without_handles(&text).as_bytes()));
        }

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

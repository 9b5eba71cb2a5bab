//! Secrets: opaque handles, what is stored of them, and where chance comes from.

mod handle;
mod letters;

pub use handle::{Handle, HandleKind, MalformedHandle, holds_handle, without_handles};
pub use letters::Letters;
#[cfg(test)]
pub(crate) use letters::{ALPHABET, MAX};

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The random source failed: nothing secret may be made without it.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy;

/// Where randomness comes from. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Entropy(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// The same, until it is said to be dry.
    Manual(Arc<AtomicBool>),
}

impl Entropy {
    /// The operating system's generator.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The operating system's generator, which a test can let run dry.
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::new(AtomicBool::new(false))))
    }

    /// Lets a manual source run dry, or flow again. The operating system's stays as it is.
    pub fn run_dry(&self, dry: bool) {
        if let Source::Manual(is_dry) = &self.0 {
            is_dry.store(dry, Ordering::SeqCst);
        }
    }

    /// `N` fresh random bytes.
    pub fn bytes<const N: usize>(&self) -> Result<Zeroizing<[u8; N]>, NoEntropy> {
        if let Source::Manual(is_dry) = &self.0
            && is_dry.load(Ordering::SeqCst)
        {
            return Err(NoEntropy);
        }
        let mut out = Zeroizing::new([0; N]);
        SystemRandom::new().fill(out.as_mut_slice()).map_err(|_| NoEntropy)?;
        Ok(out)
    }

    /// `N` fresh random bytes as unpadded base64url.
    pub fn text<const N: usize>(&self) -> Result<String, NoEntropy> {
        Ok(URL_SAFE_NO_PAD.encode(self.bytes::<N>()?.as_slice()))
    }
}

/// Compares two byte strings in time that depends on their lengths only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A text secret that people or files hand in: a password, a token in a setting. Prints as its type's name only.
#[derive(Clone, serde::Deserialize, zeroize::ZeroizeOnDrop)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText")
    }
}

/// Lower-case hexadecimal, for hashes in logs of ours.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

//! Sealing: bytes under a key, bound to a place.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};

use super::named::KEY_BYTES;
use crate::secret::{Entropy, Handle, NoEntropy};

const NONCE_BYTES: usize = 12;

/// Bytes sealed under a key-encryption key.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The key's id.
    pub kek_id: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// A sealed value did not open: another key, another place, or altered. Deliberately says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open here")]
pub struct OpenError;

/// Seals under a key derived from a presented handle: whoever reads the database alone cannot open it.
pub(crate) fn seal_under(
    handle: &Handle,
    label: &'static str,
    place: &[u8],
    plain: &[u8],
    entropy: &Entropy,
) -> Result<Vec<u8>, NoEntropy> {
    seal(&*derive(handle, label).ok_or(NoEntropy)?, place, plain, entropy)
}

/// Opens what [`seal_under`] sealed under the same handle, label and place.
pub(crate) fn open_under(
    handle: &Handle,
    label: &'static str,
    place: &[u8],
    sealed: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
    open(&*derive(handle, label).ok_or(OpenError)?, place, sealed)
}

fn derive(handle: &Handle, label: &'static str) -> Option<zeroize::Zeroizing<[u8; KEY_BYTES]>> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sallyport").extract(handle.expose().as_bytes());
    let mut key = zeroize::Zeroizing::new([0; KEY_BYTES]);
    prk.expand(&[label.as_bytes()], hkdf::HKDF_SHA256).ok()?.fill(key.as_mut_slice()).ok()?;
    Some(key)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

pub(super) fn seal(key: &[u8; KEY_BYTES], place: &[u8], plain: &[u8], entropy: &Entropy) -> Result<Vec<u8>, NoEntropy> {
    let nonce = *entropy.bytes::<NONCE_BYTES>()?;
    let mut out = nonce.to_vec();
    let mut body = plain.to_vec();
    let cipher = cipher(key).ok_or(NoEntropy)?;
    let sealed = cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body);
    sealed.map_err(|_| NoEntropy)?;
    out.append(&mut body);
    Ok(out)
}

pub(super) fn open(
    key: &[u8; KEY_BYTES],
    place: &[u8],
    sealed: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, body) = sealed.split_at_checked(NONCE_BYTES).ok_or(OpenError)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
    let mut body = zeroize::Zeroizing::new(body.to_vec());
    let plain =
        cipher(key).ok_or(OpenError)?.open_in_place(nonce, Aad::from(place), &mut body).map_err(|_| OpenError)?.len();
    body.truncate(plain);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::HandleKind;

    #[test]
    fn a_box_opens_with_the_handle_that_sealed_it_only() {
        let entropy = Entropy::system();
        let one = Handle::generate(HandleKind::RefreshToken, &entropy).unwrap();
        let two = Handle::generate(HandleKind::RefreshToken, &entropy).unwrap();
        let sealed = seal_under(&one, "box", b"family", b"answer", &entropy).unwrap();
        assert_eq!(open_under(&one, "box", b"family", &sealed).unwrap().as_slice(), b"answer");
        assert!(open_under(&two, "box", b"family", &sealed).is_err());
        assert!(open_under(&one, "box", b"other", &sealed).is_err());
    }
}

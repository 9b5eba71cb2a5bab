//! The box of a rotated refresh token: its successor's answer, sealed under a key derived from the token itself.
//!
//! The database alone cannot open it, and neither can the key file: only who presents the token can.

use super::TokenResponse;
use crate::{
    ids::{FamilyId, TenantId},
    keys::{open_under, seal_under},
    secret::{Entropy, Handle},
    store::StoreError,
};

const LABEL: &str = "refresh box";

/// Where a box belongs: it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) family: FamilyId,
    /// The generation of the token that opens it.
    pub(super) generation: i32,
}

impl Place {
    fn bytes(self) -> Vec<u8> {
        format!("refresh_token/{}/{}/{}", self.tenant, self.family, self.generation).into_bytes()
    }
}

/// Seals an answer under the token that asked for it.
pub(super) fn seal(
    token: &Handle,
    place: Place,
    answer: &TokenResponse,
    entropy: &Entropy,
) -> Result<Vec<u8>, StoreError> {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(answer).map_err(StoreError::corrupt)?);
    Ok(seal_under(token, LABEL, &place.bytes(), &plain, entropy)?)
}

/// Opens the box of a token that is presented again.
pub(super) fn open(token: &Handle, place: Place, sealed: &[u8]) -> Result<TokenResponse, StoreError> {
    let plain = open_under(token, LABEL, &place.bytes(), sealed).map_err(StoreError::corrupt)?;
    serde_json::from_slice(&plain).map_err(|_| StoreError::corrupt("a refresh box"))
}

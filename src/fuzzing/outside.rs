//! Access tokens of outside issuers.

use crate::{
    secret::{Handle, HandleKind},
    token::outside::OutsideToken,
};

/// What has their shape is read or not; nothing of it is believed here.
pub(super) fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if OutsideToken::parse(text).is_some() {
        assert_eq!(text.matches('.').count(), 2, "three parts");
        assert!(Handle::parse(HandleKind::AccessToken, text).is_err(), "one of ours");
    }
}

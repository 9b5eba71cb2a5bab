//! `[authorization]`

use super::reader::Reader;

/// Limits of authorization requests, each of which is written down before anybody has logged in. Whole offices come from
/// one address, so there is room.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Authorization requests a minute, in the long run, at one tenant from one address.
    pub per_minute: u32,
    /// Authorization requests at once, after a quiet time.
    pub burst: u32,
}

impl Authorization {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            per_minute: reader.number("authorization.per_minute", 300, 1..=60_000),
            burst: reader.number("authorization.burst", 300, 1..=60_000),
        }
    }
}

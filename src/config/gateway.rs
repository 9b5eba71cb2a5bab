//! `[gateway]`

use super::reader::Reader;

/// What one caller may take of a process.
#[derive(Clone, Copy, Debug)]
pub struct Gateway {
    /// Calls and streams in flight at the same time, on one process, with the tokens of one family. One family is what one
    /// installation of a client holds: its refresh token and the access tokens that come of it.
    pub calls_per_token: u32,
}

impl Gateway {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { calls_per_token: reader.number("gateway.calls_per_token", 64, 1..=16_384) }
    }
}

//! `[login]`

use std::time::Duration;

use super::reader::Reader;

/// How people log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// Cost of a password hash.
    pub argon2: Argon2,
    /// Hashes computed at once. More wait.
    pub parallel_hashes: usize,
    /// How long a browser session lives.
    pub session: Duration,
    /// How many wrong passwords are too many.
    pub throttle: Throttle,
}

/// Parameters of Argon2id (RFC 9106). Hashes with others are replaced at the next login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2 {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

/// Failed logins within `window` after which more are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Per account.
    pub per_account: u32,
    /// Per client address.
    pub per_address: u32,
    /// What both are counted over.
    pub window: Duration,
}

impl Login {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            // The lower bounds are OWASP's weakest accepted pair.
            argon2: Argon2 {
                memory_kib: reader.number("login.argon2_memory_kib", 19_456, 7_168..=(1 << 20)),
                iterations: reader.number("login.argon2_iterations", 2, 1..=16),
                lanes: reader.number("login.argon2_lanes", 1, 1..=16),
            },
            parallel_hashes: usize::try_from(reader.number("login.parallel_hashes", 2, 1..=64)).unwrap_or(1),
            session: reader.duration("login.session_hours", 3600, 12, 1..=720),
            throttle: Throttle {
                per_account: reader.number("login.failures_per_account", 10, 3..=1000),
                per_address: reader.number("login.failures_per_address", 100, 3..=100_000),
                window: reader.duration("login.failure_window_seconds", 1, 900, 60..=86_400),
            },
        }
    }
}

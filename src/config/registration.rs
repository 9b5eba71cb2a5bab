//! `[registration]`

use super::reader::Reader;

/// Limits of dynamic client registration (RFC 7591). Hosted clients register for many people from few addresses, so
/// there is room.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Registrations a minute, in the long run, for one tenant from one address.
    pub per_minute: u32,
    /// Registrations at once, after a quiet time.
    pub burst: u32,
    /// Registrations a day for one tenant, counted in the database.
    pub per_tenant_per_day: u32,
}

impl Registration {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            per_minute: reader.number("registration.per_minute", 60, 1..=60_000),
            burst: reader.number("registration.burst", 60, 1..=60_000),
            per_tenant_per_day: reader.number("registration.per_tenant_per_day", 5_000, 1..=10_000_000),
        }
    }
}

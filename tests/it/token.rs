mod code;
pub(crate) mod introspect;
mod race;
mod refresh;
mod revoke;
mod verify;

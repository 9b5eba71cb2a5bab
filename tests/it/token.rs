mod code;
mod credentials;
mod device;
pub(crate) mod introspect;
pub(crate) mod outside;
mod race;
mod refresh;
mod revoke;
mod verify;

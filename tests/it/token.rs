mod code;
mod credentials;
mod device;
pub(crate) mod introspect;
mod outside;
mod race;
mod refresh;
mod revoke;
mod verify;

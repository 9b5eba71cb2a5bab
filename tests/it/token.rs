mod code;
mod introspect;
mod race;
mod refresh;
mod revoke;
mod verify;

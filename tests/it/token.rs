mod code;
mod credentials;
mod race;
mod refresh;
mod revoke;
mod verify;

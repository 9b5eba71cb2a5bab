mod code;
mod race;
mod refresh;
mod revoke;
mod verify;

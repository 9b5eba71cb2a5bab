mod code;
mod device;
mod race;
mod refresh;
mod revoke;
mod verify;

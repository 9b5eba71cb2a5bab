mod code;
mod credentials;
mod device;
mod race;
mod refresh;
mod revoke;
mod verify;

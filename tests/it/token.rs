mod code;
mod race;
mod refresh;
mod revoke;

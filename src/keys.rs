//! Key file, signing keys, pepper, key-encryption key.

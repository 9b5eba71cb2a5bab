//! Grants, families and handles: minting, verification, revocation.

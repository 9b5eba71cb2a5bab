//! What is the software: registration, client authentication, redirect matching.

pub mod metadata;
pub mod redirect;
pub mod registration;

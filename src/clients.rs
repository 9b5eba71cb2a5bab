//! What is the software: registration, client authentication, redirect matching.

pub mod redirect;

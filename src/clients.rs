//! What is the software: registration, client authentication, redirect matching.

pub mod authenticate;
mod client;
pub mod document;
pub mod initial_token;
pub mod jwks;
pub mod jws;
pub mod metadata;
pub mod redirect;
pub mod registration;
pub mod software;
pub mod standing;
pub mod statement;

pub use authenticate::{AuthenticatedClient, ClientAuthError, authenticate};
pub use client::{Client, Origin, Status};
pub use metadata::{AuthMethod, Metadata};

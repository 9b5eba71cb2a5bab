//! The edge: errors, CSRF, headers, limits, client address, CORS.

pub mod address;
pub mod body;
pub mod form;
pub mod oauth;
pub mod pages;
pub mod server;

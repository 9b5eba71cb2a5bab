//! The edge: errors, CSRF, headers, limits, client address, CORS.

pub mod form;
pub mod oauth;
pub mod pages;
pub mod server;

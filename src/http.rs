//! The edge: errors, CSRF, headers, limits, client address, CORS.

pub mod pages;

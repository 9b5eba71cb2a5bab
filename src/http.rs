//! The edge: errors, CSRF, headers, limits, client address, CORS.

pub mod address;
pub mod agent;
pub mod attachment;
pub mod body;
pub mod browser;
pub mod cookies;
pub mod cors;
pub mod csrf;
pub mod edge;
pub mod form;
pub mod host;
pub mod limit;
pub mod metrics;
pub mod nowhere;
pub mod oauth;
pub mod operations;
pub mod origin;
pub mod pages;
pub mod request_id;
pub mod server;
pub mod trouble;
pub mod visit;
pub mod words;

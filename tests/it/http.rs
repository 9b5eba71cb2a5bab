//! The edge.

mod edge;
mod operations;
mod pages;
mod server;
mod tls;

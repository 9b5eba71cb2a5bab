//! The edge.

mod edge;
mod logs;
mod odd;
mod operations;
mod pages;
mod server;
mod tls;

//! The edge.

mod edge;
mod generated;
mod logs;
mod odd;
mod operations;
mod pages;
mod server;
mod tls;

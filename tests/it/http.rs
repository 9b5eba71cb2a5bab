//! The edge.

mod edge;
mod generated;
mod hostile;
mod logs;
mod odd;
mod operations;
mod pages;
mod server;
mod tls;

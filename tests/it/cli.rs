//! The built binary.

mod apply;
mod commands;
mod migrate;
mod serve;

//! The built binary.

mod commands;
mod migrate;
mod serve;

//! The built binary.

mod api_token;
mod apply;
mod audit;
mod client;
mod clock;
mod commands;
mod database;
mod grant;
mod initial_token;
mod kept;
mod migrate;
mod platform_log;
mod serve;
mod session;

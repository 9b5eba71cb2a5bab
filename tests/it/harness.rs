//! What the tests share.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod authenticator;
pub(crate) mod browser;
pub(crate) mod canary;
pub(crate) mod cancel;
pub(crate) mod console;
pub(crate) mod db;
pub(crate) mod dev;
pub(crate) mod device;
pub(crate) mod evidence;
pub(crate) mod flow;
pub(crate) mod introspect;
pub(crate) mod log;
pub(crate) mod nginx;
pub(crate) mod nodes;
pub(crate) mod process;
pub(crate) mod publisher;
pub(crate) mod scratch;
pub(crate) mod second;
pub(crate) mod totp;
pub(crate) mod web;
pub(crate) mod wiretap;

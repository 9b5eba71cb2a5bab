//! The demo upstream: a small MCP server behind Sallyport, and a model of how an upstream protects itself.
//!
//! It speaks both eras of MCP on one URL: sessions below 2026-07-28, none from there on. It has no login of its own. Each
//! request must carry the JWT that Sallyport made for this server ([`jwt`], RFC 9068), checked against the issuer's key set
//! ([`jwks`]), and the tools act for the `sub` of that JWT. [`guard`] stands before everything else.

mod guard;
mod jwks;
mod jwt;
mod notebook;
mod server;
mod sessions;
mod tools;

use std::{io, sync::Arc, time::Duration};

use axum::{Router, middleware};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// The one path that is served. An `audience` ends with it.
pub const PATH: &str = "/mcp";

/// How long streams in flight may take to end after `stop`.
const GRACE: Duration = Duration::from_secs(2);

/// Whose tokens the demo accepts.
#[derive(Clone, Debug)]
pub struct DemoConfig {
    /// The only accepted `iss`, compared byte for byte: `http://localhost:8080/t/demo`.
    pub issuer: String,
    /// Where the issuer's key set is: `http://localhost:8080/t/demo/jwks.json`.
    pub jwks_url: String,
    /// The only accepted `aud`, by custom the demo's own URL: `http://127.0.0.1:4000/mcp`.
    pub audience: String,
}

/// Serves the demo on `listener` until `stop` is cancelled; streams then end within two seconds.
///
/// The key set is fetched when the first token arrives, so the issuer may start later than the demo.
///
/// # Errors
/// Fails at once where the process has no rustls provider, else only as the listener fails.
pub async fn serve(listener: TcpListener, config: DemoConfig, clock: Clock, stop: CancellationToken) -> io::Result<()> {
    let guard = Arc::new(guard::Guard::new(config, clock.clone())?);
    let demo = server::Demo::new(clock);
    let mcp = StreamableHttpService::new(
        move || Ok(demo.clone()),
        Arc::new(LocalSessionManager::default()),
        // Only loopback names are accepted as Host: rmcp's default, against DNS rebinding.
        StreamableHttpServerConfig::default().with_json_response(true).with_cancellation_token(stop.child_token()),
    );
    let app = Router::new().route_service(PATH, mcp).layer(middleware::from_fn_with_state(guard, guard::check));
    let late = stop.clone();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned());
    tokio::select! {
        ended = async { serving.await } => ended,
        () = async { late.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

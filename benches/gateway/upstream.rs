//! An upstream that does as little as possible: it reads the request and answers every call with the same result.

use std::{net::SocketAddr, sync::LazyLock};

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE, routing::post, serve::ListenerExt as _};
use serde_json::json;
use tokio::net::TcpListener;

static ANSWER: LazyLock<String> = LazyLock::new(|| {
    let text = "A gate costs what stands behind it. ".repeat(20);
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}], "isError": false}})
        .to_string()
});

/// What it answers.
pub(crate) fn answer() -> &'static [u8] {
    ANSWER.as_bytes()
}

/// Starts it; it ends with the process.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/mcp", post(async |_: Bytes| ([(CONTENT_TYPE, "application/json")], answer())));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

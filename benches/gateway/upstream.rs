//! An upstream that does as little as possible: it reads the request and answers every call with the same result.

use std::{net::SocketAddr, sync::LazyLock};

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;

use super::wire::{self, Service, header};

/// What it answers to a call.
pub(crate) static ANSWER: LazyLock<String> = LazyLock::new(|| {
    let text = "A gate costs what stands behind it. ".repeat(20);
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}], "isError": false}})
        .to_string()
});

static ANSWERED: LazyLock<Bytes> = LazyLock::new(|| {
    let length = ANSWER.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    (head + ANSWER.as_str()).into()
});

const REFUSED: Bytes = Bytes::from_static(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");

/// Where any call is answered.
pub(crate) const OPEN: &str = "/open";
/// Where a call is answered that carries a JWT, so that whoever swaps tokens and does not is found out. Nothing is
/// verified: an upstream's own work is not measured.
pub(crate) const GUARDED: &str = "/mcp";

struct Upstream;

impl Service for Upstream {
    async fn answer(&self, head: &[u8], _: &[u8]) -> Bytes {
        let guarded = head.starts_with(b"POST /mcp ");
        let jwt = || header(head, "authorization").is_some_and(|value| value.starts_with("Bearer ey"));
        if guarded && !jwt() { REFUSED } else { ANSWERED.clone() }
    }
}

/// The upstream, in a process of its own: says its address in one line and serves until its input ends.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        tokio::select! {
            () = wire::serve(listener, Upstream) => {}
            _ = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())) => {}
        }
    });
}

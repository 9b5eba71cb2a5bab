//! An MCP client that keeps one connection to one node.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use super::upstream::{ECHO, LIST};

/// Far longer than anything takes, so that a failure ends.
const LONG: Duration = Duration::from_secs(30);
const ERA: &str = "2026-07-28";
/// No two calls of this process have the same id.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// 200.
    Accepted,
    /// 401, or 404 where the server itself is gone.
    Refused,
    /// 503: the node is not sure.
    Unsure,
    /// The connection ended without an answer.
    Nothing,
    /// What no call should get.
    Odd(u16),
}

impl Seen {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200 => Self::Accepted,
            401 | 404 => Self::Refused,
            503 => Self::Unsure,
            other => Self::Odd(other),
        }
    }
}

/// One call to be sent.
pub(crate) struct Call {
    /// Its id, by which the upstream knows it.
    pub(crate) id: u64,
    request: Request<Full<Bytes>>,
}

/// Keeps its connection while it lasts, and then makes another.
pub(crate) struct Caller {
    node: SocketAddr,
    /// Whom it believes to talk to.
    host: String,
    /// `/t/{tenant}/mcp/{server}`
    path: String,
    /// How many calls it has prepared.
    prepared: usize,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// To the process at this address, by the public address `host` and the path of a server.
    pub(crate) fn new(node: SocketAddr, host: &str, path: &str) -> Self {
        Self { node, host: host.to_owned(), path: path.to_owned(), prepared: 0, connection: None }
    }

    /// A call of a tool that can be sent to any node.
    pub(crate) fn prepare(&self, token: &str, tool: &str) -> Call {
        let id = NUMBER.fetch_add(1, Ordering::Relaxed);
        let about =
            json!({"io.modelcontextprotocol/protocolVersion": ERA, "io.modelcontextprotocol/clientCapabilities": {}});
        let (method, params) = match tool {
            LIST => (LIST, json!({"_meta": about})),
            tool => ("tools/call", json!({"name": tool, "arguments": {}, "_meta": about})),
        };
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        let mut request = Request::post(&self.path)
            .header("host", &self.host)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", ERA)
            .header("mcp-method", method);
        if tool != LIST {
            request = request.header("mcp-name", tool);
        }
        Call { id, request: request.body(Full::from(body)).unwrap() }
    }

    /// By turns a call that leaves the gateway only when the database knows of it, and one that leaves at once.
    pub(crate) fn prepare_next(&mut self, token: &str) -> Call {
        self.prepared += 1;
        self.prepare(token, if self.prepared.is_multiple_of(2) { ECHO } else { LIST })
    }

    /// Calls `echo`.
    pub(crate) async fn echo(&mut self, token: &str) -> Seen {
        let call = self.prepare(token, ECHO);
        self.send(call).await
    }

    /// Calls `echo` until the node is sure. On a busy machine a lease can run out, which harms nobody.
    pub(crate) async fn sure(&mut self, token: &str) -> Seen {
        let asking = async {
            loop {
                match self.echo(token).await {
                    Seen::Unsure => tokio::time::sleep(Duration::from_millis(20)).await,
                    seen => return seen,
                }
            }
        };
        tokio::time::timeout(LONG, asking).await.expect("a node was not sure for long")
    }

    /// Sends a call and reads the whole answer.
    pub(crate) async fn send(&mut self, call: Call) -> Seen {
        let Some(response) = self.open(call).await else { return Seen::Nothing };
        let seen = Seen::of(response.status());
        // An answer that was cut short leaves a connection that is of no use.
        if response.into_body().collect().await.is_err() {
            self.connection = None;
        }
        seen
    }

    /// Sends a call and leaves the body of the answer unread. None: the connection ended.
    pub(crate) async fn open(&mut self, call: Call) -> Option<Response<Incoming>> {
        let sending = async {
            if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
                self.connect().await?;
            }
            let connection = self.connection.as_mut()?;
            // The connection of the last answer may still be busy with its end.
            connection.ready().await.ok()?;
            connection.send_request(call.request).await.ok()
        };
        let response = tokio::time::timeout(LONG, sending).await.expect("a call had no answer for long");
        if response.is_none() {
            self.connection = None;
        }
        response
    }

    /// Makes the connection before it is needed. None: nobody listens.
    pub(crate) async fn connect(&mut self) -> Option<()> {
        let stream = TcpStream::connect(self.node).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        self.connection = Some(sender);
        Some(())
    }
}

/// What a stream still had to say, until its end or until `enough` was heard.
pub(crate) async fn rest(mut body: Incoming, enough: Option<&str>) -> String {
    let mut text = String::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            text.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[], |data| data)));
            if enough.is_some_and(|enough| text.contains(enough)) {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, reading).await.expect("a stream did not end");
    text
}

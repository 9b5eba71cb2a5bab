//! Load: a number of connections, each with one request after the other.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{net::TcpStream, task::JoinSet};

/// When to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

/// How long requests took that were answered within a window, in order of their length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    took: Vec<Duration>,
    length: Duration,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.length.as_secs_f64()
    }

    /// In milliseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let at = (self.took.len() as f64 * part) as usize;
        self.took.get(at.min(self.took.len() - 1)).unwrap().as_secs_f64() * 1000.0
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    send: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (send, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { send }
    }

    /// # Errors
    /// The answer did not arrive, or not whole.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> hyper::Result<(StatusCode, Bytes)> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().clone_from(headers);
        self.send.ready().await?;
        let response = self.send.send_request(request).await?;
        Ok((response.status(), response.into_body().collect().await?.to_bytes()))
    }
}

/// A `tools/call` of the revision 2026-07-28.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) to: SocketAddr,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// The same bytes for every target, but for address and token.
    pub(crate) fn to(to: SocketAddr, path: &str, token: &str) -> Self {
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "search",
                "arguments": { "query": "what does a gate cost", "limit": 10 },
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        });
        let fields = [
            (header::HOST.as_str(), to.to_string()),
            (header::AUTHORIZATION.as_str(), format!("Bearer {token}")),
            (header::ACCEPT.as_str(), "application/json, text/event-stream".to_owned()),
            (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
            ("mcp-protocol-version", "2026-07-28".to_owned()),
            ("mcp-method", "tools/call".to_owned()),
            ("mcp-name", "search".to_owned()),
        ];
        let headers = fields.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Self { to, path: path.to_owned(), headers, body: body.to_string().into() }
    }

    pub(crate) async fn send(&self, connection: &mut Connection) -> hyper::Result<(StatusCode, Bytes)> {
        connection.post(&self.path, &self.headers, self.body.clone()).await
    }
}

/// Something that is done again and again.
pub(crate) trait Worker: Send + 'static {
    fn once(&mut self) -> impl Future<Output = ()> + Send;
}

/// Lets all workers work through the window. Gives them back.
pub(crate) async fn measure<W: Worker>(workers: Vec<W>, window: Window) -> (Vec<W>, Measured) {
    let begin = Instant::now() + window.warm_up;
    let end = begin + window.length;
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        tasks.spawn(async move {
            let mut took = Vec::new();
            loop {
                let asked = Instant::now();
                worker.once().await;
                let answered = Instant::now();
                if answered >= end {
                    return (worker, took);
                }
                if answered >= begin {
                    took.push(answered - asked);
                }
            }
        });
    }
    let (workers, took): (Vec<W>, Vec<Vec<Duration>>) = tasks.join_all().await.into_iter().unzip();
    let mut took = took.concat();
    assert!(!took.is_empty(), "nothing was answered in time");
    took.sort_unstable();
    (workers, Measured { took, length: window.length })
}

struct Caller {
    call: Call,
    connection: Connection,
}

impl Worker for Caller {
    async fn once(&mut self) {
        let (status, body) = self.call.send(&mut self.connection).await.unwrap();
        // A refusal is quick; it must not pass for speed.
        assert_eq!((status, &*body), (StatusCode::OK, super::upstream::answer()), "an unexpected answer");
    }
}

/// Calls over so many connections.
pub(crate) async fn calls(call: &Call, connections: usize, window: Window) -> Measured {
    let mut callers = Vec::new();
    for _ in 0..connections {
        callers.push(Caller { call: call.clone(), connection: Connection::open(call.to).await });
    }
    measure(callers, window).await.1
}

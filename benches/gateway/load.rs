//! Load, in a process of its own: a number of connections, each with one request after the other.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use super::{child, upstream::ANSWER, usage::Tree, wire::Connection};

/// When to measure.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

/// A `tools/call` of the revision 2026-07-28.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) to: SocketAddr,
    request: String,
}

impl Call {
    /// The same bytes for every target, but for its address, the tool's name and the token.
    pub(crate) fn to(to: SocketAddr, host: &str, path: &str, token: &str, tool: &str) -> Self {
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": tool,
                "arguments": { "query": "what does a gate cost", "limit": 10 },
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        })
        .to_string();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
             mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        Self { to, request }
    }

    /// Sends it once. The status.
    pub(crate) async fn send(&self, connection: &mut Connection) -> std::io::Result<u16> {
        Ok(connection.send(self.request.as_bytes()).await?.status)
    }

    async fn expect_answer(&self, connection: &mut Connection) {
        let answer = connection.send(self.request.as_bytes()).await.unwrap();
        // A refusal is quick; it must not pass for speed.
        let wanted = answer.status == 200 && answer.body == ANSWER.as_bytes();
        assert!(wanted, "an unexpected answer: {} {:?}", answer.status, String::from_utf8_lossy(answer.body));
    }
}

/// Whose use is measured, beside that of the load itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Watched {
    /// What answers, unless that is the upstream itself.
    pub(crate) proxy: Option<u32>,
    /// The database's first process, where one is used.
    pub(crate) database: Option<u32>,
}

/// What a process of load is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) call: Call,
    pub(crate) connections: usize,
    pub(crate) window: Window,
    pub(crate) watched: Watched,
}

/// What it measured within the window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// In milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Processor time a call, in microseconds.
    pub(crate) proxy_processor: f64,
    pub(crate) database_processor: f64,
    pub(crate) load_processor: f64,
    /// In MiB, at the end of the window.
    pub(crate) proxy_memory: f64,
}

/// Asks a new process.
pub(crate) fn measure(question: &Question) -> Measured {
    serde_json::from_str(&child::ask("load", &serde_json::to_string(question).unwrap())).unwrap()
}

/// The process that is asked.
pub(crate) fn run() {
    let question: Question = serde_json::from_reader(std::io::stdin()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{}", serde_json::to_string(&runtime.block_on(question.measure())).unwrap());
}

impl Question {
    async fn measure(self) -> Measured {
        let span = self.window.starting_now();
        let mut callers = JoinSet::new();
        for _ in 0..self.connections {
            let call = self.call.clone();
            let connection = Connection::open(call.to).await.unwrap();
            callers.spawn(calls(call, connection, span));
        }
        observe(callers, span, self.watched).await
    }
}

/// A window as it lies in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

impl Window {
    pub(crate) fn starting_now(self) -> Span {
        let begin = Instant::now() + self.warm_up;
        Span { begin, end: begin + self.length }
    }
}

/// Waits for callers, which say how long their answers took, and watches the processes meanwhile.
pub(crate) async fn observe(callers: JoinSet<Vec<Duration>>, span: Span, watched: Watched) -> Measured {
    let processes = [watched.proxy, watched.database, Some(std::process::id())];
    let before = at(span.begin, processes).await;
    let after = at(span.end, processes).await;
    let mut took: Vec<Duration> = callers.join_all().await.concat();
    took.sort_unstable();
    assert!(!took.is_empty(), "nothing was answered in time");

    let quantile = |part: f64| {
        let at = (took.len() as f64 * part) as usize;
        took[at.min(took.len() - 1)].as_secs_f64() * 1000.0
    };
    let [proxy_processor, database_processor, load_processor] = [0, 1, 2]
        .map(|n| (after.processor[n].saturating_sub(before.processor[n])).as_secs_f64() * 1e6 / took.len() as f64);
    Measured {
        per_second: took.len() as f64 / (span.end - span.begin).as_secs_f64(),
        p50: quantile(0.5),
        p99: quantile(0.99),
        proxy_processor,
        database_processor,
        load_processor,
        proxy_memory: after.memory,
    }
}

/// Calls until the end. How long those took that were answered since the beginning.
async fn calls(call: Call, mut connection: Connection, Span { begin, end }: Span) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut asked = Instant::now();
    loop {
        call.expect_answer(&mut connection).await;
        let answered = Instant::now();
        if answered >= end {
            return took;
        }
        if answered >= begin {
            took.push(answered - asked);
        }
        asked = answered;
    }
}

struct Used {
    processor: [Duration; 3],
    /// Of the first.
    memory: f64,
}

/// What the processes have used up to `moment`. Read on a thread of its own: the load goes on.
async fn at(moment: Instant, processes: [Option<u32>; 3]) -> Used {
    tokio::time::sleep_until(moment.into()).await;
    let read = move || {
        let trees = processes.map(|root| root.map(Tree::of));
        let processor = trees.each_ref().map(|tree| tree.as_ref().map_or(Duration::ZERO, Tree::processor));
        Used { processor, memory: trees[0].as_ref().map_or(0.0, Tree::memory) }
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

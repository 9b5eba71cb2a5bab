//! Calls that are told apart by what they call, and what must be true of them afterwards.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::door::Door;
use crate::{
    gateway::{
        upstream::Upstream,
        world::{MODERN, Token, modern_body},
    },
    harness::evidence::Told,
};

/// Between the calls of one client: there are other tests on this machine.
const PAUSE: Duration = Duration::from_millis(15);

const RESOURCE: &str = "/t/acme/mcp/tools";

/// What a client knows of one call.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// The tool or the resource. Each is called once.
    name: String,
    /// The status and the text of the answer. None: it did not come, or not whole.
    answer: Option<(u16, String)>,
}

impl Sent {
    fn is_answered(&self) -> bool {
        matches!(self.answer, Some((200, _)))
    }

    /// Whether the client was told that it was not executed.
    fn is_refused(&self) -> bool {
        let said = |text: &str| ["was not executed", "Nothing was executed"].iter().any(|said| text.contains(said));
        self.answer.as_ref().is_some_and(|(_, text)| said(text))
    }
}

/// What clients know of their calls.
#[derive(Default)]
pub(super) struct Calls {
    sent: Mutex<Vec<Sent>>,
    number: AtomicUsize,
}

/// What an administrator accepted as changing nothing.
pub(super) const ACCEPT: &str = "insert into catalogue_item (tenant, server, kind, name, scope, read_only)
    select tenant, id, 'resource', 'note://*', 'mcp:read', true from server where slug = 'tools'";

/// A slow disk: each writing of events takes so long that most of the time somebody waits for it. What ends then ends in
/// the middle of something.
pub(super) const SLOW: [&str; 2] = [
    "create function slow_disk() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return null; end $$",
    "create trigger slow_disk after insert on audit_event execute function slow_disk()",
];

impl Calls {
    /// Calls until it is stopped: by turns what may change something and what does not.
    pub(super) async fn go_on(&self, door: &Door, token: &Token) {
        loop {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let name = if number.is_multiple_of(2) { format!("change-{number}") } else { format!("note://{number}") };
            let request = request(door, token, &name);
            let answer = async {
                let response = request.send().await.ok()?;
                Some((response.status().as_u16(), response.text().await.ok()?))
            };
            // Noted before it is sent: a call whose client is stopped was sent all the same.
            let at = {
                let mut sent = self.sent.lock().unwrap();
                sent.push(Sent { name, answer: None });
                sent.len() - 1
            };
            let answer = answer.await;
            self.sent.lock().unwrap()[at].answer = answer;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How many calls were answered, and how many refused as not executed.
    pub(super) fn count(&self) -> (usize, usize) {
        let sent = self.sent.lock().unwrap();
        let count = |is: fn(&Sent) -> bool| sent.iter().filter(|sent| is(sent)).count();
        (count(Sent::is_answered), count(Sent::is_refused))
    }

    /// Returns when so many more were answered.
    pub(super) async fn answered(&self, more: usize) {
        self.wait("answered", more, |count| count.0).await;
    }

    /// Returns when so many more were refused.
    pub(super) async fn refused(&self, more: usize) {
        self.wait("refused", more, |count| count.1).await;
    }

    async fn wait(&self, what: &str, more: usize, of: fn((usize, usize)) -> usize) {
        let goal = of(self.count()) + more;
        let reached = async {
            while of(self.count()) < goal {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(90), reached).await;
        assert!(reached.is_ok(), "no {more} more calls were {what}: {:?}", self.sent.lock().unwrap().last());
    }

    /// Compares what clients know, what the upstream has seen and what the log tells.
    pub(super) fn check(&self, upstream: &Upstream, told: &[Told]) {
        let seen = seen(upstream);
        let intents: HashMap<&str, &Told> = told.iter().map(|told| (told.text("name"), told)).collect();
        assert_eq!(intents.len(), told.len(), "each call is told of once");
        let sent = self.sent.lock().unwrap();
        for call in sent.iter() {
            let told = intents.get(call.name.as_str());
            match &call.answer {
                Some((200, _)) => {
                    let end = told.map(|told| told.end());
                    // What died with its process after the answer was sent is not known, and that is told.
                    assert!(
                        matches!(end, Some("answered" | "unknown")),
                        "an answer without evidence: {call:?} {end:?}"
                    );
                }
                Some(_) if call.is_refused() => {
                    assert!(!seen.contains(&call.name), "refused as not executed, and executed: {call:?}");
                    let end = told.map(|told| told.end());
                    assert!(matches!(end, None | Some("not_executed" | "unknown")), "{call:?} {end:?}");
                }
                Some((status, text)) => {
                    // 503: the lease lapsed while the call was at its upstream.
                    assert!([502, 503].contains(status), "{call:?}");
                    assert!(text.contains("may have been executed"), "{call:?}");
                }
                None => {}
            }
        }
        for name in &seen {
            let is_change = name.starts_with("change-");
            assert!(!is_change || intents.contains_key(name.as_str()), "{name} came without an intent");
        }
        assert!(told.iter().all(|told| told.end() != "open"));
        // Some of each, or nothing was tried.
        let of = |is: fn(&&Sent) -> bool| sent.iter().filter(is).count();
        assert!(of(|sent| sent.is_answered()) > 20 && seen.len() > 20, "{} calls", sent.len());
    }
}

/// The names of the calls that have arrived.
fn seen(upstream: &Upstream) -> HashSet<String> {
    let name = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        let params = &body["params"];
        params["name"].as_str().or(params["uri"].as_str()).unwrap().to_owned()
    };
    upstream.seen().iter().map(|seen| name(&seen.body)).collect()
}

/// A call by a name that is told from all others.
pub(super) fn request(door: &Door, token: &Token, name: &str) -> RequestBuilder {
    let (method, params) = match name.starts_with("change-") {
        true => ("tools/call", json!({ "name": name, "arguments": {} })),
        false => ("resources/read", json!({ "uri": name })),
    };
    door.post(RESOURCE)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method)
        .header("mcp-name", name)
        .bearer_auth(&token.text)
        .json(&modern_body(method, params))
}

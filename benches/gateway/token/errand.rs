//! Load of forms, in a process of its own: a number of connections, each with one form after the other.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::super::{
    child,
    load::{Measured, Span, Watched, Window, observe},
    wire::Connection,
};

/// The forms that are sent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Supply {
    /// Each connection sends its own again and again.
    Same(Vec<String>),
    /// Each is sent once, by whichever connection is free.
    Once(Vec<String>),
    /// Each connection has a refresh token, which every answer replaces.
    Chains { form: String, tokens: Vec<String> },
}

/// What a process of load is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Errand {
    pub(super) to: SocketAddr,
    /// Of each request, but for its length.
    pub(super) head: String,
    pub(super) supply: Supply,
    /// What is in every good answer. A refusal is quick; it must not pass for speed.
    pub(super) sign: String,
    pub(super) connections: usize,
    pub(super) window: Window,
    pub(super) watched: Watched,
}

/// Asks a new process.
pub(super) fn measure(errand: &Errand) -> Measured {
    serde_json::from_str(&child::ask("errand", &serde_json::to_string(errand).unwrap())).unwrap()
}

/// The process that is asked.
pub(crate) fn run() {
    let errand: Errand = serde_json::from_reader(std::io::stdin()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{}", serde_json::to_string(&runtime.block_on(errand.measured())).unwrap());
}

/// What the connections share.
struct Desk {
    head: String,
    sign: String,
    forms: Mutex<Supply>,
    /// When there was nothing more to send.
    dry: OnceLock<Instant>,
}

impl Errand {
    async fn measured(self) -> Measured {
        let Self { to, head, supply, sign, connections, window, watched } = self;
        let desk = Arc::new(Desk { head, sign, forms: Mutex::new(supply), dry: OnceLock::new() });
        let span = window.starting_now();
        let mut callers = JoinSet::new();
        for at in 0..connections {
            let connection = Connection::open(to).await.unwrap();
            callers.spawn(send(desk.clone(), at, connection, span));
        }
        let mut measured = observe(callers, span, watched).await;
        if let Some(dry) = desk.dry.get() {
            let sending = dry.saturating_duration_since(span.begin);
            assert!(sending * 4 > window.length, "too few codes were made for a machine like this");
            measured.per_second *= window.length.as_secs_f64() / sending.as_secs_f64();
        }
        measured
    }
}

/// Sends forms until the end. How long those took that were answered since the beginning.
async fn send(desk: Arc<Desk>, at: usize, mut connection: Connection, Span { begin, end }: Span) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut asked = Instant::now();
    while let Some(form) = desk.form(at) {
        let request = format!("{}content-length: {}\r\n\r\n{form}", desk.head, form.len());
        let answer = connection.send(request.as_bytes()).await.unwrap();
        let body = String::from_utf8_lossy(answer.body);
        assert!(answer.status == 200 && body.contains(&desk.sign), "an unexpected answer: {} {body}", answer.status);
        desk.keep(at, &body);
        let answered = Instant::now();
        if answered >= end {
            break;
        }
        if answered >= begin {
            took.push(answered - asked);
        }
        asked = answered;
    }
    took
}

impl Desk {
    /// The next form of a connection.
    fn form(&self, at: usize) -> Option<String> {
        match &mut *self.forms.lock().unwrap() {
            Supply::Same(forms) => Some(forms[at % forms.len()].clone()),
            Supply::Chains { form, tokens } => Some(format!("{form}&refresh_token={}", tokens[at])),
            Supply::Once(forms) => {
                let form = forms.pop();
                if form.is_none() {
                    self.dry.get_or_init(Instant::now);
                }
                form
            }
        }
    }

    fn keep(&self, at: usize, body: &str) {
        if let Supply::Chains { tokens, .. } = &mut *self.forms.lock().unwrap() {
            tokens[at] = member(body, "refresh_token").to_owned();
        }
    }
}

/// A member of an object, whose text needs no unescaping.
pub(super) fn member<'a>(body: &'a str, name: &str) -> &'a str {
    let (_, rest) = body.split_once(&format!("\"{name}\":\"")).expect("the member is in the answer");
    rest.split_once('"').unwrap().0
}

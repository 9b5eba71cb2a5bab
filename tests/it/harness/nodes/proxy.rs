//! What stands between one node and Postgres, and fails as a test tells it to.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    trap::{Held, Side, Trap},
    wire::{Message, Reader},
};

/// Listens on TCP and connects to the socket of Postgres, as this process. Ends when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    socket: PathBuf,
    /// Whether new connections are taken.
    open: AtomicBool,
    /// Connections whose first message contains this are not taken.
    refused: Mutex<Option<String>>,
    /// Whether bytes pass.
    flowing: watch::Sender<bool>,
    links: Mutex<HashMap<u64, Arc<Link>>>,
    traps: Mutex<Vec<Arc<Trap>>>,
    /// How many connections there were.
    count: AtomicU64,
}

/// One connection.
struct Link {
    kill: CancellationToken,
    /// What it called itself.
    name: Mutex<String>,
    /// Whether it hears notifications.
    listens: AtomicBool,
    /// Holds the answers from now on, once so many cycles have ended.
    armed: Mutex<Option<(Arc<Trap>, u64)>>,
}

impl Proxy {
    /// Begins to pass connections on to where `options` lead.
    pub(crate) async fn start(options: &PgConnectOptions) -> Self {
        let socket = options.get_socket().expect("a socket").join(format!(".s.PGSQL.{}", options.get_port()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            socket,
            open: AtomicBool::new(true),
            refused: Mutex::default(),
            flowing: watch::Sender::new(true),
            links: Mutex::default(),
            traps: Mutex::default(),
            count: AtomicU64::new(0),
        });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(shared.clone().accept(listener, stop.clone())));
        Self { address, shared, _stop: stop.drop_guard() }
    }

    /// The database's address by way of this proxy.
    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@{}/{database}?sslmode=disable", self.address)
    }

    /// Ends all connections, and takes no new ones.
    pub(crate) fn cut(&self) {
        self.shared.open.store(false, Ordering::SeqCst);
        self.shared.kill(|_| true);
    }

    /// Ends the connections that call themselves so, and takes no new ones of that name; says how many.
    pub(crate) fn cut_named(&self, application: &str) -> usize {
        *self.shared.refused.lock().unwrap() = Some(application.to_owned());
        self.shared.kill(|link| link.name.lock().unwrap().contains(application))
    }

    /// Takes connections again.
    pub(crate) fn heal(&self) {
        self.shared.open.store(true, Ordering::SeqCst);
        *self.shared.refused.lock().unwrap() = None;
    }

    /// Ends the connections that listen; says how many.
    pub(crate) fn kill_listeners(&self) -> usize {
        self.shared.kill(|link| link.listens.load(Ordering::SeqCst))
    }

    /// A black hole: nothing passes, and nothing ends.
    pub(crate) fn hold(&self) {
        self.shared.flowing.send_replace(false);
    }

    /// Lets pass what was held back, and everything after it.
    pub(crate) fn release(&self) {
        self.shared.flowing.send_replace(true);
    }

    /// Holds the next statement whose text contains `text`, or the answer to it. All other connections go on.
    pub(crate) fn hold_next(&self, side: Side, text: &str) -> Held {
        let (held, trap) = Held::new(side, text);
        self.shared.traps.lock().unwrap().push(trap);
        held
    }
}

impl Shared {
    async fn accept(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        while let Ok((client, _)) = listener.accept().await {
            if !self.open.load(Ordering::SeqCst) {
                continue;
            }
            let id = self.count.fetch_add(1, Ordering::Relaxed);
            let link = Arc::new(Link {
                kill: stop.child_token(),
                name: Mutex::default(),
                listens: AtomicBool::new(false),
                armed: Mutex::default(),
            });
            self.links.lock().unwrap().insert(id, link.clone());
            let shared = self.clone();
            tokio::spawn(async move {
                let kill = link.kill.clone();
                kill.run_until_cancelled(shared.pass(&link, client)).await;
                shared.links.lock().unwrap().remove(&id);
            });
        }
    }

    /// Passes until either side ends.
    async fn pass(&self, link: &Link, client: TcpStream) {
        client.set_nodelay(true).unwrap();
        // While Postgres ends there is nobody there: the client sees its connection end.
        let Ok(server) = UnixStream::connect(&self.socket).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = self.requests(link, Reader::of_client(from_client), to_server) => {}
            () = self.answers(link, Reader::of_server(from_server), to_client) => {}
        }
    }

    async fn requests(&self, link: &Link, mut from: Reader<impl AsyncRead + Unpin>, mut to: impl AsyncWrite + Unpin) {
        let mut statements = HashMap::new();
        // Every cycle ends with a `ReadyForQuery`; the first one is starting up.
        let mut cycles = 1;
        while let Some(messages) = from.next().await {
            for message in &messages {
                if message.kind() == 0 && self.refuses(link, message) {
                    return;
                }
                if let Some(text) = executed(message, &mut statements) {
                    link.listens.fetch_or(text.starts_with("LISTEN "), Ordering::SeqCst);
                    match self.spring(&text) {
                        Some(trap) if trap.side == Side::Request => trap.hold().await,
                        Some(trap) => *link.armed.lock().unwrap() = Some((trap, cycles + 1)),
                        None => {}
                    }
                }
                cycles += u64::from(matches!(message.kind(), b'Q' | b'S'));
            }
            if self.forward(&messages, &mut to).await.is_none() {
                return;
            }
        }
    }

    async fn answers(&self, link: &Link, mut from: Reader<impl AsyncRead + Unpin>, mut to: impl AsyncWrite + Unpin) {
        let mut cycles = 0;
        let mut kept = Vec::new();
        while let Some(messages) = from.next().await {
            cycles += messages.iter().filter(|message| message.kind() == b'Z').count() as u64;
            kept.extend(messages);
            let armed = link.armed.lock().unwrap().clone();
            if let Some((trap, end)) = armed {
                if cycles < end {
                    continue;
                }
                trap.hold().await;
                *link.armed.lock().unwrap() = None;
            }
            if self.forward(&std::mem::take(&mut kept), &mut to).await.is_none() {
                return;
            }
        }
    }

    async fn forward(&self, messages: &[Message], to: &mut (impl AsyncWrite + Unpin)) -> Option<()> {
        self.flowing.subscribe().wait_for(|flowing| *flowing).await.ok()?;
        to.write_all(&messages.iter().flat_map(Message::bytes).copied().collect::<Vec<u8>>()).await.ok()
    }

    /// Whether a connection that begins so is not taken.
    fn refuses(&self, link: &Link, beginning: &Message) -> bool {
        let text = String::from_utf8_lossy(beginning.bytes());
        let refused = self.refused.lock().unwrap();
        *link.name.lock().unwrap() = text.to_string();
        refused.as_ref().is_some_and(|refused| text.contains(refused))
    }

    /// The trap that this statement goes into.
    fn spring(&self, text: &str) -> Option<Arc<Trap>> {
        let mut traps = self.traps.lock().unwrap();
        let at = traps.iter().position(|trap| text.contains(&trap.text))?;
        Some(traps.remove(at))
    }

    fn kill(&self, which: impl Fn(&Link) -> bool) -> usize {
        let links = self.links.lock().unwrap();
        let killed = links.values().filter(|link| which(link) && !link.kill.is_cancelled());
        killed.map(|link| link.kill.cancel()).count()
    }
}

/// The statement that a message of a client executes.
fn executed(message: &Message, statements: &mut HashMap<String, String>) -> Option<String> {
    let mut texts = message.texts();
    match message.kind() {
        b'Q' => texts.next().map(str::to_owned),
        // Parse: a name and its statement.
        b'P' => {
            statements.insert(texts.next()?.to_owned(), texts.next()?.to_owned());
            None
        }
        // Bind: a portal and a statement's name.
        b'B' => statements.get(texts.nth(1)?).cloned(),
        _ => None,
    }
}

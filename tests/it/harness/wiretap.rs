//! A tap on the wire to an upstream: every byte that goes there is kept.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Stands before an upstream. It stops when dropped.
pub(crate) struct Wiretap {
    /// The upstream's address, by way of the tap.
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<u8>>>,
    _stop: DropGuard,
}

impl Wiretap {
    /// Taps the way to `upstream`, a plain `http://host:port/path`.
    pub(crate) async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = reqwest::Url::parse(upstream).unwrap();
        let to = ("127.0.0.1", url.port().unwrap());
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (heard, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let (kept, stopped) = (heard.clone(), stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(stopped.clone().run_until_cancelled_owned(carry(client, to, kept.clone())));
            }
        }));
        Self { url: url.to_string(), heard, _stop: stop.drop_guard() }
    }

    /// All bytes so far, of all connections.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

async fn carry(client: TcpStream, to: (&str, u16), kept: Arc<Mutex<Vec<u8>>>) {
    let Ok(upstream) = TcpStream::connect(to).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_upstream, to_upstream) = upstream.into_split();
    // Either side may hang up: that ends its direction, as it would without the tap.
    let there = listen(&mut from_client, to_upstream, &kept);
    let back = async {
        let _ = tokio::io::copy(&mut from_upstream, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

async fn listen(from: &mut tokio::net::tcp::OwnedReadHalf, mut to: OwnedWriteHalf, kept: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        kept.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

//! Patience with clients that connect and say nothing.
//!
//! Before a connection is known to be HTTP/1 or HTTP/2, hyper waits for its first bytes without a limit. From then on its
//! own time limit holds.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// What an HTTP/2 client says first (RFC 9113 §3.4). Anything else is HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Accepts as `A` does, and gives up on clients that do not say within `wait` which HTTP they speak.
#[derive(Clone)]
pub(super) struct FirstBytes<A> {
    inner: A,
    wait: Duration,
}

impl<A> FirstBytes<A> {
    pub(super) fn new(inner: A, wait: Duration) -> Self {
        Self { inner, wait }
    }
}

impl<I, S, A> Accept<I, S> for FirstBytes<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = Impatient<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepted = self.inner.accept(stream, service);
        let wait = self.wait;
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((Impatient { stream, waiting: Some(Box::pin(tokio::time::sleep(wait))), seen: 0 }, service))
        })
    }
}

/// A stream whose first bytes must come in time.
pub(super) struct Impatient<S> {
    stream: S,
    /// Until it is known which HTTP this is.
    waiting: Option<Pin<Box<Sleep>>>,
    /// How much of the preface has come.
    seen: usize,
}

impl<S> Impatient<S> {
    fn look_at(&mut self, bytes: &[u8]) {
        let expected = PREFACE.get(self.seen..).unwrap_or_default();
        let http1 = bytes.iter().zip(expected).any(|(got, want)| got != want);
        self.seen += bytes.len();
        if http1 || self.seen >= PREFACE.len() {
            self.waiting = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        let Some(waiting) = &mut this.waiting else { return read };
        if read.is_pending() {
            return waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        this.look_at(buf.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

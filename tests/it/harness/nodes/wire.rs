//! Messages of the Postgres protocol, as far as a proxy must tell them apart.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A whole message as it came.
pub(super) struct Message(Bytes);

impl Message {
    /// Its type. The one that begins a connection has none: 0.
    pub(super) fn kind(&self) -> u8 {
        // Only the length of the first message, far below 16 MiB, begins with a zero byte.
        self.0[0]
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The texts that its body begins with, each ended by a zero byte.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let body = self.0.get(5..).unwrap_or_default();
        body.split(|byte| *byte == 0).map_while(|text| std::str::from_utf8(text).ok())
    }
}

/// Reads one direction of a connection.
pub(super) struct Reader<R> {
    from: R,
    buffer: BytesMut,
    /// Whether the next message is one without a type.
    beginning: bool,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// What a client sends.
    pub(super) fn of_client(from: R) -> Self {
        Self { from, buffer: BytesMut::new(), beginning: true }
    }

    /// What a server sends.
    pub(super) fn of_server(from: R) -> Self {
        Self { from, buffer: BytesMut::new(), beginning: false }
    }

    /// The messages that are there, at least one. None: the end.
    pub(super) async fn next(&mut self) -> Option<Vec<Message>> {
        loop {
            let mut messages = Vec::new();
            while let Some(length) = self.whole() {
                messages.push(Message(self.buffer.split_to(length).freeze()));
                self.beginning = false;
            }
            if !messages.is_empty() {
                return Some(messages);
            }
            if self.from.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// The length of the first message, once all of it is there.
    fn whole(&self) -> Option<usize> {
        let untyped = usize::from(!self.beginning);
        let length = untyped + self.buffer.get(untyped..untyped + 4)?.get_u32() as usize;
        (self.buffer.len() >= length).then_some(length)
    }
}

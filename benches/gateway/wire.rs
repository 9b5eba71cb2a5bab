//! HTTP/1.1 with as little work as possible, so that the cores are left to what is measured.
//!
//! Both ends are ours or known: a message has its head in one piece of memory and says how long its body is.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A client's connection, for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// # Errors
    /// The answer did not arrive, or not whole.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let head = read(&mut self.stream, &mut self.buffer).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (head, body) = self.buffer.split_at(head);
        // HTTP/1.1 200 OK
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        Ok(Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, body })
    }
}

/// Reads one message. How long its head is; the rest of `buffer` is its body. None: the other end has closed.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = end + 4;
            let whole = head + length(&buffer[..head])?;
            while buffer.len() < whole {
                if stream.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok(Some(head));
        }
    }
}

/// The length of the body that belongs to `head`.
fn length(head: &[u8]) -> io::Result<usize> {
    if header(head, "transfer-encoding").is_some() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a body in chunks"));
    }
    let Some(value) = header(head, "content-length") else { return Ok(0) };
    value.parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The value of a header, without the space before it.
pub(crate) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":").filter(|_| start.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(std::str::from_utf8(value).ok()?.trim())
    })
}

/// What a server says to a request.
pub(crate) trait Service: Send + Sync + 'static {
    /// The whole answer, head and body.
    fn answer(&self, head: &[u8], body: &[u8]) -> impl Future<Output = Bytes> + Send;
}

/// Serves on `listener`, forever.
pub(crate) async fn serve<S: Service>(listener: TcpListener, service: S) {
    let service = Arc::new(service);
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let service = service.clone();
        tokio::spawn(async move {
            let mut buffer = Vec::with_capacity(4096);
            stream.set_nodelay(true).unwrap();
            // Whoever is measured may close a connection, in the middle, too.
            while let Ok(Some(head)) = read(&mut stream, &mut buffer).await {
                let (head, body) = buffer.split_at(head);
                if stream.write_all(&service.answer(head, body).await).await.is_err() {
                    return;
                }
            }
        });
    }
}

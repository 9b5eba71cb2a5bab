//! HTTP/1.1 as bytes, over connections that are kept: what no client library would send can be sent.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, self.text())
    }
}

/// One connection at a time, a new one when the server has closed the last.
pub(super) struct Wire {
    address: String,
    open: Option<(BufReader<OwnedReadHalf>, OwnedWriteHalf)>,
}

impl Wire {
    pub(super) fn to(address: &str) -> Self {
        Self { address: address.to_owned(), open: None }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The server closed the connection without an answer, also when asked on a new one; or nothing came in time.
    pub(super) async fn ask(&mut self, request: &[u8], head: bool) -> Result<Answer, String> {
        let exchange = async {
            if self.open.is_some() {
                // A connection that was kept may have been closed meanwhile: that says nothing of this request.
                if let Some(answer) = self.exchange(request, head).await {
                    return Some(answer);
                }
            }
            self.open = None;
            self.exchange(request, head).await
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(answer) => answer.ok_or_else(|| "closed without an answer".to_owned()),
            Err(_) => Err(format!("no answer in {PATIENCE:?}")),
        }
    }

    async fn exchange(&mut self, request: &[u8], head: bool) -> Option<Answer> {
        let (mut reader, mut writer) = match self.open.take() {
            Some(open) => open,
            None => {
                let stream = TcpStream::connect(&self.address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (reader, writer) = stream.into_split();
                (BufReader::new(reader), writer)
            }
        };
        // The server may answer before it has read everything, and then read no more.
        let mut written = false;
        let answer = {
            let write = async {
                let all = writer.write_all(request).await.is_ok();
                written = all;
                if !all {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            let read = read(&mut reader, head);
            tokio::select! {
                answer = read => answer,
                () = write => None,
            }
        }?;
        if written && !answer.header("connection").eq_ignore_ascii_case("close") {
            self.open = Some((reader, writer));
        }
        Some(answer)
    }
}

async fn line(reader: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).await.ok().filter(|read| *read > 0)?;
    Some(line.trim_ascii_end().to_vec())
}

async fn read(reader: &mut BufReader<OwnedReadHalf>, head: bool) -> Option<Answer> {
    let first = line(reader).await?;
    let status = StatusCode::from_bytes(first.split(|byte| *byte == b' ').nth(1)?).unwrap();
    let mut headers = HeaderMap::new();
    loop {
        let line = line(reader).await?;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':').expect("a header");
        let name = HeaderName::from_bytes(&line[..colon]).unwrap();
        headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).unwrap());
    }
    let mut body = Vec::new();
    let length = headers.get("content-length").map(|length| length.to_str().unwrap().parse::<usize>().unwrap());
    if head || status == 204 || status == 304 {
    } else if let Some(length) = length {
        body.resize(length, 0);
        reader.read_exact(&mut body).await.ok()?;
    } else if headers.contains_key("transfer-encoding") {
        loop {
            let size = usize::from_str_radix(std::str::from_utf8(&line(reader).await?).unwrap(), 16).unwrap();
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk).await.ok()?;
            body.extend(chunk);
            line(reader).await?;
            if size == 0 {
                break;
            }
        }
    } else {
        reader.read_to_end(&mut body).await.ok()?;
    }
    Some(Answer { status, headers, body })
}

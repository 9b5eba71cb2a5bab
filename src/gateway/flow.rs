//! The body of an answer on its way to the client.
//!
//! A task of its own carries it, so that a client that stops reading cannot keep an upstream's answer open: the end of
//! the authority is noticed all the same. Pieces pass as they come; at most a few wait.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::{events::Events, refusal::Refusal, until};
use crate::{
    app::App,
    cluster::LiveCall,
    mcp::{Id, Reject},
};

/// Pieces that may wait for a slow client.
const WAITING: usize = 4;
/// A comment, which readers of events skip.
const KEEPALIVE: Bytes = Bytes::from_static(b": still here\n\n");

/// What kind of body it is.
pub(super) enum Shape {
    /// Server-sent events. Ends without fault between two events.
    Stream(Events),
    /// One JSON value, of at most so many more bytes. Cut short it is broken.
    Plain(u64),
}

/// The answer was cut short. Ends the client's connection, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut short")]
pub(super) struct CutShort;

enum Piece {
    Data(Bytes),
    End,
}

/// Starts to carry `body` to the client as long as `live` is.
pub(super) fn carry(body: Incoming, shape: Shape, live: LiveCall, app: &App, id: Option<Id>) -> axum::body::Body {
    let (out, pieces) = mpsc::channel(WAITING);
    let size = match &shape {
        Shape::Stream(_) => SizeHint::new(),
        Shape::Plain(_) => body.size_hint(),
    };
    let ended = until::ended(&live, &app.clock);
    let keepalive = app.config.http.stream_keepalive;
    tokio::spawn(async move {
        let last = Flow { body, shape, out: &out, keepalive }.run(ended, id).await;
        drop(live);
        // A client that does not even take this finds its connection closed.
        out.try_send(last).ok();
    });
    axum::body::Body::new(Carried { pieces, size, over: false })
}

struct Flow<'a> {
    body: Incoming,
    shape: Shape,
    out: &'a mpsc::Sender<Result<Piece, CutShort>>,
    keepalive: Duration,
}

impl Flow<'_> {
    /// Carries until the end, and says what the last piece is. The upstream's answer is dropped by then.
    async fn run(mut self, ended: impl Future<Output = until::Ended>, id: Option<Id>) -> Result<Piece, CutShort> {
        let reason = tokio::select! {
            biased;
            end = ended => end.reason(),
            // The client is gone, and with its answer the upstream's is dropped: that cancels a modern call.
            () = self.out.closed() => return Err(CutShort),
            end = Self::pieces(&mut self.body, &mut self.shape, self.out, self.keepalive) => match end {
                Ok(()) => return Ok(Piece::End),
                Err(reason) => reason,
            },
        };
        let Shape::Stream(events) = &self.shape else { return Err(CutShort) };
        if events.is_between() && id.is_some() {
            let event = Refusal::from(cut_short(id, reason)).into_event();
            self.out.try_send(Ok(Piece::Data(event.into()))).ok();
        }
        Ok(Piece::End)
    }

    /// Carries to the end of the upstream's answer, or says why not so far.
    async fn pieces(
        body: &mut Incoming,
        shape: &mut Shape,
        out: &mpsc::Sender<Result<Piece, CutShort>>,
        keepalive: Duration,
    ) -> Result<(), &'static str> {
        loop {
            let between = matches!(shape, Shape::Stream(events) if events.is_between());
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = tokio::time::sleep(keepalive), if between => Some(Ok(Frame::data(KEEPALIVE))),
            };
            let Some(frame) = frame else { return Ok(()) };
            // Trailers are headers that come late: none of them may pass.
            let Ok(data) = frame.map_err(|_| "the connection to the server broke")?.into_data() else { continue };
            let data = match shape {
                Shape::Stream(events) => events.pass(&data).into(),
                Shape::Plain(left) => {
                    *left = left.checked_sub(data.len() as u64).ok_or("the answer is larger than allowed")?;
                    data
                }
            };
            if !data.is_empty() && out.send(Ok(Piece::Data(data))).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// The error that ends a stream early.
fn cut_short(id: Option<Id>, reason: &str) -> Reject {
    Reject {
        status: http::StatusCode::BAD_GATEWAY,
        code: crate::mcp::code::MAYBE_EXECUTED,
        message: format!("The stream ended early: {reason}. The call may have been executed.").into(),
        id,
        data: None,
        era: None,
    }
}

/// The client's end.
struct Carried {
    pieces: mpsc::Receiver<Result<Piece, CutShort>>,
    size: SizeHint,
    over: bool,
}

impl Body for Carried {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if self.over {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.pieces.poll_recv(context)) {
            Some(Ok(Piece::Data(data))) => Some(Ok(Frame::data(data))),
            Some(Ok(Piece::End)) => {
                self.over = true;
                None
            }
            Some(Err(error)) => Some(Err(error)),
            None => Some(Err(CutShort)),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

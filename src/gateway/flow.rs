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

use super::{ending::Ending, events::Events, refusal::Refusal, until};
use crate::{
    app::App,
    audit::Outcome,
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
    /// The upstream's.
    Data(Bytes),
    /// Our own, after the last of the upstream's.
    LastWord(Bytes),
    End,
}

/// Starts to carry `body` to the client as long as `live` is.
pub(super) fn carry(
    body: Incoming,
    shape: Shape,
    live: LiveCall,
    app: &App,
    id: Option<Id>,
    ending: Ending,
) -> axum::body::Body {
    let (out, pieces) = mpsc::channel(WAITING);
    let size = match &shape {
        Shape::Stream(_) => SizeHint::new(),
        Shape::Plain(_) => body.size_hint(),
    };
    let ended = until::ended(&live, &app.clock);
    let keepalive = app.config.http.stream_keepalive;
    let seen = ending.clone();
    tokio::spawn(async move {
        let mut flow = Flow { body, shape, out: &out, keepalive };
        let end = flow.run(ended).await;
        let last = flow.last(&end, id);
        // The upstream's answer ends before the client's.
        drop(flow);
        // Nobody else would notice while the client reads nothing.
        if let Some(outcome) = end.outcome() {
            seen.end(outcome);
        }
        // A client that does not even take this finds its connection closed.
        out.try_send(last).ok();
    });
    axum::body::Body::new(Carried { pieces, live, ending, size, over: false })
}

struct Flow<'a> {
    body: Incoming,
    shape: Shape,
    out: &'a mpsc::Sender<Result<Piece, CutShort>>,
    keepalive: Duration,
}

/// How the upstream's answer ended.
enum End {
    /// All of it is on its way, and the client's end knows.
    Whole,
    ClientGone,
    Authority(until::Ended),
    BrokenOff(&'static str),
}

impl End {
    /// The call's outcome, where it hangs on that.
    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Whole | Self::ClientGone => None,
            Self::Authority(ended) => Some((*ended).into()),
            Self::BrokenOff(_) => Some(Outcome::BrokenOff),
        }
    }
}

impl Flow<'_> {
    /// Carries until the end.
    async fn run(&mut self, ended: impl Future<Output = until::Ended>) -> End {
        let out = self.out;
        tokio::select! {
            biased;
            ended = ended => End::Authority(ended),
            // With the client its answer goes, and with that the upstream's: that cancels a modern call.
            () = out.closed() => End::ClientGone,
            end = self.pieces() => end,
        }
    }

    /// The last piece. A stream that is cut between two events says why.
    fn last(&self, end: &End, id: Option<Id>) -> Result<Piece, CutShort> {
        let reason = match end {
            End::Whole | End::ClientGone => return Err(CutShort),
            End::Authority(ended) => ended.reason(),
            End::BrokenOff(reason) => reason,
        };
        let Shape::Stream(events) = &self.shape else { return Err(CutShort) };
        if events.is_between() && id.is_some() {
            let event = Refusal::from(cut_short(id, reason)).into_event();
            self.out.try_send(Ok(Piece::LastWord(event.into()))).ok();
        }
        Ok(Piece::End)
    }

    /// Carries to the end of the upstream's answer, or as far as that goes.
    async fn pieces(&mut self) -> End {
        loop {
            let between = matches!(&self.shape, Shape::Stream(events) if events.is_between());
            let frame = tokio::select! {
                frame = self.body.frame() => frame,
                () = tokio::time::sleep(self.keepalive), if between => Some(Ok(Frame::data(KEEPALIVE))),
            };
            let frame = match frame {
                // A client that is slow gets the end, too.
                None => return if self.put(Piece::End).await { End::Whole } else { End::ClientGone },
                Some(Err(_)) => return End::BrokenOff("the connection to the server broke"),
                Some(Ok(frame)) => frame,
            };
            // Trailers are headers that come late: none of them may pass.
            let Ok(data) = frame.into_data() else { continue };
            let data: Bytes = match &mut self.shape {
                Shape::Stream(events) => events.pass(&data).into(),
                Shape::Plain(left) => {
                    let Some(rest) = left.checked_sub(data.len() as u64) else {
                        return End::BrokenOff("the answer is larger than allowed");
                    };
                    *left = rest;
                    data
                }
            };
            if !data.is_empty() && !self.put(Piece::Data(data)).await {
                return End::ClientGone;
            }
        }
    }

    /// Waits while the client is slow. False: it is gone.
    async fn put(&self, piece: Piece) -> bool {
        self.out.send(Ok(piece)).await.is_ok()
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

/// The client's end. The answer ends here, whatever the upstream has sent.
struct Carried {
    pieces: mpsc::Receiver<Result<Piece, CutShort>>,
    /// In flight until the client has everything, or has gone: pieces may wait here when the upstream's end is long past.
    live: LiveCall,
    ending: Ending,
    size: SizeHint,
    over: bool,
}

impl Carried {
    fn next(&mut self, piece: Option<Result<Piece, CutShort>>) -> Option<Result<Frame<Bytes>, CutShort>> {
        match piece {
            Some(Ok(Piece::Data(data))) => {
                // Asked for each piece: much may have happened since it came in.
                if let Some(over) = self.live.still().why_over() {
                    self.ending.end(until::Ended::from(over).into());
                    return Some(Err(CutShort));
                }
                self.ending.send(data.len());
                Some(Ok(Frame::data(data)))
            }
            Some(Ok(Piece::LastWord(data))) => Some(Ok(Frame::data(data))),
            Some(Ok(Piece::End)) => {
                self.over = true;
                self.ending.end(Outcome::Answered);
                None
            }
            Some(Err(CutShort)) | None => Some(Err(CutShort)),
        }
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let piece = ready!(self.pieces.poll_recv(context));
        Poll::Ready(self.next(piece))
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

impl Drop for Carried {
    /// Nobody asks for the end of a body whose length is known.
    fn drop(&mut self) {
        let whole = self.size.exact() == Some(self.ending.sent());
        self.ending.end(if whole { Outcome::Answered } else { Outcome::ClientGone });
    }
}

//! The body of an answer that is all here: it leaves with the head, in one write, and needs no task to carry it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{ending::Ending, flow::CutShort, until};
use crate::{audit::Outcome, cluster::LiveCall};

/// A body that goes to the client as long as `live` is.
pub(super) fn whole(body: Bytes, live: LiveCall, ending: Ending) -> axum::body::Body {
    axum::body::Body::new(Whole { body, live, ending })
}

struct Whole {
    body: Bytes,
    /// In flight until the bytes are handed over.
    live: LiveCall,
    ending: Ending,
}

impl Body for Whole {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if self.body.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(over) = self.live.still().why_over() {
            self.ending.end(until::Ended::from(over).into());
            return Poll::Ready(Some(Err(CutShort)));
        }
        let body = std::mem::take(&mut self.body);
        self.ending.send(body.len());
        Poll::Ready(Some(Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.len() as u64)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.ending.end(if self.body.is_empty() { Outcome::Answered } else { Outcome::ClientGone });
    }
}

//! The body of a request to an upstream, which asks one last time.
//!
//! Between the decision and the first byte lies the making of a connection, which can take seconds. HTTP/1 asks for the
//! body before it writes anything, so a body that fails leaves nothing sent; of HTTP/2 at most headers were, and no message.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::cluster::Still;

/// The bytes of a call, for as long as the call is good.
pub(super) struct Outgoing {
    bytes: Full<Bytes>,
    still: Option<Still>,
}

impl Outgoing {
    pub(super) fn new(bytes: Full<Bytes>, still: Option<Still>) -> Self {
        Self { bytes, still }
    }
}

/// The call is not known to be good any more.
#[derive(Debug, thiserror::Error)]
#[error("the call is not known to be good any more")]
pub(super) struct Withheld;

/// Whether that is what an error comes from.
pub(super) fn is_withheld(error: &(dyn Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.is::<Withheld>() {
            return true;
        }
        at = error.source();
    }
    false
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Withheld;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Withheld>>> {
        // Once the bytes are out there is nothing left to withhold.
        if !self.bytes.is_end_stream() && self.still.as_ref().is_some_and(|still| !still.is_good()) {
            return Poll::Ready(Some(Err(Withheld)));
        }
        Pin::new(&mut self.bytes).poll_frame(context).map_err(|never| match never {})
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}

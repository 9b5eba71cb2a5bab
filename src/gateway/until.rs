//! The end of the authority behind a call: revoked, or expired.

use std::time::Duration;

use time::OffsetDateTime;

use crate::{audit::Outcome, clock::Clock, cluster::LiveCall};

/// How often a clock that can be turned by hand is asked again.
const LOOK: Duration = Duration::from_secs(1);

/// Why authority ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Taken away.
    Revoked,
    /// Its time is over.
    Expired,
}

impl Ended {
    /// In words, for the client.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Revoked => "the access token was revoked",
            Self::Expired => "the access token has expired",
        }
    }
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Revoked => Self::Revoked,
            Ended::Expired => Self::Expired,
        }
    }
}

/// Completes when the call's token is revoked or expires.
pub(super) fn ended(live: &LiveCall, clock: &Clock) -> impl Future<Output = Ended> + Send + 'static {
    let (cut, end, clock) = (live.cut().clone(), live.verified().expires_at, clock.clone());
    async move {
        tokio::select! {
            biased;
            () = cut.cancelled() => Ended::Revoked,
            () = expired(end, &clock) => Ended::Expired,
        }
    }
}

async fn expired(end: OffsetDateTime, clock: &Clock) {
    while let Ok(left) = Duration::try_from(end - clock.now()) {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

//! The end of the authority behind a call: revoked, expired, or no longer known to be good.

use std::time::Duration;

use time::OffsetDateTime;

use crate::{
    audit::Outcome,
    clock::Clock,
    cluster::{LiveCall, Over},
};

/// How often a clock that can be turned by hand is asked again.
const LOOK: Duration = Duration::from_secs(1);

/// Why authority ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Taken away.
    Revoked,
    /// Its time is over.
    Expired,
    /// This process cannot tell any more whether it was taken away. The client's token may be as good as ever.
    Lapsed,
    /// This process cannot tell whether its time is over, since its clock cannot be believed.
    Timeless,
}

impl Ended {
    /// In words, for the client.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Revoked => "the access token was revoked",
            Self::Expired => "the access token has expired",
            Self::Lapsed => "the gateway has lost touch with its database",
            Self::Timeless => "the gateway's clock is wrong",
        }
    }
}

impl From<Over> for Ended {
    fn from(over: Over) -> Self {
        match over {
            Over::Revoked => Self::Revoked,
            Over::Lapsed => Self::Lapsed,
        }
    }
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Revoked => Self::Revoked,
            Ended::Expired => Self::Expired,
            Ended::Lapsed | Ended::Timeless => Self::Lapsed,
        }
    }
}

/// Completes when the call's token is revoked or expires, or is not known to be good any more. The last is looked at
/// whenever this is polled.
pub(super) fn ended(live: &LiveCall, clock: &Clock) -> impl Future<Output = Ended> + Send + 'static {
    let (still, end, clock) = (live.still().clone(), live.verified().expires_at, clock.clone());
    async move {
        tokio::select! {
            biased;
            over = still.over() => over.into(),
            ended = expired(end, &clock) => ended,
        }
    }
}

async fn expired(end: OffsetDateTime, clock: &Clock) -> Ended {
    loop {
        let left = Duration::try_from(end - clock.now()).unwrap_or_default();
        if clock.is_odd() {
            return Ended::Timeless;
        }
        if left.is_zero() {
            return Ended::Expired;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

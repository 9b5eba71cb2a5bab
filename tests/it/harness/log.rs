//! Listening to the log of one test while others run.

use tracing::{Dispatch, subscriber::NoSubscriber};

/// A second listener, which hears nothing. Keep it, and then set the one that listens.
///
/// With one alone, tracing asks the listener of whichever thread comes first to a line of the program whether that line
/// will ever be of interest, and remembers the answer; the threads of other tests have none.
pub(crate) fn beside_others() -> Dispatch {
    Dispatch::new(NoSubscriber::new())
}

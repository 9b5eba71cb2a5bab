//! Who asks for the same thing at the same time waits for one answer.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};

use super::{FetchError, Fetched};
use crate::ids::TenantId;

type Outcome = Result<Fetched, FetchError>;
type Flight = Shared<BoxFuture<'static, Outcome>>;
/// The tenant is part of it: nobody gets what was fetched by another's rules.
type Key = (TenantId, String);

/// What is under way. Nothing of it is kept: with the last who waits the fetch ends, too.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Key, WeakShared<BoxFuture<'static, Outcome>>>>);

impl Flights {
    /// Waits for the fetch of `key` that is under way, or for `begin`.
    pub(super) async fn join(&self, key: Key, begin: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
        self.flight(key, begin).await
    }

    fn flight(&self, key: Key, begin: impl Future<Output = Outcome> + Send + 'static) -> Flight {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = |flight: &Flight| flight.peek().is_none();
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade).filter(under_way) {
            return flight;
        }
        flights.retain(|_, flight| flight.upgrade().is_some());
        let flight = begin.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}

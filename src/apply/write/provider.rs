//! Identity providers.

use super::Writer;
use crate::{
    apply::{
        ApplyError,
        plan::{Action, Kind},
        step::ProviderWrite,
    },
    audit::Event,
    ids::ProviderId,
    store::{StoreError, providers},
};

impl Writer<'_> {
    pub(super) async fn provider(&mut self, provider: &ProviderWrite, action: Action) -> Result<(), ApplyError> {
        let ProviderWrite { row, is_new } = provider;
        if *is_new {
            providers::insert(&mut self.tx, row, self.tools.recorder.clock.now()).await?;
            self.mark(Kind::Provider, &row.id.to_string()).await?;
        } else {
            providers::update(&mut self.tx, row).await?;
        }
        if action == Action::Disable {
            self.end_logins(row.id).await?;
        }
        // Providers are looked up at each use, as sessions are: no node has anything to forget.
        self.record(format!("provider/{}", row.slug), action).await
    }

    /// Nobody stays logged in by the word of a provider whose word does not count any more.
    pub(super) async fn end_logins(&mut self, provider: ProviderId) -> Result<(), StoreError> {
        let recorder = self.tools.recorder;
        let ended = providers::end_logins(&mut self.tx, provider, recorder.clock.now()).await?;
        let events = ended.into_iter().map(|(session, person)| Event::SessionEnded { person, session });
        recorder.record_many(&mut self.tx, events).await?;
        Ok(())
    }
}

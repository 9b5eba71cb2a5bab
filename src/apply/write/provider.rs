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
    people::oidc::{Provider, ProviderSettings},
    store::{
        StoreError,
        providers::{self, ProviderRow},
    },
};

/// Whether whoever came by its word would come in the same way now.
fn vouches_alike(old: &ProviderRow, new: &ProviderRow) -> bool {
    let of = |row: &ProviderRow| {
        let ProviderSettings { roles, required_claims, multi_factor, email_domains, algorithms, .. } =
            Provider::of(row.clone()).ok()?.settings;
        Some((row.client_id.clone(), roles, required_claims, multi_factor, email_domains, algorithms))
    };
    of(old).is_some() && of(old) == of(new)
}

impl Writer<'_> {
    pub(super) async fn provider(&mut self, provider: &ProviderWrite, action: Action) -> Result<(), ApplyError> {
        let ProviderWrite { row, is_new } = provider;
        if *is_new {
            providers::insert(&mut self.tx, row, self.tools.recorder.clock.now()).await?;
            self.mark(Kind::Provider, &row.id.to_string()).await?;
        } else {
            let all = providers::all(&mut self.tx).await?;
            let old = all.into_iter().find(|old| old.id == row.id);
            providers::update(&mut self.tx, row).await?;
            if action == Action::Disable || !old.is_some_and(|old| vouches_alike(&old, row)) {
                self.end_logins(row.id).await?;
            }
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

//! The account at a provider as a way into the account here: linked by whoever is logged in to both, and unlinked.

use super::{NoAccount, Provider, Refusal, callback::Vouching};
use crate::{
    audit::{Event, Personal},
    http::visit::Visit,
    people::{Session, session},
    store::{StoreError, people, providers, second, sessions},
};

/// How unlinking ended.
pub(in crate::people) enum Unlinked {
    /// It is not linked, from now on or before. Logins that began by it have ended.
    Done,
    /// Nothing was changed: nothing else lets the person in.
    TheOnlyWay,
}

impl Vouching {
    /// Links the account there to that of whoever began it and is still logged in by the same session.
    pub(in crate::people) async fn link(self, visit: &Visit, provider: &Provider, began: &str) -> Result<(), Refusal> {
        let session = session::current(visit).await?.filter(|session| session.id.to_string() == began);
        let session = session.ok_or(Refusal::State)?;
        let subject = self.claims.subject()?;
        self.claims.may_come(&provider.settings)?;
        let (recorder, now) = (visit.recorder(), visit.app.clock.now());
        let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
        let person = people::lock(&mut tx, session.person).await?.filter(people::PersonRow::is_active);
        let person = person.ok_or(NoAccount::Disabled)?.id;
        if !providers::hold(&mut tx, provider.row.id).await? {
            return Err(Refusal::State);
        }
        let (id, known) = (provider.row.id, providers::known(&mut tx, provider.row.id, subject).await?);
        match (known, providers::subject_of(&mut tx, id, person).await?) {
            (Some(known), _) if known == person => return Ok(()),
            (None, None) => {}
            _ => return Err(NoAccount::Linked.into()),
        }
        providers::link(&mut tx, id, (subject, person), now).await.map_err(said)?;
        let subject = Personal::new(subject, Some(person), &recorder.entropy).map_err(StoreError::from)?;
        recorder.record(&mut tx, &Event::IdentityLinked { person, provider: id, subject, created: false }).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Two who link the same account there at once: one does.
fn said(error: StoreError) -> Refusal {
    if error.violated() == Some("person_identity_pkey") { NoAccount::Linked.into() } else { error.into() }
}

/// Takes the way through a provider away from the person of a session, unless it is the only one.
pub(in crate::people) async fn unlink(visit: &Visit, session: &Session, slug: &str) -> Result<Unlinked, StoreError> {
    let (app, person) = (&visit.app, session.person);
    let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
    let row = people::lock(&mut tx, person).await?;
    let own = providers::of_person(&mut tx, person).await?;
    let Some(linked) = own.iter().find(|own| own.slug == slug && own.linked_at.is_some()) else {
        return Ok(Unlinked::Done);
    };
    let by_provider = own.iter().any(|other| other.slug != slug && other.active && other.linked_at.is_some());
    let by_password = visit.tenant.settings.login.passwords && row.is_some_and(|row| row.password_hash.is_some());
    if !by_provider && !by_password && second::passkeys(&mut tx, person).await?.is_empty() {
        return Ok(Unlinked::TheOnlyWay);
    }
    if let Some(subject) = providers::unlink(&mut tx, linked.id, person).await? {
        // Whoever holds the account there may be somebody else by now.
        let of = sessions::OfProvider { provider: linked.id, sid: None, person: Some(person) };
        let ended = sessions::end_of_provider(&mut tx, &of, app.clock.now()).await?;
        let recorder = visit.recorder();
        recorder.record_many(&mut tx, ended.into_iter().map(|session| Event::SessionEnded { person, session })).await?;
        let subject = Personal::new(&subject, Some(person), &recorder.entropy)?;
        recorder.record(&mut tx, &Event::IdentityUnlinked { person, provider: linked.id, subject }).await?;
    }
    tx.commit().await?;
    Ok(Unlinked::Done)
}

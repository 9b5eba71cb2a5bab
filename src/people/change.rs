//! What people change about themselves.

use super::{
    HashError, Password, PasswordHash, Session, Verdict,
    login::LoginFault,
    person::PersonKey,
    throttle::{Buckets, Standing},
};
use crate::{
    audit::{Event, Refused},
    http::visit::Visit,
    ids::SessionId,
    store::{StoreError, TenantTx, people, person_links, sessions},
};

/// How a change of password ended.
pub(super) enum Changed {
    /// The new one counts. Other browsers are logged out.
    Done,
    /// The old one is not right.
    Wrong,
    /// Too many tries with the old one.
    Throttled,
    /// Too many others are logging in just now.
    Busy,
    /// The password was changed meanwhile, or the person shut out.
    Meanwhile,
}

/// Gives whoever is logged in another password, if they know the one they have. Counted as a login is: a session in wrong hands must not
/// be a way to guess.
pub(super) async fn password(
    visit: &Visit,
    session: &Session,
    current: Password,
    chosen: Password,
) -> Result<Changed, LoginFault> {
    let app = &visit.app;
    let key = PersonKey::Known(session.person);
    let buckets = Buckets::of(&app.keyring, visit.tenant.id, &key, visit.address);
    let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
    let standing = buckets.count(&mut tx, &app.config.login.throttle, app.clock.now()).await?;
    let before = people::by_id(&mut tx, session.person).await?;
    tx.commit().await?;
    let refused = |throttled| {
        visit.refused(Refused::Login { person: Some(session.person), throttled });
    };
    if standing == Standing::Blocked {
        refused(true);
        return Ok(Changed::Throttled);
    }
    let before = before.and_then(|person| person.password_hash);
    let stored = before.as_deref().map(PasswordHash::parse).transpose()?;
    let hash = async {
        match app.passwords.verify(current, stored).await? {
            Verdict::Right(_) => app.passwords.hash(chosen).await.map(Some),
            Verdict::Wrong => Ok(None),
        }
    };
    let (mut tx, changed) = match hash.await {
        Ok(Some(hash)) => {
            let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
            let now = people::lock(&mut tx, session.person).await?.filter(people::PersonRow::is_active);
            // Hashing took a while: the old one must still be the one that was compared.
            if now.is_some_and(|now| now.password_hash == before) {
                buckets.succeeded(&mut tx).await?;
                set(&mut tx, visit, session, &hash).await?;
                tx.commit().await?;
                return Ok(Changed::Done);
            }
            (tx, Changed::Meanwhile)
        }
        Ok(None) => {
            refused(false);
            return Ok(Changed::Wrong);
        }
        Err(HashError::Busy) => (app.store.tenant_tx(visit.tenant.id).await?, Changed::Busy),
        Err(error) => return Err(error.into()),
    };
    buckets.not_tried(&mut tx).await?;
    tx.commit().await?;
    Ok(changed)
}

async fn set(tx: &mut TenantTx, visit: &Visit, session: &Session, hash: &PasswordHash) -> Result<(), StoreError> {
    let now = visit.app.clock.now();
    people::set_password_hash(tx, session.person, hash.as_str()).await?;
    person_links::end_all(tx, session.person, now).await?;
    end_sessions(tx, visit, session, None).await?;
    visit.recorder().record(tx, &Event::PasswordChanged { person: session.person }).await
}

/// Ends logins of whoever is logged in: one, or all but the one in this browser.
pub(super) async fn end_sessions(
    tx: &mut TenantTx,
    visit: &Visit,
    session: &Session,
    one: Option<SessionId>,
) -> Result<(), StoreError> {
    let but = one.is_none().then_some(session.id);
    if one.is_none() {
        // Nor is whoever is half-way in.
        sessions::end_steps(tx, Some(session.person)).await?;
    }
    let ended = sessions::end_own(tx, session.person, (one, but), visit.app.clock.now()).await?;
    let events =
        ended.into_iter().map(|session_id| Event::SessionEnded { person: session.person, session: session_id });
    visit.recorder().record_many(tx, events).await
}

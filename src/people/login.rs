//! One attempt to log in.

use std::sync::Arc;

use super::{
    HashError, Password, PasswordHash, Session, Verdict,
    admission::{Admitted, Arrival, admit},
    person, session,
    throttle::{Buckets, Standing},
};
use crate::{
    app::App,
    audit::{Recorder, Refused},
    http::address::ClientAddress,
    ids::{InteractionId, PersonId},
    store::{
        StoreError, TenantTx,
        people::{self, PersonRow},
    },
    tenants::Tenant,
};

/// What somebody typed, and where.
pub(super) struct Attempt {
    pub(super) username: String,
    pub(super) password: Password,
    pub(super) address: ClientAddress,
    /// In which browser.
    pub(super) agent: String,
    /// The authorization request that waits for this login.
    pub(super) errand: Option<InteractionId>,
    /// The session that this browser has already: it ends when the new one begins.
    pub(super) previous: Option<Session>,
}

/// How an attempt ended.
pub(super) enum Login {
    /// The password is right.
    Right(Admitted),
    /// There is no such account, or the password is another one. Nobody is told which.
    Refused,
    /// Too many attempts. Nobody is told by whom.
    Throttled,
    /// Too many others are logging in just now.
    Busy,
}

/// A fault of ours.
#[derive(Debug, thiserror::Error)]
pub(in crate::people) enum LoginFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a password could not be compared: {0}")]
    Hash(#[from] HashError),
    #[error("the task of a login ended without a result")]
    Lost,
}

/// Counts the attempt, compares the password, and begins a session.
///
/// A task of its own: whoever hangs up before the answer is counted and recorded all the same.
pub(super) async fn log_in(
    app: Arc<App>,
    tenant: Arc<Tenant>,
    recorder: Recorder,
    attempt: Attempt,
) -> Result<Login, LoginFault> {
    let task =
        tokio::spawn(async move { Desk { app: &app, tenant: &tenant, recorder: &recorder }.serve(attempt).await });
    task.await.map_err(|_| LoginFault::Lost)?
}

/// Where one attempt is dealt with.
struct Desk<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    recorder: &'a Recorder,
}

impl Desk<'_> {
    async fn serve(&self, attempt: Attempt) -> Result<Login, LoginFault> {
        let mut tx = self.begin().await?;
        let (key, person) = person::find(&mut tx, &attempt.username).await?;
        let buckets = Buckets::of(&self.app.keyring, self.tenant.id, &key, attempt.address);
        let whose = person.as_ref().map(|person| person.id);
        let failed = Failed { person: whose, from: attempt.address };
        if !self.count(tx, &buckets).await? {
            self.failed(failed, true);
            return Ok(Login::Throttled);
        }
        let ended = self.compare(attempt, person, &buckets, failed).await;
        if let (Err(_), Ok(tx)) = (&ended, self.begin().await) {
            // A fault of ours is no attempt of the person's. If this cannot be written either, the window ends by itself.
            let _ = self.not_tried(tx, &buckets).await;
        }
        ended
    }

    async fn compare(
        &self,
        attempt: Attempt,
        person: Option<PersonRow>,
        buckets: &Buckets,
        failed: Failed,
    ) -> Result<Login, LoginFault> {
        let stored = person.as_ref().and_then(|person| person.password_hash.as_deref());
        let stored = stored.map(PasswordHash::parse).transpose()?;
        match (self.app.passwords.verify(attempt.password, stored).await, person) {
            (Ok(Verdict::Right(fresh_hash)), Some(person)) => {
                let Attempt { errand, previous, agent, .. } = attempt;
                let proved = Proved { person, fresh_hash, errand, previous, agent };
                self.admit(buckets, failed, proved).await
            }
            (Ok(_), _) => Ok(self.refuse(failed)),
            (Err(HashError::Busy), _) => self.not_tried(self.begin().await?, buckets).await,
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Counts before the password is looked at. False: enough.
    async fn count(&self, mut tx: TenantTx, buckets: &Buckets) -> Result<bool, LoginFault> {
        let standing = buckets.count(&mut tx, &self.app.config.login.throttle, self.app.clock.now()).await?;
        tx.commit().await?;
        Ok(standing == Standing::Open)
    }

    /// Begins the session, all in one transaction.
    async fn admit(&self, buckets: &Buckets, failed: Failed, proved: Proved) -> Result<Login, LoginFault> {
        let Proved { mut person, fresh_hash, errand, previous, agent } = proved;
        let mut tx = self.begin().await?;
        // Hashing took a while, and much can happen meanwhile.
        match people::lock(&mut tx, person.id).await?.filter(PersonRow::is_active) {
            Some(now) if now.password_hash == person.password_hash => person = now,
            Some(_) => return self.not_tried(tx, buckets).await,
            None => return Ok(self.refuse(failed)),
        }
        if let Some(hash) = fresh_hash {
            people::set_password_hash(&mut tx, person.id, hash.as_str()).await?;
        }
        buckets.succeeded(&mut tx).await?;
        let arrival = Arrival { person: &person, proof: session::Proof::password(agent), previous, errand };
        let admitted = admit((self.app, self.tenant), &mut tx, self.recorder, arrival).await?;
        tx.commit().await?;
        Ok(Login::Right(admitted))
    }

    fn refuse(&self, failed: Failed) -> Login {
        self.failed(failed, false);
        Login::Refused
    }

    fn failed(&self, Failed { person, from }: Failed, throttled: bool) {
        self.app.refused(Some(self.tenant.id), Refused::Login { person, throttled }, from);
    }

    /// The password was not compared with the one that counts now, so the attempt does not count either.
    async fn not_tried(&self, mut tx: TenantTx, buckets: &Buckets) -> Result<Login, LoginFault> {
        buckets.not_tried(&mut tx).await?;
        tx.commit().await?;
        Ok(Login::Busy)
    }

    async fn begin(&self) -> Result<TenantTx, StoreError> {
        self.app.store.tenant_tx(self.tenant.id).await
    }
}

/// Whose login it would be, and who tries.
#[derive(Clone, Copy)]
struct Failed {
    person: Option<PersonId>,
    from: ClientAddress,
}

/// Somebody who knew a password.
struct Proved {
    /// As the row was when its hash was read.
    person: PersonRow,
    fresh_hash: Option<PasswordHash>,
    errand: Option<InteractionId>,
    previous: Option<Session>,
    agent: String,
}

//! One try with a second factor.

use std::sync::Arc;

use super::{
    enrol::{self, Enrolled},
    passkeys,
    recovery::RecoveryCode,
    totp::{Code, TotpSecret},
};
use crate::{
    app::App,
    audit::{Event, Recorder, Refused},
    http::address::ClientAddress,
    ids::{InteractionId, PersonId},
    people::{
        Session, errand,
        login::LoginFault,
        passkey::{self, Assertion, ask::Question},
        session::{self, Proof},
        throttle::{Buckets, Standing},
    },
    secret::Handle,
    store::{
        StoreError, TenantTx, people,
        second::{self as rows, StepRow},
    },
    tenants::Tenant,
};

/// A one-time password was right (RFC 8176).
const OTP: &str = "otp";
/// A key that proved to be there was (RFC 8176).
const HARDWARE: &str = "hwk";
/// More than one factor was (RFC 8176).
pub(crate) const MULTI: &str = "mfa";

/// What somebody shows.
pub(in crate::people) enum Shown {
    /// A code of their authenticator.
    Code(Code),
    /// One of their recovery codes.
    Recovery(RecoveryCode),
    /// The first code of an authenticator that they set up now.
    New(TotpSecret, Code),
    /// One of their passkeys, and what was asked.
    Passkey(Box<(Assertion, Question)>),
}

/// Who shows it.
pub(in crate::people) struct Try {
    /// The login that waits.
    pub(in crate::people) step: StepRow,
    pub(in crate::people) shown: Shown,
    pub(in crate::people) address: ClientAddress,
    /// In which browser.
    pub(in crate::people) agent: String,
    /// The authorization request that waits for this login.
    pub(in crate::people) errand: Option<InteractionId>,
    /// The session that this browser has already: it ends when the new one begins.
    pub(in crate::people) previous: Option<Session>,
}

/// How it ended.
pub(in crate::people) enum Second {
    /// The handle of the new session, for the cookie; and recovery codes to be shown, if there are new ones.
    In(Handle, Vec<RecoveryCode>),
    /// It is not right, or was used before.
    Refused,
    /// Too many tries.
    Throttled,
    /// The login does not wait any more.
    Ended,
}

/// The login that waits for whoever has this handle.
pub(in crate::people) async fn find(app: &App, tenant: &Tenant, step: &Handle) -> Result<Option<StepRow>, StoreError> {
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let found = rows::find(&mut tx, &app.keyring.lookup(tenant.id, step), app.clock.now()).await?;
    tx.commit().await?;
    Ok(found)
}

/// Counts the try, looks at what is shown, and begins the session.
///
/// A task of its own: whoever hangs up before the answer is counted all the same.
pub(in crate::people) async fn prove(
    app: Arc<App>,
    tenant: Arc<Tenant>,
    recorder: Recorder,
    tried: Try,
) -> Result<Second, LoginFault> {
    let task = tokio::spawn(async move { Desk { app: &app, tenant: &tenant, recorder: &recorder }.serve(tried).await });
    task.await.map_err(|_| LoginFault::Lost)?
}

struct Desk<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    recorder: &'a Recorder,
}

impl Desk<'_> {
    async fn serve(&self, tried: Try) -> Result<Second, LoginFault> {
        let (person, from) = (tried.step.person, tried.address);
        let buckets = Buckets::of_second(&self.app.keyring, self.tenant.id, person, from);
        let mut tx = self.begin().await?;
        let standing = buckets.count(&mut tx, &self.app.config.login.throttle, self.app.clock.now()).await?;
        tx.commit().await?;
        if standing == Standing::Blocked {
            self.failed(person, from, true);
            return Ok(Second::Throttled);
        }
        let ended = self.admit(tried, &buckets).await;
        match &ended {
            Ok(Second::Refused) => self.failed(person, from, false),
            Ok(Second::Ended) | Err(_) => {
                // That was no try. If this cannot be written either, the window ends by itself.
                if let Ok(mut tx) = self.begin().await
                    && buckets.not_tried(&mut tx).await.is_ok()
                {
                    let _ = tx.commit().await;
                }
            }
            _ => {}
        }
        ended
    }

    /// All in one transaction: what is shown is used up, and the login that waited; and the session begins.
    async fn admit(&self, tried: Try, buckets: &Buckets) -> Result<Second, LoginFault> {
        let Try { step, shown, errand, previous, agent, .. } = tried;
        let mut tx = self.begin().await?;
        // Whoever shuts the person out at the same time does so before or after this.
        let is_active = people::lock(&mut tx, step.person).await?.is_some_and(|person| person.is_active());
        if !is_active || !rows::use_up(&mut tx, &step.hash, self.app.clock.now()).await? {
            return Ok(Second::Ended);
        }
        let way = if matches!(shown, Shown::Passkey(..)) { HARDWARE } else { OTP };
        let codes = match self.right(&mut tx, step.person, shown).await? {
            Right::Yes(codes) => codes,
            Right::No => return Ok(Second::Refused),
            Right::Never => return Ok(Second::Ended),
        };
        buckets.succeeded(&mut tx).await?;
        if let Some(previous) = previous {
            session::end(&mut tx, self.recorder, &previous).await?;
        }
        let amr = step.amr.into_iter().chain([way.to_owned(), MULTI.to_owned()]).collect();
        let proof = Proof { amr, vouched: step.vouched, is_multi: true, agent, auth_time: None };
        let policy = &self.tenant.settings.login;
        let (session, handle) = session::begin((self.app, policy), &mut tx, self.recorder, step.person, proof).await?;
        if let Some(errand) = errand {
            errand::attach(&mut tx, errand, session).await?;
        }
        tx.commit().await?;
        Ok(Second::In(handle, codes))
    }

    async fn right(&self, tx: &mut TenantTx, person: PersonId, shown: Shown) -> Result<Right, StoreError> {
        let (tenant, keyring, now) = (self.tenant.id, &self.app.keyring, self.app.clock.now());
        let is_right = match shown {
            Shown::Code(code) => match rows::totp(tx, person).await? {
                Some(totp) => {
                    let place = enrol::secret_place(tenant, person);
                    let plain = keyring.open(&totp.sealed.kek_id, place.as_bytes(), &totp.sealed.bytes);
                    let secret = TotpSecret::read(&plain.map_err(StoreError::corrupt)?);
                    let secret = secret.ok_or_else(|| StoreError::corrupt("person_totp.sealed"))?;
                    let last = u64::try_from(totp.last_step).map_err(StoreError::corrupt)?;
                    match secret.accepted(code, now, Some(last)) {
                        // In one UPDATE: of many who bring the same code one gets in.
                        Some(step) => {
                            let step = i64::try_from(step).map_err(StoreError::corrupt)?;
                            rows::use_totp(tx, person, step, now).await?
                        }
                        None => false,
                    }
                }
                None => false,
            },
            Shown::Recovery(code) => {
                let hashes = code.lookup(keyring, tenant, person);
                let used = rows::use_recovery_code(tx, person, &hashes, now).await?;
                if used {
                    let left = rows::held(tx, person).await?.recovery_codes;
                    self.recorder.record(tx, &Event::RecoveryUsed { person, left }).await?;
                }
                used
            }
            Shown::Passkey(asked) => {
                let (answer, question) = *asked;
                let used = passkeys::used(self.app, tx, &question, passkey::Purpose::Second, &answer).await?;
                used == Some(person)
            }
            Shown::New(secret, code) => {
                // Whoever has a second factor already shows that one: a password alone sets up no other.
                if rows::held(tx, person).await?.has_any() {
                    return Ok(Right::Never);
                }
                match enrol::add(tx, (self.recorder, keyring), person, (&secret, code)).await? {
                    Enrolled::Done(codes) => return Ok(Right::Yes(codes)),
                    Enrolled::Wrong => false,
                    Enrolled::Already => return Ok(Right::Never),
                }
            }
        };
        Ok(if is_right { Right::Yes(Vec::new()) } else { Right::No })
    }

    fn failed(&self, person: PersonId, from: ClientAddress, throttled: bool) {
        self.app.refused(Some(self.tenant.id), Refused::Second { person: Some(person), throttled }, from);
    }

    async fn begin(&self) -> Result<TenantTx, StoreError> {
        self.app.store.tenant_tx(self.tenant.id).await
    }
}

enum Right {
    Yes(Vec<RecoveryCode>),
    No,
    /// Whatever it is, it is not asked for.
    Never,
}

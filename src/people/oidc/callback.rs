//! The way back from a provider.

use std::time::Duration as RealDuration;

use time::OffsetDateTime;

use super::{
    Account, Claims, NoAccount, Provider, Refusal, account_for,
    begin::{Purpose, Secrets},
    exchange, metadata,
};
use crate::{
    audit::{Event, Personal},
    http::{agent, visit::Visit},
    ids::InteractionId,
    people::{
        NewPerson, PersonError, Session, Username, account,
        admission::{Admitted, Arrival, admit},
        session::Proof,
    },
    secret::{Handle, HandleKind},
    store::{
        StoreError, TenantTx,
        people::{self, PersonRow},
        providers,
        sessions::Vouched,
    },
};

/// The longest code that is passed on, in bytes.
const MAX_CODE: usize = 4 * 1024;
/// The provider has so long for all that it is asked, so that the person gets an answer.
const PATIENCE: RealDuration = RealDuration::from_secs(12);

/// What the browser brings back, beside the `state`.
pub(in crate::people) struct Answer<'a> {
    pub(in crate::people) iss: Option<&'a str>,
    pub(in crate::people) error: Option<&'a str>,
    pub(in crate::people) code: Option<&'a str>,
}

/// Somebody who came back to the browser that they were sent from, and from the provider that they were sent to. It is used up, whatever comes of it.
pub(in crate::people) struct Returned(Secrets);

/// Somebody for whom a provider vouches, as far as nothing came of it.
pub(in crate::people) struct Vouching {
    pub(super) claims: Claims,
    /// When they showed the provider who they are.
    auth_time: OffsetDateTime,
}

/// Finds what an answer belongs to.
pub(in crate::people) async fn returned(
    visit: &Visit,
    provider: &Provider,
    state: Option<&str>,
) -> Result<Returned, Refusal> {
    use_up(visit, provider, state).await.map(Returned)
}

impl Returned {
    /// What the browser was sent there for.
    pub(in crate::people) fn purpose(&self) -> &Purpose {
        &self.0.purpose
    }

    /// From the browser's answer to the claims of an ID token.
    pub(in crate::people) async fn finish(
        self,
        visit: &Visit,
        provider: &Provider,
        answer: Answer<'_>,
    ) -> Result<Vouching, Refusal> {
        let talk = async {
            let names_itself = metadata::of(&visit.app, visit.tenant.id, provider).await?.0.names_itself;
            // Whoever answers for another issuer gets neither our code nor our patience (RFC 9207 §2.4).
            match answer.iss {
                Some(iss) if iss != provider.row.issuer => return Err(Refusal::Issuer),
                None if names_itself => return Err(Refusal::Issuer),
                _ => {}
            }
            let code = match (answer.error, answer.code) {
                (None, Some(code)) if (1..=MAX_CODE).contains(&code.len()) => code,
                _ => return Err(Refusal::Said),
            };
            exchange::exchange(&visit.app, &visit.tenant, provider, code, &self.0).await
        };
        let claims = match tokio::time::timeout(PATIENCE, talk).await {
            Ok(claims) => claims?,
            Err(_) => return Err(Refusal::Unreachable("it did not answer in time")),
        };
        let auth_time = claims.auth_time(visit.app.clock.now(), self.0.anew)?;
        Ok(Vouching { claims, auth_time })
    }
}

/// Finds the attempt of this browser and uses it up. Another browser uses nothing up.
async fn use_up(visit: &Visit, provider: &Provider, state: Option<&str>) -> Result<Secrets, Refusal> {
    let (app, tenant) = (&visit.app, visit.tenant.id);
    let state = Handle::parse(HandleKind::LoginState, state.unwrap_or_default()).map_err(|_| Refusal::State)?;
    let now = app.clock.now();
    let mut tx = app.store.tenant_tx(tenant).await?;
    let found = providers::attempt(&mut tx, &app.keyring.lookup(tenant, &state), provider.row.id, now).await?;
    let (hash, sealed) = found.ok_or(Refusal::State)?;
    let secrets = Secrets::open(visit.browser.handle(), &hash, &sealed).ok_or(Refusal::State)?;
    if !providers::use_up(&mut tx, &hash, now).await? {
        return Err(Refusal::State);
    }
    tx.commit().await?;
    Ok(secrets)
}

impl Vouching {
    /// Begins the session of whoever that is here, all in one transaction.
    pub(in crate::people) async fn admit(
        self,
        visit: &Visit,
        provider: &Provider,
        previous: Option<Session>,
        errand: Option<InteractionId>,
    ) -> Result<Admitted, Refusal> {
        let (app, recorder) = (&visit.app, visit.recorder());
        let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
        let person = self.person(&mut tx, visit, provider).await?;
        // Somebody may have disabled it since the browser came back: what ends its logins comes before this one or after it.
        if !providers::hold(&mut tx, provider.row.id).await? {
            return Err(Refusal::State);
        }
        let sid = self.claims.text("sid").filter(|sid| sid.len() <= 255).map(str::to_owned);
        let roles = self.claims.roles(&provider.settings);
        let vouched = Vouched { provider: provider.row.id, sid, roles };
        let amr = self.claims.amr();
        let is_multi = amr.iter().any(|way| provider.settings.multi_factor.contains(way));
        let agent = agent::words(&visit.headers);
        let proof = Proof { amr, vouched: Some(vouched), is_multi, agent, auth_time: Some(self.auth_time) };
        let arrival = Arrival { person: &person, proof, previous, errand };
        let admitted = admit((app, &visit.tenant), &mut tx, &recorder, arrival).await?;
        tx.commit().await?;
        Ok(admitted)
    }

    async fn person(&self, tx: &mut TenantTx, visit: &Visit, provider: &Provider) -> Result<PersonRow, Refusal> {
        let subject = self.claims.subject()?;
        let now = visit.app.clock.now();
        // In the order in which others lock them: the person, then what is theirs.
        let known = providers::known(tx, provider.row.id, subject).await?;
        let (username, display_name) = match account_for(&provider.settings, &self.claims, known)? {
            Account::Known(person) => {
                let person = people::lock(tx, person).await?.filter(PersonRow::is_active).ok_or(NoAccount::Disabled)?;
                // It may have been unlinked meanwhile.
                let still = providers::seen(tx, provider.row.id, subject, now).await?;
                return if still == Some(person.id) { Ok(person) } else { Err(NoAccount::Unknown.into()) };
            }
            Account::New { username, display_name } => (username, display_name),
        };
        let username = free(tx, username, &provider.row.slug).await?;
        let (recorder, new) = (visit.recorder(), NewPerson { username, display_name, password: None });
        let person = account::create(tx, &recorder, new).await.map_err(|error| match error {
            PersonError::Store(error) => Refusal::Fault(error),
            // Somebody was faster.
            _ => Refusal::Account(NoAccount::Username),
        })?;
        providers::link(tx, provider.row.id, (subject, person), now).await?;
        let subject = Personal::new(subject, Some(person), &recorder.entropy).map_err(StoreError::from)?;
        let linked = Event::IdentityLinked { person, provider: provider.row.id, subject, created: true };
        recorder.record(tx, &linked).await?;
        Ok(people::lock(tx, person).await?.ok_or(NoAccount::Disabled)?)
    }
}

/// The name, or one with the provider's behind it. An account that has the name is somebody else's, whoever they are.
async fn free(tx: &mut TenantTx, username: Username, slug: &str) -> Result<Username, Refusal> {
    if people::by_username(tx, username.as_str()).await?.is_none() {
        return Ok(username);
    }
    let longer = Username::parse(&format!("{username}@{slug}")).map_err(|_| NoAccount::Username)?;
    match people::by_username(tx, longer.as_str()).await? {
        None => Ok(longer),
        Some(_) => Err(NoAccount::Username.into()),
    }
}

//! Sessions: rows in the database, found by the hash of a handle in a cookie.

use time::OffsetDateTime;

use crate::{
    app::App,
    audit::{Event, Recorder, Refused},
    http::{cookies::CookieName, visit::Visit},
    ids::{PersonId, SessionId, TenantId},
    people::second::prove::MULTI,
    secret::{Handle, HandleKind},
    store::{
        Store, StoreError, TenantTx,
        sessions::{self, LiveSession, NewSession, Vouched},
    },
    tenants::LoginPolicy,
};

/// How a password proves who somebody is (RFC 8176).
const PASSWORD: &str = "pwd";

/// The ways to log in, as `acr_values` names them (RFC 9470): with a password.
pub const ACR_VALUES: [&str; 1] = ["urn:sallyport:acr:password"];

/// A person who is logged in at a tenant in this browser.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who.
    pub person: PersonId,
    /// The person's name at login.
    pub username: String,
    /// The person's name on pages.
    pub display_name: String,
    /// What they may be, in stored words.
    pub roles: Vec<String>,
    /// When the person logged in.
    pub auth_time: OffsetDateTime,
    /// Whether they showed more than one factor.
    pub is_multi: bool,
}

/// Who is logged in, going by the cookies of a request. Nobody whose session ended or expired, and nobody disabled.
pub async fn current(visit: &Visit) -> Result<Option<Session>, StoreError> {
    let Visit { app, tenant, headers, .. } = visit;
    let Some(text) = CookieName::session(&tenant.slug).read(headers) else { return Ok(None) };
    let live = match Handle::parse(HandleKind::Session, text) {
        Ok(handle) => live(app, tenant.id, &handle).await?,
        Err(_) => None,
    };
    if live.is_none() {
        visit.refused(Refused::Session);
    }
    Ok(live.map(|LiveSession { id, person, username, display_name, roles, auth_time, amr, hash: _ }| Session {
        is_multi: amr.iter().any(|way| way == MULTI),
        id,
        person,
        username,
        display_name,
        roles,
        auth_time,
    }))
}

async fn live(app: &App, tenant: TenantId, handle: &Handle) -> Result<Option<LiveSession>, StoreError> {
    let mut tx = app.store.tenant_tx(tenant).await?;
    let live = sessions::live(&mut tx, &app.keyring.lookup(tenant, handle), app.clock.now()).await?;
    if let Some(live) = &live
        && let Some(anew) = app.keyring.anew(tenant, handle, &live.hash)
    {
        sessions::store_anew(&mut tx, live, &anew).await?;
    }
    tx.commit().await?;
    Ok(live)
}

/// How somebody proved who they are.
pub(super) struct Proof {
    /// The ways (RFC 8176).
    pub(super) amr: Vec<String>,
    /// By whose word, if not by ours.
    pub(super) vouched: Option<Vouched>,
    /// Whether that was more than one factor already.
    pub(super) is_multi: bool,
    /// When that was, where somebody else saw it. None: just now.
    pub(super) auth_time: Option<OffsetDateTime>,
    /// In which browser: for the person to know it again.
    pub(super) agent: String,
}

impl Proof {
    /// A password was right.
    pub(super) fn password(agent: String) -> Self {
        Self { amr: vec![PASSWORD.to_owned()], vouched: None, is_multi: false, agent, auth_time: None }
    }
}

/// Begins a session after somebody proved who they are. The handle is new at every login, so none can be planted beforehand.
pub(super) async fn begin(
    (app, policy): (&App, &LoginPolicy),
    tx: &mut TenantTx,
    recorder: &Recorder,
    person: PersonId,
    Proof { mut amr, vouched, is_multi, agent, auth_time }: Proof,
) -> Result<(SessionId, Handle), StoreError> {
    // A provider may say so in words of its own.
    if is_multi && !amr.iter().any(|way| way == MULTI) {
        amr.push(MULTI.to_owned());
    }
    let handle = Handle::generate(HandleKind::Session, &app.entropy)?;
    let id = SessionId::new(&app.clock, &app.entropy)?;
    let now = app.clock.now();
    let row = NewSession {
        id,
        handle: &app.keyring.store(tx.tenant(), &handle),
        person,
        amr: &amr,
        auth_time: auth_time.unwrap_or(now),
        expires_at: now + life(app, policy),
        vouched: vouched.as_ref(),
        agent: &agent,
    };
    sessions::insert(tx, &row).await?;
    recorder
        .record(
            tx,
            &Event::LoginSucceeded { person, session: id, amr, provider: vouched.map(|vouched| vouched.provider) },
        )
        .await?;
    Ok((id, handle))
}

/// How long a session lasts: as the configuration says, or shorter where the tenant wants it so.
fn life(app: &App, policy: &LoginPolicy) -> std::time::Duration {
    let most = app.config.login.session;
    policy.session_hours.map_or(most, |hours| most.min(std::time::Duration::from_secs(3600 * u64::from(hours))))
}

/// Ends a session: logout, or another login in the same browser.
pub(super) async fn end(tx: &mut TenantTx, recorder: &Recorder, session: &Session) -> Result<(), StoreError> {
    if sessions::end(tx, session.id, recorder.clock.now()).await? {
        let logout = Event::Logout { person: session.person, session: session.id };
        recorder.record(tx, &logout).await?;
    }
    Ok(())
}

/// Ends sessions, as an administrator: at each tenant all of them, or those of one person; everywhere or nowhere, each with
/// its audit event. Says how many. They are looked up in the database at each use, so none is accepted after the commit.
///
/// # Errors
/// Nothing was changed.
pub async fn end_many(
    store: &Store,
    recorder: &Recorder,
    of: &[(TenantId, Option<PersonId>)],
) -> Result<u64, StoreError> {
    let mut ended = 0;
    let mut tx = store.platform_tx().await?;
    for (tenant, person) in of {
        let mut inside = tx.enter(*tenant).await?;
        let sessions = sessions::end_many(&mut inside, *person, recorder.clock.now()).await?;
        ended += sessions.len() as u64;
        let events = sessions.into_iter().map(|(session, person)| Event::SessionEnded { person, session });
        recorder.record_many(&mut inside, events).await?;
        tx = inside.leave().await?;
    }
    tx.commit().await?;
    Ok(ended)
}

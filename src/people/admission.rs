//! From a first factor to a session, or to the page for a second one.

use time::Duration;

use super::{
    Session, errand,
    second::{Owed, owed},
    session::{self, Proof},
};
use crate::{
    app::App,
    audit::Recorder,
    ids::InteractionId,
    secret::{Handle, HandleKind},
    store::{
        StoreError, TenantTx,
        people::PersonRow,
        second::{self as rows, NewStep},
    },
    tenants::Tenant,
};

/// How long a second factor may take.
const LIFE: Duration = Duration::minutes(10);

/// Somebody whose first factor was right.
pub(super) struct Arrival<'a> {
    /// Who. The row is locked.
    pub(super) person: &'a PersonRow,
    pub(super) proof: Proof,
    /// The session that this browser has already: it ends when the new one begins.
    pub(super) previous: Option<Session>,
    /// The authorization request that waits for this login.
    pub(super) errand: Option<InteractionId>,
}

/// Where they are now.
pub(super) enum Admitted {
    /// The handle of the new session, for the cookie.
    In(Handle),
    /// The handle of a login that waits for the second factor, for another one.
    Step(Handle),
}

/// Begins the session, or writes down that a second factor is due.
pub(super) async fn admit(
    (app, tenant): (&App, &Tenant),
    tx: &mut TenantTx,
    recorder: &Recorder,
    arrival: Arrival<'_>,
) -> Result<Admitted, StoreError> {
    let Arrival { person, proof, previous, errand } = arrival;
    let held = rows::held(tx, person.id).await?;
    let given = proof.vouched.iter().flat_map(|vouched| &vouched.roles);
    let roles: Vec<String> = person.roles.iter().chain(given).cloned().collect();
    if owed(&tenant.settings.login, &roles, &held, proof.is_multi) != Owed::Nothing {
        return step(app, tx, person, &proof).await.map(Admitted::Step);
    }
    if let Some(previous) = previous {
        session::end(tx, recorder, &previous).await?;
    }
    let policy = &tenant.settings.login;
    let (session, handle) = session::begin((app, policy), tx, recorder, person.id, proof).await?;
    if let Some(errand) = errand {
        errand::attach(tx, errand, session).await?;
    }
    Ok(Admitted::In(handle))
}

async fn step(app: &App, tx: &mut TenantTx, person: &PersonRow, proof: &Proof) -> Result<Handle, StoreError> {
    let handle = Handle::generate(HandleKind::LoginStep, &app.entropy)?;
    let now = app.clock.now();
    let new = NewStep {
        handle: &app.keyring.store(tx.tenant(), &handle),
        person: person.id,
        amr: &proof.amr,
        vouched: proof.vouched.as_ref(),
        expires_at: now + LIFE,
    };
    rows::begin(tx, &new, now).await?;
    Ok(handle)
}

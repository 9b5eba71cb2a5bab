//! What a person decides, and what follows from it: consent, grant, family, code, in one transaction.

use time::OffsetDateTime;

use super::interaction::Interaction;
use crate::{
    app::App,
    audit::{Event, Recorder},
    clients::{
        Client,
        redirect::{RedirectKind, RedirectUri},
    },
    http::visit::Visit,
    ids::{FamilyId, GrantId, PersonId},
    policy::ScopeSet,
    secret::{Handle, HandleKind},
    store::{
        self, StoreError, TenantTx,
        grants::{self, ConsentKey, ConsentRow, NewFamily},
        handles::{self, CodeRow},
    },
};

/// What is known of earlier consents of this person to this client on this server.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// All that is asked for was allowed before, to the same client as it was then.
    pub(super) covers: bool,
    /// Until when that holds without asking again: as long as the page said.
    pub(super) until: Option<OffsetDateTime>,
    /// What differs from the last consent, each a whole sentence.
    pub(super) changed: Vec<String>,
}

/// Compares the request with what the person allowed before.
pub(super) async fn earlier(visit: &Visit, interaction: &Interaction, person: PersonId) -> Result<Earlier, StoreError> {
    let redirect_key = interaction.redirect.redirect_key();
    let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
    let key = ConsentKey {
        person,
        client: &interaction.client.id,
        server: interaction.server.id,
        redirect_key: &redirect_key,
    };
    if let Some(consent) = in_force(&mut tx, interaction, key).await? {
        let until = Some(consent.given_at + visit.app.config.tokens.family);
        return Ok(Earlier { covers: covers(&consent, interaction), until, changed: Vec::new() });
    }
    let Some(last) = grants::last_consent(&mut tx, key).await? else { return Ok(Earlier::default()) };
    Ok(Earlier { covers: false, until: None, changed: changes(&last, &interaction.client) })
}

impl Earlier {
    /// For a device, which always asks: only what differs from the last consent, whatever that was given for.
    pub(super) fn of_device(last: Option<&ConsentRow>, client: &Client) -> Self {
        let changed = last.map(|last| changes(last, client)).unwrap_or_default();
        Self { covers: false, until: None, changed }
    }
}

/// The consent in force, if it was given to the client as it is now.
async fn in_force(
    tx: &mut TenantTx,
    interaction: &Interaction,
    key: ConsentKey<'_>,
) -> Result<Option<ConsentRow>, StoreError> {
    let digest = interaction.client.metadata.display_digest();
    Ok(grants::consent(tx, key).await?.filter(|consent| consent.display_digest == digest))
}

/// Whether all that is asked for was allowed.
fn covers(consent: &ConsentRow, interaction: &Interaction) -> bool {
    interaction.row.scopes.iter().all(|scope| consent.scopes.contains(scope))
}

fn changes(last: &ConsentRow, client: &Client) -> Vec<String> {
    let metadata = &client.metadata;
    let mut changed = Vec::new();
    if last.client_name != client.name() {
        changed.push(format!(
            "When you allowed it before, it called itself \u{201c}{}\u{201d}.",
            crate::http::pages::display_text(&last.client_name, 80)
        ));
    }
    let now: std::collections::BTreeSet<&str> = metadata.redirect_uris.iter().map(RedirectUri::as_str).collect();
    let then: std::collections::BTreeSet<&str> = last.redirect_uris.iter().map(String::as_str).collect();
    if now != then {
        changed.push("The addresses it can send you back to have changed since you allowed it.".to_owned());
    }
    if changed.is_empty() && last.display_digest != metadata.display_digest() {
        changed.push("What it says about itself has changed since you allowed it.".to_owned());
    }
    changed
}

/// Whether the page may be skipped, and until when: all was allowed before, not longer ago than the page said that it would
/// last, and the client has proved itself. Loopback and custom-scheme clients never have: any program on the computer
/// could be the one that asks.
pub(super) fn may_skip(interaction: &Interaction, earlier: &Earlier, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let redirect = &interaction.redirect;
    let proved = interaction.client.is_confidential() || redirect.kind() == RedirectKind::Web;
    let skips = earlier.covers && proved && !redirect.is_this_computer() && !interaction.wants_consent();
    earlier.until.filter(|until| skips && *until > now)
}

/// How the person's approval came about.
pub(super) struct Approval<'a> {
    pub(super) person: PersonId,
    /// When they logged in.
    pub(super) auth_time: OffsetDateTime,
    pub(super) scopes: &'a ScopeSet,
    /// The page was skipped: on an earlier consent, which ends then.
    pub(super) earlier_until: Option<OffsetDateTime>,
}

/// Approves: writes everything down and makes a code. `None`: the interaction was decided before, or the consent that stands
/// for a click was taken back meanwhile.
pub(super) async fn approve(
    visit: &Visit,
    interaction: &Interaction,
    approval: &Approval<'_>,
) -> Result<Option<Handle>, StoreError> {
    let (app, tenant, recorder) = (&visit.app, &visit.tenant, visit.recorder());
    let now = app.clock.now();
    let (person, client, server) = (approval.person, &interaction.client, interaction.server.id);
    let scopes: Vec<String> = approval.scopes.iter().map(ToString::to_string).collect();
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    if !store::interactions::decide(&mut tx, interaction.id(), now).await? {
        return Ok(None);
    }
    // The grant before the consent: whoever takes a grant back locks them in this order, too.
    let fresh = GrantId::new(&app.clock, &app.entropy)?;
    let grant = grants::widen(&mut tx, fresh, person, &client.id, server, &scopes, now).await?;
    let redirect_key = interaction.redirect.redirect_key();
    let key = ConsentKey { person, client: &client.id, server, redirect_key: &redirect_key };
    if approval.earlier_until.is_none() {
        let consent = ConsentRow {
            scopes: scopes.clone(),
            display_digest: client.metadata.display_digest().to_vec(),
            client_name: client.name().to_owned(),
            redirect_uris: client.metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            given_at: now,
        };
        grants::put_consent(&mut tx, key, &consent).await?;
    } else if !in_force(&mut tx, interaction, key).await?.is_some_and(|consent| covers(&consent, interaction)) {
        // Taken back since it was looked at. While this transaction holds the grant it cannot be.
        return Ok(None);
    }
    let given = Event::ConsentGiven {
        person,
        client: client.id.clone(),
        server,
        scopes: scopes.clone(),
        grant: grant.id,
        skipped_page: approval.earlier_until.is_some(),
    };
    recorder.record(&mut tx, &given).await?;
    let ends = approval.earlier_until.unwrap_or(now + app.config.tokens.family);
    let family = Promise { grant: grant.id, scopes, auth_time: approval.auth_time, ends };
    let code = issue_code(app, &recorder, &mut tx, interaction, family).await?;
    tx.commit().await?;
    Ok(Some(code))
}

/// What a code stands for.
struct Promise {
    grant: GrantId,
    scopes: Vec<String>,
    auth_time: OffsetDateTime,
    /// When its family ends.
    ends: OffsetDateTime,
}

async fn issue_code(
    app: &App,
    recorder: &Recorder,
    tx: &mut TenantTx,
    interaction: &Interaction,
    promise: Promise,
) -> Result<Handle, StoreError> {
    let Promise { grant, scopes, auth_time, ends } = promise;
    let now = app.clock.now();
    let family = FamilyId::new(&app.clock, &app.entropy)?;
    let new = NewFamily {
        id: family,
        grant,
        redirect_uri: Some(&interaction.row.redirect_uri),
        auth_time: Some(auth_time),
        expires_at: ends,
    };
    grants::insert_family(tx, new, now).await?;
    let code = Handle::generate(HandleKind::Code, &app.entropy)?;
    let row = CodeRow {
        hash: Vec::new(),
        family,
        redirect_uri: interaction.row.redirect_uri.clone(),
        scopes: scopes.clone(),
        code_challenge: interaction.row.code_challenge.clone(),
        failures: 0,
        expires_at: now + app.config.tokens.code,
        consumed_at: None,
    };
    handles::insert_code(tx, &app.keyring.store(tx.tenant(), &code), &row, now).await?;
    recorder.record(tx, &Event::CodeIssued { family, grant, scopes }).await?;
    Ok(code)
}

/// Denies. False: the interaction was decided before.
pub(super) async fn deny(visit: &Visit, interaction: &Interaction, denied: &Event) -> Result<bool, StoreError> {
    let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
    let first = store::interactions::decide(&mut tx, interaction.id(), visit.app.clock.now()).await?;
    if first {
        visit.recorder().record(&mut tx, denied).await?;
    }
    tx.commit().await?;
    Ok(first)
}

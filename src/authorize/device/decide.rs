//! What a person decides for a device: consent, grant and family, in one transaction. The device comes for its tokens.

use super::{super::consent::Earlier, find::Asking};
use crate::{
    audit::{self, Event},
    clients::metadata,
    http::visit::Visit,
    ids::{FamilyId, GrantId, PersonId},
    people::Session,
    policy::ScopeSet,
    store::{
        StoreError, devices,
        grants::{self, ConsentKey, ConsentRow, NewFamily},
    },
};

/// What stands for the redirect URI in a consent: there is none. No redirect URI begins so.
const NO_REDIRECT: &str = metadata::DEVICE_CODE;

fn key(asking: &Asking, person: PersonId) -> ConsentKey<'_> {
    ConsentKey { person, client: &asking.client.id, server: asking.server.id, redirect_key: NO_REDIRECT }
}

/// What has changed since the person last allowed this client anything on this server. The page is never skipped.
pub(super) async fn earlier(visit: &Visit, asking: &Asking, person: PersonId) -> Result<Earlier, StoreError> {
    let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
    let last = grants::last_consent(&mut tx, key(asking, person)).await?;
    tx.commit().await?;
    Ok(Earlier::of_device(last.as_ref(), &asking.client))
}

/// Approves. False: somebody decided before, or it is over.
pub(super) async fn approve(
    visit: &Visit,
    asking: &Asking,
    session: &Session,
    scopes: &ScopeSet,
) -> Result<bool, StoreError> {
    let person = session.person;
    let (app, recorder) = (&visit.app, visit.recorder());
    let (client, server, now) = (&asking.client, asking.server.id, app.clock.now());
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
    if !devices::decide(&mut tx, asking.row.id, person, now).await? {
        return Ok(false);
    }
    // The grant before the consent: whoever takes a grant back locks them in this order, too.
    let fresh = GrantId::new(&app.clock, &app.entropy)?;
    let grant = grants::widen(&mut tx, fresh, person, &client.id, server, &scopes, now).await?.id;
    let consent = ConsentRow {
        scopes: scopes.clone(),
        display_digest: client.metadata.display_digest().to_vec(),
        client_name: client.name().to_owned(),
        redirect_uris: client.metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        given_at: now,
    };
    grants::put_consent(&mut tx, key(asking, person), &consent).await?;
    let given = Event::ConsentGiven {
        person,
        client: client.id.clone(),
        server,
        scopes: scopes.clone(),
        grant,
        skipped_page: false,
    };
    recorder.record(&mut tx, &given).await?;
    let family = FamilyId::new(&app.clock, &app.entropy)?;
    let new = NewFamily {
        id: family,
        grant,
        redirect_uri: None,
        auth_time: Some(session.auth_time),
        expires_at: now + app.config.tokens.family,
    };
    grants::insert_family(&mut tx, new, now).await?;
    devices::approve(&mut tx, asking.row.id, family, &scopes).await?;
    let source = audit::source(&app.keyring, visit.tenant.id, visit.address);
    let approved = Event::DeviceApproved { device: asking.row.id, person, grant, family, source };
    recorder.record(&mut tx, &approved).await?;
    tx.commit().await?;
    Ok(true)
}

/// Denies. False: somebody decided before, or it is over.
pub(super) async fn deny(visit: &Visit, asking: &Asking, person: PersonId) -> Result<bool, StoreError> {
    let app = &visit.app;
    let mut tx = app.store.tenant_tx(visit.tenant.id).await?;
    if !devices::decide(&mut tx, asking.row.id, person, app.clock.now()).await? {
        return Ok(false);
    }
    let (client, server) = (asking.client.id.clone(), asking.server.id);
    let source = audit::source(&app.keyring, visit.tenant.id, visit.address);
    let denied = Event::DeviceDenied { device: asking.row.id, person, client, server, source };
    visit.recorder().record(&mut tx, &denied).await?;
    tx.commit().await?;
    Ok(true)
}

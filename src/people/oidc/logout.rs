//! Back-channel logout: a provider says that somebody is logged out there (OpenID Connect Back-Channel Logout §2).

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::{OnLogout, Provider, Refusal, exchange, metadata};
use crate::{
    app::App,
    audit::{Event, Recorder},
    clients::jws::Jws,
    cluster::{self, Ticket},
    ids::PersonId,
    store::{StoreError, TenantTx, grants::many::Selection, people, providers, sessions},
    tenants::Tenant,
    token::{kill_switch, revoke::Reason},
};

/// The event that a logout token is about (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds since a token was made.
const MAX_AGE: i64 = 300;
/// Seconds that clocks may differ by.
const LEEWAY: i64 = 60;
/// For so long a token that was used is known: longer than any is taken.
const KEPT: Duration = Duration::HOUR;
/// The longest `sid` and `jti`, in bytes.
const MAX_ID: usize = 255;

/// Whom a logout token means.
#[derive(Debug, PartialEq, Eq)]
struct Meant {
    subject: Option<String>,
    sid: Option<String>,
    jti: String,
}

/// Ends what a logout token says is over. The ticket is to be settled before the provider is told.
///
/// # Errors
/// The token is not good, or a fault of ours.
pub(in crate::people) async fn log_out(
    (app, tenant): (&App, &Tenant),
    recorder: &Recorder,
    provider: &Provider,
    token: &str,
) -> Result<Ticket, Refusal> {
    let meant = verify(app, tenant, provider, token).await?;
    let now = app.clock.now();
    let mut tx = app.store.tenant_tx(tenant.id).await?;
    let hash = digest(&SHA256, meant.jti.as_bytes());
    if !providers::use_logout_token(&mut tx, provider.row.id, hash.as_ref(), now + KEPT).await? {
        // It was done before, perhaps by somebody who has not settled it.
        let ticket = cluster::taken(&mut tx).await?;
        tx.commit().await?;
        return Ok(ticket);
    }
    let ticket = end(&mut tx, recorder, provider, &meant, now).await?;
    tx.commit().await?;
    Ok(ticket)
}

async fn end(
    tx: &mut TenantTx,
    recorder: &Recorder,
    provider: &Provider,
    meant: &Meant,
    now: OffsetDateTime,
) -> Result<Ticket, StoreError> {
    let id = provider.row.id;
    let known = match &meant.subject {
        Some(subject) => providers::known(tx, id, subject).await?,
        None => None,
    };
    if meant.subject.is_some() && known.is_none() {
        // Nobody here: there is nothing to end.
        return cluster::taken(tx).await;
    }
    let of = sessions::OfProvider { provider: id, sid: meant.sid.as_deref(), person: known };
    let person = match known {
        Some(person) => Some(person),
        None => sessions::person_of_sid(tx, &of).await?,
    };
    let Some(person) = person else { return cluster::taken(tx).await };
    // Whoever begins a session of this person at the same time does so before or after this.
    people::lock(tx, person).await?;
    let ended = sessions::end_of_provider(tx, &of, now).await?;
    let sessions = ended.len() as u64;
    recorder.record_many(tx, ended.into_iter().map(|session| Event::SessionEnded { person, session })).await?;
    let (grants, ticket) = match provider.settings.logout {
        OnLogout::Grants => revoke(tx, recorder, person).await?,
        OnLogout::Sessions => (0, cluster::taken(tx).await?),
    };
    let event = Event::ProviderLoggedOut { provider: id, person, sessions, grants };
    recorder.record(tx, &event).await?;
    Ok(ticket)
}

async fn revoke(tx: &mut TenantTx, recorder: &Recorder, person: PersonId) -> Result<(u64, Ticket), StoreError> {
    let of = Selection { person: Some(person), ..Selection::default() };
    kill_switch::revoke_within(tx, recorder, &of, Reason::ProviderLogout).await
}

/// Whom a token means, once it is known to be the provider's and of now (§2.6).
async fn verify(app: &App, tenant: &Tenant, provider: &Provider, token: &str) -> Result<Meant, Refusal> {
    let jws = Jws::read_up_to(token, exchange::MAX_TOKEN).map_err(|_| Refusal::Token("its form or algorithm"))?;
    let is_typ = |typ: &String| ["logout+jwt", "application/logout+jwt", "jwt"].contains(&&*typ.to_lowercase());
    if !provider.takes(jws.algorithm) || !jws.typ.as_ref().is_none_or(is_typ) {
        return Err(Refusal::Token("its algorithm or type"));
    }
    let kept = metadata::of(app, tenant.id, provider).await?;
    let keys = exchange::keys(app, tenant, provider, (&jws, &kept.0)).await?;
    if !keys.candidates(jws.algorithm, jws.kid.as_deref()).any(|key| jws.is_signed_by(&key)) {
        return Err(Refusal::Token("its signature"));
    }
    let claims: Map<String, Value> = jws.claims().map_err(|_| Refusal::Token("its claims"))?;
    meant(&claims, (&provider.row.issuer, &provider.row.client_id), app.clock.unix()).map_err(Refusal::Token)
}

/// What the claims of a logout token say (§2.4). Pure.
fn meant(claims: &Map<String, Value>, (issuer, client): (&str, &str), now: i64) -> Result<Meant, &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(Value::as_f64);
    if text("iss") != Some(issuer) {
        return Err("its issuer");
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(client)),
        _ => false,
    };
    if !is_for_us {
        return Err("its audience");
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact in it")]
    let age = |at: f64| now as f64 - at;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (oldest, early) = (MAX_AGE as f64, -(LEEWAY as f64));
    if !number("iat").is_some_and(|at| (early..=oldest).contains(&age(at))) {
        return Err("its time");
    }
    // Not every provider sends one yet; where there is one, it counts.
    if claims.contains_key("exp") && !number("exp").is_some_and(|at| age(at) < -early) {
        return Err("its end");
    }
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err("it is about no logout");
    }
    // An ID token in the wrong place.
    if claims.contains_key("nonce") {
        return Err("it has a nonce");
    }
    let id = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(id)) if (1..=MAX_ID).contains(&id.len()) => Ok(Some(id.clone())),
        Some(_) => Err("an id in it"),
    };
    let (subject, sid) = (id("sub")?, id("sid")?);
    if subject.is_none() && sid.is_none() {
        return Err("it means nobody");
    }
    Ok(Meant { subject, sid, jti: id("jti")?.ok_or("it has no id")? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn read(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Meant, &'static str> {
        let mut claims = json!({
            "iss": "https://idp.example", "aud": ["other", "us"], "iat": NOW - 10, "exp": NOW + 100, "jti": "j",
            "events": { EVENT: {} }, "sub": "s", "sid": "1",
        });
        change(claims.as_object_mut().unwrap());
        meant(claims.as_object().unwrap(), ("https://idp.example", "us"), NOW)
    }

    fn with(name: &'static str, value: Value) -> impl FnOnce(&mut Map<String, Value>) {
        move |claims| {
            claims.insert(name.to_owned(), value);
        }
    }

    #[test]
    fn a_good_token_says_whom_it_means() {
        let good = Meant { subject: Some("s".into()), sid: Some("1".into()), jti: "j".into() };
        assert_eq!(read(|_| {}), Ok(good));
        for left_out in ["exp", "sub", "sid"] {
            assert!(read(|claims| drop(claims.remove(left_out))).is_ok(), "{left_out}");
        }
        assert!(read(with("aud", json!("us"))).is_ok());
        assert!(read(with("iat", json!(NOW + 30))).is_ok());
    }

    #[test]
    fn what_is_not_one_is_refused() {
        for name in ["iss", "aud", "iat", "jti", "events"] {
            assert!(read(|claims| drop(claims.remove(name))).is_err(), "{name}");
        }
        for (name, value) in [
            ("iss", json!("https://idp.example/")),
            ("aud", json!("other")),
            ("aud", json!(["other"])),
            ("iat", json!(NOW - 301)),
            ("iat", json!(NOW + 61)),
            ("iat", json!("now")),
            ("exp", json!(NOW - 61)),
            ("exp", json!(null)),
            ("events", json!({})),
            ("events", json!({ EVENT: true })),
            ("events", json!([EVENT])),
            ("nonce", json!("n")),
            ("jti", json!("")),
            ("jti", json!("x".repeat(256))),
            ("sub", json!(7)),
        ] {
            assert!(read(with(name, value.clone())).is_err(), "{name}: {value}");
        }
        let nobody = read(|claims| claims.retain(|name, _| !["sub", "sid"].contains(&name.as_str())));
        assert_eq!(nobody, Err("it means nobody"));
    }
}

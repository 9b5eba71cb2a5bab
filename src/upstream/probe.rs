//! Asks a server what it offers, so that an administrator can accept a catalogue.
//!
//! The probe goes the way of every call: parsed, decided, swapped, forwarded. Only its subject, [`SUBJECT`], is
//! Sallyport itself, with nothing but the scope that reads. An upstream can say anything; what it says is a proposal.

mod answer;
mod conversation;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Caller, ForwardError, Upstreams};
use crate::{
    clock::Clock,
    cluster::Verified,
    http::pages::display_text,
    ids::{AccessTokenId, BadName, ClientId, FamilyId, GrantId},
    mcp::Era,
    policy::{Denial, ItemKind},
    tenants::{EraSetting, Server, Tenant},
};
use conversation::Conversation;

/// `sub` of the JWT of a probe. No person and no client has it.
pub const SUBJECT: &str = "system:probe";
/// Its `client_id`. No client that registers itself has it.
const CLIENT: &str = "sallyport-probe";
/// How long a whole probe may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most items of one kind that are taken.
const MAX_ITEMS: usize = 2_000;
/// The longest name that is taken, in bytes.
const MAX_NAME: usize = 512;

/// How much of a description is kept, in characters.
const MAX_DESCRIPTION: usize = 300;

/// What a server says that it offers.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer {
    /// The era in which it answered.
    pub era: Era,
    /// By kind, in its own order.
    pub items: Vec<Offered>,
    /// How many items had no name that could be used.
    pub left_out: usize,
}

/// One tool, prompt or resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Offered {
    /// What it is.
    pub kind: ItemKind,
    /// Its name, URI or URI template. No control characters.
    pub name: String,
    /// Whether the server says that it changes nothing. Reading a prompt or a resource never does, by the protocol.
    pub read_only: bool,
    /// What the server says that it is for, cut and freed of invisible characters. It says what it likes.
    pub description: String,
}

/// Why nothing is known of what a server offers.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It gave no usable answer.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// It answered with a status or an error.
    #[error("the upstream answered {0}")]
    Refused(String),
    /// Its answer is no answer.
    #[error("the upstream's answer cannot be read: {0}")]
    Unreadable(&'static str),
    /// It took too long.
    #[error("the upstream did not answer within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// Policy does not let anybody list, so not the probe either.
    #[error("the server's policy does not let anybody ask: {0}")]
    Denied(#[from] Denial),
    /// A question of ours that our own parser refuses.
    #[error("the question is not one that the gateway lets through")]
    Question,
    /// The probe's own name is none.
    #[error(transparent)]
    Name(#[from] BadName),
}

/// Asks `server` what it offers.
///
/// The upstream checks the JWT with the tenant's key set, so it must be able to reach a Sallyport that serves.
///
/// # Errors
/// [`ProbeError`]; nothing was changed anywhere.
pub async fn probe(
    upstreams: &Upstreams,
    tenant: &Tenant,
    server: &Server,
    clock: &Clock,
) -> Result<Offer, ProbeError> {
    let verified = ourselves(tenant, server, clock)?;
    let caller = Caller { tenant, server, verified: &verified, still: None };
    tokio::time::timeout(PATIENCE, ask(upstreams, caller)).await.map_err(|_| ProbeError::TooSlow)?
}

fn ourselves(tenant: &Tenant, server: &Server, clock: &Clock) -> Result<Verified, ProbeError> {
    let nobody = uuid::Uuid::nil();
    Ok(Verified {
        tenant: tenant.id,
        token: AccessTokenId(nobody),
        audit_handle: String::new(),
        hash: [0; 32],
        family: FamilyId(nobody),
        grant: GrantId(nobody),
        grant_version: 0,
        subject: SUBJECT.to_owned(),
        recorded_subject: SUBJECT.to_owned(),
        person: None,
        client: ClientId::parse(CLIENT)?,
        server: server.id,
        scopes: server.policy.read_scope().clone().into(),
        auth_time: None,
        expires_at: clock.now() + 2 * PATIENCE,
    })
}

async fn ask(upstreams: &Upstreams, caller: Caller<'_>) -> Result<Offer, ProbeError> {
    match caller.server.era {
        EraSetting::Modern => modern(upstreams, caller).await,
        EraSetting::Legacy => legacy(upstreams, caller).await,
        EraSetting::Auto => match modern(upstreams, caller).await {
            // It is there and lets us in, but does not speak so.
            Err(ProbeError::Refused(_) | ProbeError::Unreadable(_)) => legacy(upstreams, caller).await,
            result => result,
        },
    }
}

async fn modern(upstreams: &Upstreams, caller: Caller<'_>) -> Result<Offer, ProbeError> {
    let mut conversation = Conversation::modern(upstreams, caller);
    let about = conversation.request("server/discover", json!({})).await?;
    offer(&mut conversation, Era::Modern, &about).await
}

async fn legacy(upstreams: &Upstreams, caller: Caller<'_>) -> Result<Offer, ProbeError> {
    let mut conversation = Conversation::legacy(upstreams, caller);
    let about = conversation.initialize().await?;
    let offer = offer(&mut conversation, Era::Legacy, &about).await;
    conversation.end().await;
    offer
}

/// Which list, what its items are called there, and what they are.
const LISTS: [(&str, &str, &str, ItemKind); 4] = [
    ("tools", "tools/list", "name", ItemKind::Tool),
    ("prompts", "prompts/list", "name", ItemKind::Prompt),
    ("resources", "resources/list", "uri", ItemKind::Resource),
    ("resources", "resources/templates/list", "uriTemplate", ItemKind::Resource),
];

async fn offer(conversation: &mut Conversation<'_>, era: Era, about: &Value) -> Result<Offer, ProbeError> {
    let mut offer = Offer { era, items: Vec::new(), left_out: 0 };
    let has = |feature: &str| about.pointer(&format!("/capabilities/{feature}")).is_some_and(Value::is_object);
    for (_, method, member, kind) in LISTS.into_iter().filter(|(feature, ..)| has(feature)) {
        let list = match method {
            "resources/templates/list" => "resourceTemplates",
            _ => method.trim_end_matches("/list"),
        };
        let found = match conversation.pages(method, list).await {
            // Not every server with resources has templates.
            Err(ProbeError::Refused(_)) if method == "resources/templates/list" => Vec::new(),
            found => found?,
        };
        for item in found {
            match item.get(member).and_then(Value::as_str).filter(|name| is_name(name)) {
                Some(name) => offer.add(kind, name, &item),
                None => offer.left_out += 1,
            }
        }
    }
    Ok(offer)
}

impl Offer {
    fn add(&mut self, kind: ItemKind, name: &str, item: &Value) {
        let hint = item.pointer("/annotations/readOnlyHint").and_then(Value::as_bool).unwrap_or(false);
        let known = self.items.iter().any(|item| item.kind == kind && item.name == name);
        if !known {
            let read_only = kind != ItemKind::Tool || hint;
            let said = item.get("description").and_then(Value::as_str).unwrap_or_default();
            let description = display_text(said, MAX_DESCRIPTION);
            self.items.push(Offered { kind, name: name.to_owned(), read_only, description });
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control)
}

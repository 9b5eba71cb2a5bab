//! What administrators decide about clients: approval, suspension, removal.
//!
//! Each function changes rows and writes the audit event in the caller's transaction. Where it gives a ticket, the caller
//! commits, settles it, and only then says that it is done.

use time::OffsetDateTime;

use super::{
    client::{Client, Origin, Status},
    software::{self, Software},
};
use crate::{
    audit::{Event, Recorder},
    cluster::{self, Entry, Ticket},
    ids::ClientId,
    store::{self, StoreError, TenantTx, clients::standing as rows},
    token::revoke::{self, Reason},
};

/// Characters of a reason.
const REASON: usize = 300;

/// Why a client that is who it says may do nothing for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// Nobody has allowed it yet.
    #[error("this client waits for an administrator to allow it; keep the registration and try again later")]
    Pending,
    /// An administrator stopped it.
    #[error(
        "an administrator has suspended this client; keep the registration and the tokens: they work again when it is resumed"
    )]
    Suspended,
}

impl Barred {
    /// Whether a client that was not removed may go on.
    pub fn check(client: &Client) -> Result<(), Self> {
        match client.status {
            Status::Pending => Err(Self::Pending),
            Status::Disabled => Err(Self::Suspended),
            Status::Active | Status::Removed => Ok(()),
        }
    }

    /// The word in audit events.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending_client",
            Self::Suspended => "suspended_client",
        }
    }
}

/// A suspension, for people.
#[derive(Clone, Debug)]
pub struct Suspension {
    /// The administrator's words.
    pub reason: Option<String>,
    /// Since when. None where a file of `apply` did it.
    pub since: Option<OffsetDateTime>,
}

/// Whether an approval is for what registers later, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// For this client only.
    No,
    /// For the same software, if nobody else can receive its answers.
    Software,
    /// For whatever says that it is this software.
    WhateverSaysSo,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// It is gone.
    #[error("the client {0} was removed meanwhile")]
    Gone(ClientId),
    /// Nobody waits.
    #[error("the client {0} does not wait for an approval: it is {1} already")]
    NotPending(ClientId, &'static str),
    /// There is nothing to resume.
    #[error("the client {0} is not suspended")]
    NotSuspended(ClientId),
    /// To be approved, it must go on first.
    #[error("the client {0} is suspended: `sallyport client resume` lets it go on")]
    Suspended(ClientId),
    /// It comes from a file.
    #[error(
        "the client {0} was written down by an administrator: take it out of the file of `sallyport apply --prune`"
    )]
    Configured(ClientId),
    /// Its name proves nothing.
    #[error(
        "the answers of {0} go to a program on a person's own computer, so any program there can register as this software: \
         approve this client alone, or say --unproved as well to allow whatever calls itself so (each person is still asked)"
    )]
    Unproved(ClientId),
    /// The reason does not fit on a page.
    #[error("a reason is one line of {REASON} characters at most, and not empty")]
    Reason,
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Allows a client that waits; with `remember` every client of its software, now and later.
///
/// # Errors
/// Nothing was changed.
pub async fn approve(
    tx: &mut TenantTx,
    recorder: &Recorder,
    id: &ClientId,
    remember: Remember,
) -> Result<Vec<ClientId>, StandingError> {
    let remembered = remember != Remember::No;
    // Whoever registers meanwhile finds what is remembered, or is found.
    rows::take_turn(tx).await?;
    let client = held(tx, id).await?;
    match client.status {
        Status::Disabled => return Err(StandingError::Suspended(client.id)),
        status if status != Status::Pending && !remembered => {
            return Err(StandingError::NotPending(client.id, status.name()));
        }
        _ => {}
    }
    if client.origin == Origin::Configured {
        return Err(StandingError::NotPending(client.id, client.status.name()));
    }
    if remember == Remember::Software && !software::answers_go_to_it_only(&client.metadata) {
        return Err(StandingError::Unproved(client.id));
    }
    let mut approved = vec![client.id.clone()];
    if remembered {
        let software = Software::of(&client.metadata);
        rows::remember(tx, software, recorder.clock.now()).await?;
        let others = rows::pending(tx).await?.into_iter().filter(|other| Software::of(&other.metadata) == software);
        approved.extend(others.map(|other| other.id).filter(|other| *other != client.id));
    }
    rows::approve(tx, &approved).await?;
    let events = approved.iter().map(|client| Event::ClientApproved { client: client.clone(), remembered });
    recorder.record_many(tx, events).await?;
    Ok(approved)
}

/// Stops a client until it is resumed: nothing of it is accepted any more, and nothing of it ends. Its software is no
/// longer approved beforehand.
///
/// # Errors
/// Nothing was changed.
pub async fn suspend(
    tx: &mut TenantTx,
    recorder: &Recorder,
    id: &ClientId,
    reason: Option<&str>,
) -> Result<Ticket, StandingError> {
    if reason.is_some_and(|reason| reason.trim().is_empty() || bad_line(reason)) {
        return Err(StandingError::Reason);
    }
    rows::take_turn(tx).await?;
    let client = held(tx, id).await?;
    rows::forget(tx, Software::of(&client.metadata)).await?;
    let now = recorder.clock.now();
    if client.status == Status::Disabled {
        rows::suspend(tx, id, reason, now).await?;
        return Ok(cluster::taken(tx).await?);
    }
    rows::suspend(tx, id, reason, now).await?;
    recorder.record(tx, &Event::ClientSuspended { client: id.clone() }).await?;
    Ok(cluster::take(tx, &Entry::Client(id.clone()), now).await?)
}

/// Lets a suspended client go on as it was: with its tokens, or waiting.
///
/// # Errors
/// Nothing was changed.
pub async fn resume(tx: &mut TenantTx, recorder: &Recorder, id: &ClientId) -> Result<Status, StandingError> {
    let client = held(tx, id).await?;
    if client.status != Status::Disabled {
        return Err(StandingError::NotSuspended(client.id));
    }
    let status = rows::resume(tx, id).await?;
    recorder.record(tx, &Event::ClientResumed { client: id.clone() }).await?;
    Ok(status)
}

/// Removes a client that registered itself, and with it all that was granted to it. Its software is no longer approved
/// beforehand.
///
/// # Errors
/// Nothing was changed.
pub async fn remove(tx: &mut TenantTx, recorder: &Recorder, id: &ClientId) -> Result<Ticket, StandingError> {
    rows::take_turn(tx).await?;
    let mut client = held(tx, id).await?;
    if client.origin == Origin::Configured {
        return Err(StandingError::Configured(client.id));
    }
    rows::forget(tx, Software::of(&client.metadata)).await?;
    client.status = Status::Removed;
    store::clients::update(tx, &client).await?;
    recorder.record(tx, &Event::ClientRemoved { client: id.clone() }).await?;
    Ok(revoke::all_of_client(tx, recorder, id, Reason::ClientRemoved).await?)
}

async fn held(tx: &mut TenantTx, id: &ClientId) -> Result<Client, StandingError> {
    let client = store::clients::find_for_update(tx, id).await?;
    client.filter(|client| client.status != Status::Removed).ok_or_else(|| StandingError::Gone(id.clone()))
}

fn bad_line(text: &str) -> bool {
    text.chars().count() > REASON || text.chars().any(char::is_control)
}

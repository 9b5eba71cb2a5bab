//! Links by which people set a password themselves: when they are invited, and when they forgot it.
//!
//! A link is a handle in a URL, since that is what people can be sent. It can be used once, by whoever has it, until it expires, and says nothing
//! but who it is for. Looking at it uses nothing up: programs that scan mail do that. It begins no session.

use time::{Duration, OffsetDateTime};

use super::{PasswordHash, PersonError, Username, account::known};
use crate::{
    audit::{Event, Recorder},
    ids::LinkId,
    keys::Keyring,
    secret::{Handle, HandleKind},
    store::{
        StoreError, TenantTx, people,
        person_links::{self, LiveLink, NewLink},
        sessions,
    },
};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Somebody is asked to come.
    Invitation,
    /// Somebody forgot the password.
    Reset,
}

impl LinkPurpose {
    /// The word in rows and events.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }

    /// For how long it can be used.
    pub const fn life(self) -> Duration {
        match self {
            Self::Invitation => Duration::days(7),
            Self::Reset => Duration::HOUR,
        }
    }
}

/// A link that was made.
pub struct Link {
    /// What goes into the URL. It is shown once.
    pub handle: Handle,
    /// Until when it can be used.
    pub expires_at: OffsetDateTime,
}

/// Makes a link. Those that the person had before cannot be used any more.
///
/// # Errors
/// Nobody of that name may log in here; or a fault of ours.
pub async fn make(
    tx: &mut TenantTx,
    (recorder, keyring): (&Recorder, &Keyring),
    username: &Username,
    purpose: LinkPurpose,
) -> Result<Link, PersonError> {
    let person = known(tx, username).await?;
    if !person.is_active() {
        return Err(PersonError::Disabled(username.clone()));
    }
    let handle = Handle::generate(HandleKind::PersonLink, &recorder.entropy).map_err(StoreError::from)?;
    let id = LinkId::new(&recorder.clock, &recorder.entropy).map_err(StoreError::from)?;
    let now = recorder.clock.now();
    let expires_at = now + purpose.life();
    let stored = keyring.store(tx.tenant(), &handle);
    let new = NewLink { id, handle: &stored, person: person.id, purpose: purpose.word(), expires_at };
    let given_up = person_links::insert(tx, &new, now).await?;
    let made = Event::LinkMade { link: id, person: person.id, purpose: purpose.word(), until: expires_at, given_up };
    recorder.record(tx, &made).await?;
    Ok(Link { handle, expires_at })
}

/// The link that a handle opens.
///
/// # Errors
/// A fault of ours.
pub async fn find(
    tx: &mut TenantTx,
    keyring: &Keyring,
    handle: &Handle,
    now: OffsetDateTime,
) -> Result<Option<LiveLink>, StoreError> {
    person_links::live(tx, &keyring.lookup(tx.tenant(), handle), now).await
}

/// Uses a link up: the person has this password from now on, and whoever was logged in as that person is not any more. False: somebody used it
/// before, or it has ended meanwhile; nothing was changed.
///
/// # Errors
/// A fault of ours.
pub async fn use_up(
    tx: &mut TenantTx,
    recorder: &Recorder,
    link: &LiveLink,
    password: &PasswordHash,
) -> Result<bool, StoreError> {
    let now = recorder.clock.now();
    // Whoever shuts the person out at the same time does so before or after this.
    let is_active = people::lock(tx, link.person).await?.is_some_and(|person| person.is_active());
    if !is_active || !person_links::use_up(tx, link.id, now).await? {
        return Ok(false);
    }
    people::set_password_hash(tx, link.person, password.as_str()).await?;
    sessions::end_all(tx, link.person, now).await?;
    recorder.record(tx, &Event::LinkUsed { link: link.id, person: link.person }).await?;
    Ok(true)
}

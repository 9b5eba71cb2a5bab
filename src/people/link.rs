//! Links by which people set a password themselves: when they are invited, and when they forgot it.
//!
//! A link is a handle in a URL, since that is what people can be sent. It can be used once, by whoever has it, until it expires, and says nothing
//! but who it is for. Looking at it uses nothing up: programs that scan mail do that. It begins no session.

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{NewPerson, PasswordHash, PersonError, Username, account::known, create};
use crate::{
    audit::{Event, Recorder},
    config::PublicUrl,
    ids::{LinkId, PersonId, Slug},
    keys::Keyring,
    secret::{Handle, HandleKind},
    store::{
        StoreError, TenantTx, people,
        person_links::{self, LiveLink, NewLink},
        sessions,
    },
};

/// The longest name on pages, in characters.
const NAME: usize = 100;

/// A text that cannot be a name on pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is one line of {NAME} characters at most")]
pub struct BadDisplayName;

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

    /// What somebody needs who has a password, or none.
    pub const fn of(has_password: bool) -> Self {
        if has_password { Self::Reset } else { Self::Invitation }
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

impl Link {
    /// The address to pass on.
    pub fn address(&self, public_url: &PublicUrl, tenant: &Slug) -> Zeroizing<String> {
        Zeroizing::new(format!("{}/t/{tenant}/link?link={}", public_url.as_str(), self.handle.expose()))
    }
}

/// Reads a name for pages. White space around it does not count; nothing is none.
///
/// # Errors
/// It is too long, or more than a line.
pub fn display_name(text: &str) -> Result<Option<String>, BadDisplayName> {
    let text = text.trim();
    if text.chars().count() > NAME || text.chars().any(char::is_control) {
        return Err(BadDisplayName);
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Makes a person without a password, and the link by which they choose one.
///
/// # Errors
/// Nobody was made: roll the transaction back.
pub async fn invite(
    tx: &mut TenantTx,
    tools: (&Recorder, &Keyring),
    username: &Username,
    display_name: Option<String>,
) -> Result<(PersonId, Link), PersonError> {
    let new = NewPerson { username: username.clone(), display_name, password: None };
    let person = create(tx, tools.0, new).await?;
    Ok((person, make(tx, tools, username, LinkPurpose::Invitation).await?))
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

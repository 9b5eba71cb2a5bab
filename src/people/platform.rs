//! Administrators of the platform: people of a hidden tenant, which is made when the first of them is.

use super::{NewPerson, PasswordHash, PersonError, Username, create, link, roles};
use crate::{
    access::Role,
    audit::{PlatformEvent, Recorder},
    ids::{PersonId, Slug, TenantId},
    keys::{Keyring, SigningAlg, SigningError, SigningKey},
    people::roles::RolesError,
    store::{
        self, PlatformTx, StoreError, TenantTx,
        tenants::{self, TenantRow},
    },
    tenants::{DeviceFlow, MetadataDocuments, RegistrationRule, Settings},
};

/// Its name in addresses, unless a tenant has that already: then `platform-2`, and so on.
const SLUG: &str = "platform";
/// Names that are tried.
const NAMES: u8 = 20;

/// Why an administrator could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// Somebody has that name already, maybe in other case.
    #[error("there is an administrator \"{0}\" already; choose another name")]
    UsernameTaken(Username),
    /// All names for it are taken.
    #[error(
        "there is no free name for the tenant of the platform's administrators: rename one of platform, platform-2, …"
    )]
    NoName,
    /// A key could not be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The tenant of the platform's administrators.
pub struct Place {
    /// Its id.
    pub id: TenantId,
    /// Its name in addresses.
    pub slug: Slug,
}

/// The tenant of the platform's administrators, which is made if there is none, and a transaction in it.
///
/// # Errors
/// Nothing was made: roll the transaction back.
pub async fn place(
    mut tx: PlatformTx,
    (recorder, keyring): (&Recorder, &Keyring),
) -> Result<(TenantTx, Place), AdministratorError> {
    // Of two who begin at once, one makes it.
    store::apply::lock(&mut tx).await?;
    let rows = store::apply::tenants(&mut tx).await?;
    if let Some(row) = rows.iter().find(|row| row.platform) {
        let place = Place { id: row.id, slug: Slug::parse(&row.slug).map_err(StoreError::corrupt)? };
        return Ok((tx.enter(place.id).await?, place));
    }
    let names = (1..NAMES).map(|n| if n == 1 { SLUG.to_owned() } else { format!("{SLUG}-{n}") });
    let mut free = names.filter(|name| rows.iter().all(|row| row.slug != *name));
    let slug = free.next().ok_or(AdministratorError::NoName)?;
    let slug = Slug::parse(&slug).map_err(StoreError::corrupt)?;
    let row = TenantRow {
        id: TenantId::new(&recorder.clock, &recorder.entropy).map_err(StoreError::from)?,
        slug: slug.to_string(),
        name: "Sallyport".to_owned(),
        settings: serde_json::to_value(settings()).map_err(StoreError::corrupt)?,
        status: "active".to_owned(),
        platform: true,
    };
    tenants::insert_tenant(&mut tx, &row, recorder.clock.now()).await?;
    let created = PlatformEvent::TenantCreated { tenant: row.id, slug: row.slug };
    recorder.record_platform(&mut tx, &created).await?;
    let mut tx = tx.enter(row.id).await?;
    for alg in [SigningAlg::EdDSA, SigningAlg::ES256] {
        let (key, public) = SigningKey::generate(alg, row.id, keyring, &recorder.entropy)?;
        store::keys::insert_signing_key(&mut tx, &key, &public, recorder.clock.now()).await?;
    }
    Ok((tx, Place { id: row.id, slug }))
}

/// Nothing of OAuth is on there.
fn settings() -> Settings {
    Settings {
        registration: RegistrationRule::Off,
        metadata_documents: MetadataDocuments::Off,
        device_flow: DeviceFlow::OFF,
        ..Settings::default()
    }
}

/// Makes an administrator with a password, and says so in the platform's log.
///
/// # Errors
/// Nothing was made: roll the transaction back.
pub async fn create_administrator(
    mut tx: TenantTx,
    recorder: &Recorder,
    username: Username,
    password: PasswordHash,
) -> Result<PlatformTx, AdministratorError> {
    let new = NewPerson { username, display_name: None, password: Some(password) };
    let person = create(&mut tx, recorder, new).await.map_err(refused)?;
    appointed(tx, recorder, person).await
}

/// Makes an administrator without a password, and the link by which they choose one.
///
/// # Errors
/// Nothing was made: roll the transaction back.
pub async fn invite_administrator(
    mut tx: TenantTx,
    tools: (&Recorder, &Keyring),
    username: &Username,
) -> Result<(PlatformTx, link::Link), AdministratorError> {
    let (person, link) = link::invite(&mut tx, tools, username, None).await.map_err(refused)?;
    Ok((appointed(tx, tools.0, person).await?, link))
}

fn refused(error: PersonError) -> AdministratorError {
    match error {
        PersonError::UsernameTaken(username) => AdministratorError::UsernameTaken(username),
        PersonError::Store(error) => AdministratorError::Store(error),
        other => AdministratorError::Store(StoreError::corrupt(other)),
    }
}

async fn appointed(mut tx: TenantTx, recorder: &Recorder, person: PersonId) -> Result<PlatformTx, AdministratorError> {
    make_administrator(&mut tx, recorder, person).await?;
    let mut tx = tx.leave().await?;
    let created = PlatformEvent::AdministratorCreated { administrator: person.0 };
    recorder.record_platform(&mut tx, &created).await?;
    Ok(tx)
}

/// Gives somebody who was just made the role.
///
/// # Errors
/// Nothing was changed.
pub async fn make_administrator(tx: &mut TenantTx, recorder: &Recorder, person: PersonId) -> Result<(), StoreError> {
    let wanted = [Role::Member, Role::Administrator];
    match roles::set_roles(tx, recorder, person, &[Role::Member], &wanted).await {
        Ok(_) => Ok(()),
        Err(RolesError::Store(error)) => Err(error),
        Err(error) => Err(StoreError::corrupt(error)),
    }
}

//! Tenants as administrators of the platform make them, and links for the tenants' own administrators.

use super::{Action, ApplyError, Document, Prune, TenantDoc, Tools, prepare};
use crate::{
    cluster::Node,
    ids::{Slug, TenantId},
    people::{
        PersonError, Username,
        link::{self, Link, LinkPurpose},
        platform::make_administrator,
    },
    store::{StoreError, TenantTx, people, platform::ListedTenant},
    tenants::Settings,
};

/// The longest name of a tenant, in characters.
const NAME: usize = 100;

/// That a text can be the name of a tenant.
///
/// # Errors
/// Words for whoever wrote it.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = (1..=NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err("the name is one line of 1 to 100 characters") }
}

/// A tenant that is to be made.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// Its name in addresses.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Its first administrator.
    pub administrator: Username,
}

/// Makes a tenant and the link of its administrator, both or nothing; every node knows it then. None: there is one of this name, or
/// was.
///
/// # Errors
/// Nothing was made.
pub async fn make(tools: Tools<'_>, node: &Node, new: NewTenant) -> Result<Option<Link>, ApplyError> {
    let NewTenant { slug, name, administrator } = new;
    let tenant = TenantDoc {
        slug,
        name,
        settings: Settings::default(),
        enabled: Some(true),
        servers: Vec::new(),
        people: Vec::new(),
        clients: Vec::new(),
        providers: Vec::new(),
        line: None,
    };
    let document = Document { file: String::new(), tenants: vec![tenant] };
    let prepared = match prepare(tools, &document, Prune::Nothing).await {
        // Removed ones, and that of the platform.
        Err(ApplyError::Mistakes(_)) => return Ok(None),
        prepared => prepared?.unmarked(),
    };
    let changes = &prepared.plan().changes;
    if changes.is_empty() || changes.iter().any(|change| change.action != Action::Create) {
        return Ok(None);
    }
    let written = prepared.write().await?;
    let Some(&tenant) = written.tenants.first() else { return Ok(None) };
    let (written, link) = written.within(tenant, async |tx| invite(tx, tools, &administrator).await).await?;
    if let Some(ticket) = written.commit().await? {
        node.settle(ticket).await?;
    }
    Ok(Some(link))
}

/// Somebody of this name who is an administrator gets a link to reset the password; somebody new an invitation, as administrator.
async fn invite(tx: &mut TenantTx, tools: Tools<'_>, username: &Username) -> Result<Link, PersonError> {
    let (recorder, keyring) = (tools.recorder, tools.keyring);
    match people::by_username(tx, username.as_str()).await? {
        Some(row) if row.roles.iter().any(|role| role == "administrator") => {
            link::make(tx, (recorder, keyring), username, LinkPurpose::of(row.password_hash.is_some())).await
        }
        // What others there are is nothing that the platform should know; and the role is not given to just anybody.
        Some(_) => Err(PersonError::UsernameTaken(username.clone())),
        None => {
            let (person, link) = link::invite(tx, (recorder, keyring), username, None).await?;
            make_administrator(tx, recorder, person).await?;
            Ok(link)
        }
    }
}

/// Makes a link for an administrator of a tenant, or for somebody new who becomes one.
///
/// # Errors
/// Nothing was made. [`PersonError::UsernameTaken`]: somebody has that name there, and is no administrator.
pub async fn invite_into(tools: Tools<'_>, tenant: TenantId, username: &Username) -> Result<Link, PersonError> {
    let mut tx = tools.store.tenant_tx(tenant).await?;
    let link = invite(&mut tx, tools, username).await?;
    tx.commit().await?;
    Ok(link)
}

/// The settings of a tenant that was listed.
///
/// # Errors
/// A fault of ours, or it went meanwhile.
pub async fn settings_of(tools: Tools<'_>, listed: &ListedTenant) -> Result<Settings, StoreError> {
    let found = tools.store.tenant(&listed.slug).await?;
    let found = found.ok_or_else(|| StoreError::corrupt("a tenant went while it was read"))?;
    serde_json::from_value(found.settings).map_err(StoreError::corrupt)
}

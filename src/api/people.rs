//! People: who may log in, and what they may be.

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    body::{Body, Check, Findings, Params},
    caller::{Caller, answer, tagged},
    list::{Asked as _, Items, asked},
    precondition::{Seen, changed},
    problem::Problem,
};
use crate::{
    access::Role,
    config::PublicUrl,
    ids::{PersonId, Slug},
    people::{
        self, PersonError, Username,
        link::{self, Link, LinkPurpose},
        roles::{RolesError, appoint, shut_out},
        second::reset,
    },
    store::{
        TenantTx,
        people::listed::{self, ListedRow},
    },
};

/// Whether somebody may log in.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PersonStatus {
    Active,
    Disabled,
}

/// What somebody may be, beside a person who uses servers.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum PersonRole {
    /// Changes things here and in the console.
    Administrator,
    /// Sees everything, changes nothing; what they read is in the audit log.
    Auditor,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(super) struct Person {
    id: Uuid,
    /// The name at login.
    username: String,
    /// The name on pages.
    name: String,
    status: PersonStatus,
    roles: Vec<PersonRole>,
    /// Whether there is a password: somebody who was just invited has none.
    has_password: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When a session that is still known began last.
    #[serde(with = "time::serde::rfc3339::option")]
    last_login_at: Option<OffsetDateTime>,
    /// Grants of theirs that are in force.
    grants: i64,
}

impl PersonRole {
    fn of(words: &[String]) -> Vec<Self> {
        let role = |role: Role| match role {
            Role::Administrator => Some(Self::Administrator),
            Role::Auditor => Some(Self::Auditor),
            Role::Member => None,
        };
        Role::of_words(words).into_iter().filter_map(role).collect()
    }

    const fn role(self) -> Role {
        match self {
            Self::Administrator => Role::Administrator,
            Self::Auditor => Role::Auditor,
        }
    }
}

impl From<ListedRow> for Person {
    fn from(row: ListedRow) -> Self {
        Self {
            id: row.id.0,
            username: row.username,
            name: row.display_name,
            status: if row.status == "active" { PersonStatus::Active } else { PersonStatus::Disabled },
            roles: PersonRole::of(&row.roles),
            has_password: row.has_password,
            created_at: row.created_at,
            last_login_at: row.last_login_at,
            grants: row.grants,
        }
    }
}

asked! {
    /// Which people.
    ListPeople {
        /// Only those in this state.
        status: PersonStatus,
        /// Only those with this role.
        role: PersonRole,
    }
}

/// Lists people, by their names.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/people", tag = "people", params(ListPeople),
    responses((status = OK, description = "A part of the list.", body = Items<Person>)))]
pub(super) async fn list_people(caller: Caller, Params(asked): Params<ListPeople>) -> Result<Response, Problem> {
    let part = asked.part();
    let status = asked.status.map(|status| match status {
        PersonStatus::Active => "active",
        PersonStatus::Disabled => "disabled",
    });
    let role = asked.role.map(|role| role.role().word());
    let (limit, offset) = (part.limit(), part.offset);
    let wanted = listed::Asked { like: part.like.clone(), status, role, sort: "name", down: false, limit, offset };
    let mut tx = caller.tx().await?;
    let found = listed::page(&mut tx, &wanted, None).await.map_err(|error| caller.fault(error))?;
    caller.commit(tx).await?;
    Ok(answer(StatusCode::OK, part.of(found, Person::from)))
}

async fn one(caller: &Caller, tx: &mut TenantTx, id: PersonId) -> Result<ListedRow, Problem> {
    let asked = listed::Asked { like: None, status: None, role: None, sort: "name", down: false, limit: 1, offset: 0 };
    let found = listed::page(tx, &asked, Some(id)).await.map_err(|error| caller.fault(error))?;
    found.into_iter().next().ok_or_else(|| caller.nothing("person"))
}

/// The person that the address names. Removed ones are not there.
async fn named(caller: &Caller, tx: &mut TenantTx) -> Result<(ListedRow, Username), Problem> {
    let id = PersonId(caller.uuid("person")?);
    let row = one(caller, tx, id).await?;
    let username = Username::parse(&row.username).map_err(|error| caller.fault(error))?;
    Ok((row, username))
}

/// What stands for somebody's roles, which is all that can be edited.
fn tag(words: &[String]) -> String {
    let mut words: Vec<&str> = Role::of_words(words).iter().map(|role| role.word()).collect();
    words.sort_unstable();
    words.join(".")
}

async fn details(caller: &Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (row, _) = named(caller, &mut tx).await?;
    caller.commit(tx).await?;
    let tag = tag(&row.roles);
    Ok(tagged(StatusCode::OK, Person::from(row), &tag))
}

/// Shows a person. The `ETag` is that of their roles.
#[utoipa::path(get, path = "/api/admin/v1/tenants/{tenant}/people/{id}", tag = "people",
    responses((status = OK, description = "The person.", body = Person, headers(("ETag" = String)))))]
pub(super) async fn show_person(caller: Caller) -> Result<Response, Problem> {
    details(&caller).await
}

/// A link by which somebody sets a password. It is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct PasswordLink {
    /// The address to pass on: whoever has it sets the password, once.
    link: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Somebody new.
#[derive(Serialize, ToSchema)]
pub(super) struct Invited {
    person: Person,
    link: PasswordLink,
}

/// Somebody who is asked to come.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invitation {
    /// The name at login. It never changes.
    #[schema(min_length = 1, max_length = 64)]
    username: String,
    /// The name on pages.
    #[schema(max_length = 100)]
    name: Option<String>,
}

impl Check for Invitation {
    fn check(&self, findings: &mut Findings) {
        findings.length("username", &self.username, 1, 64);
        findings.length("name", self.name.as_deref().unwrap_or_default(), 0, 100);
    }
}

impl PasswordLink {
    /// A link into a tenant.
    pub(super) fn of(link: &Link, public_url: &PublicUrl, tenant: &Slug) -> Self {
        Self { link: link.address(public_url, tenant).as_str().to_owned(), expires_at: link.expires_at }
    }
}

fn shown(caller: &Caller, link: &Link) -> PasswordLink {
    PasswordLink::of(link, &caller.app.config.public_url, &caller.tenant.slug)
}

/// Makes a person, and the link by which they choose a password.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/people", tag = "people", request_body = Invitation,
    responses((status = CREATED, description = "The person and the link.", body = Invited)))]
pub(super) async fn invite_person(caller: Caller, Body(body): Body<Invitation>) -> Result<Response, Problem> {
    let username = Username::parse(&body.username).map_err(|error| caller.refused(sentence(&error)))?;
    let name = link::display_name(body.name.as_deref().unwrap_or_default());
    let name = name.map_err(|error| caller.refused(sentence(&error)))?;
    let mut tx = caller.tx().await?;
    let tools = (&caller.recorder(), &caller.app.keyring);
    let (id, link) = link::invite(&mut tx, tools, &username, name).await.map_err(|error| match error {
        PersonError::Store(error) => caller.fault(error),
        _ => caller.conflict("This username is taken in this tenant."),
    })?;
    let row = one(&caller, &mut tx, id).await?;
    caller.commit(tx).await?;
    let invited = Invited { person: row.into(), link: shown(&caller, &link) };
    Ok(answer(StatusCode::CREATED, invited))
}

pub(super) fn sentence(error: &impl std::fmt::Display) -> String {
    let words = error.to_string();
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// Makes a link by which somebody sets a password: an invitation for who has none, a reset for who has one.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/people/{id}/link", tag = "people",
    responses((status = CREATED, description = "The link.", body = PasswordLink)))]
pub(super) async fn make_link(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (row, username) = named(&caller, &mut tx).await?;
    let tools = (&caller.recorder(), &caller.app.keyring);
    let link = link::make(&mut tx, tools, &username, LinkPurpose::of(row.has_password)).await;
    let link = link.map_err(|error| match error {
        PersonError::Store(error) => caller.fault(error),
        PersonError::Disabled(_) => caller.conflict("This person is disabled, and may not log in."),
        _ => caller.nothing("person"),
    })?;
    caller.commit(tx).await?;
    Ok(answer(StatusCode::CREATED, shown(&caller, &link)))
}

/// What somebody is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Roles {
    /// All of it: what is not named is taken away. Whoever loses a role is logged out.
    #[schema(max_items = 2)]
    roles: Vec<PersonRole>,
}

impl Check for Roles {
    fn check(&self, findings: &mut Findings) {
        if self.roles.len() > 2 {
            findings.add("roles", "has 2 items at most");
        }
    }
}

fn failed(caller: &Caller, error: RolesError) -> Problem {
    match error {
        RolesError::Store(error) => caller.fault(error),
        RolesError::Gone => caller.nothing("person"),
        RolesError::Meanwhile => changed(&caller.request_id),
        error => caller.conflict(sentence(&error)),
    }
}

/// Gives somebody exactly these roles.
#[utoipa::path(put, path = "/api/admin/v1/tenants/{tenant}/people/{id}/roles", tag = "people", params(Seen), request_body = Roles,
    responses((status = OK, description = "The person as they are now.", body = Person, headers(("ETag" = String)))))]
pub(super) async fn set_roles(caller: Caller, seen: Seen, Body(body): Body<Roles>) -> Result<Response, Problem> {
    let seen: Vec<String> = seen.tag.split('.').map(str::to_owned).collect();
    let mut wanted = vec![Role::Member];
    for role in [PersonRole::Administrator, PersonRole::Auditor] {
        wanted.extend(body.roles.contains(&role).then(|| role.role()));
    }
    let mut tx = caller.tx().await?;
    let (row, _) = named(&caller, &mut tx).await?;
    let who = (caller.person, row.id);
    let set = appoint(&mut tx, &caller.recorder(), who, &Role::of_words(&seen), &wanted).await;
    set.map_err(|error| failed(&caller, error))?;
    caller.commit(tx).await?;
    details(&caller).await
}

/// Shuts somebody out: no login, no session, and no token of theirs works on any node once this is answered.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/people/{id}/disable", tag = "people",
    responses((status = OK, description = "The person as they are now.", body = Person, headers(("ETag" = String)))))]
pub(super) async fn disable_person(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (row, _) = named(&caller, &mut tx).await?;
    let ticket = shut_out(&mut tx, &caller.recorder(), (caller.person, row.id)).await;
    let ticket = ticket.map_err(|error| failed(&caller, error))?;
    caller.settle(tx, ticket).await?;
    details(&caller).await
}

/// Lets somebody log in again. What tokens of theirs are still valid work again.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/people/{id}/enable", tag = "people",
    responses((status = OK, description = "The person as they are now.", body = Person, headers(("ETag" = String)))))]
pub(super) async fn enable_person(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (_, username) = named(&caller, &mut tx).await?;
    people::enable(&mut tx, &caller.recorder(), &username).await.map_err(|error| match error {
        PersonError::Store(error) => caller.fault(error),
        _ => caller.nothing("person"),
    })?;
    caller.commit(tx).await?;
    details(&caller).await
}

/// Takes away all second factors of somebody who has lost one: they set one up anew where the tenant wants it.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/people/{id}/reset-factors", tag = "people",
    responses((status = OK, description = "The person.", body = Person, headers(("ETag" = String)))))]
pub(super) async fn reset_factors(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (_, username) = named(&caller, &mut tx).await?;
    reset::all(&mut tx, &caller.recorder(), &username).await.map_err(|error| match error {
        PersonError::Store(error) => caller.fault(error),
        _ => caller.nothing("person"),
    })?;
    caller.commit(tx).await?;
    details(&caller).await
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Ended {
    sessions: u64,
}

/// Logs somebody out in all browsers. Programs keep what they allowed them.
#[utoipa::path(post, path = "/api/admin/v1/tenants/{tenant}/people/{id}/end-sessions", tag = "people",
    responses((status = OK, description = "How many sessions ended.", body = Ended)))]
pub(super) async fn end_sessions(caller: Caller) -> Result<Response, Problem> {
    let mut tx = caller.tx().await?;
    let (row, _) = named(&caller, &mut tx).await?;
    caller.commit(tx).await?;
    let of = [(caller.tenant.id, Some(row.id))];
    let ended = people::end_sessions(&caller.app.store, &caller.recorder(), &of).await;
    let sessions = ended.map_err(|error| caller.fault(error))?;
    Ok(answer(StatusCode::OK, Ended { sessions }))
}

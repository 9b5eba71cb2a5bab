//! The consent page of an interaction, in the tenant's words.

use super::{consent::Earlier, interaction::Interaction};
use crate::{
    clients::{
        Client, Origin,
        redirect::{RedirectKind, RedirectUri},
        statement::vouched_by,
    },
    http::{
        csrf::Purpose,
        pages::{ClientView, ConsentPage, ReturnTo, ScopeChoice, ServerView},
        visit::Visit,
        words::ago,
    },
    people::Session,
    policy::{Effect, ItemKind, ScopeDef, ScopeSet},
    tenants::Server,
};

/// What the page is made of beside the interaction.
pub(super) struct View<'a> {
    pub(super) session: &'a Session,
    /// The interaction's handle, as the browser sent it.
    pub(super) handle: &'a str,
    pub(super) earlier: &'a Earlier,
    /// The boxes that stay ticked; all at first.
    pub(super) ticked: &'a ScopeSet,
    pub(super) error: Option<String>,
}

/// Builds the page.
pub(super) fn consent(visit: &Visit, interaction: &Interaction, view: View<'_>) -> ConsentPage {
    let Interaction { client, server, row, redirect } = interaction;
    let days = visit.app.config.tokens.family.as_secs() / 86_400;
    ConsentPage {
        tenant_name: visit.tenant.name.clone(),
        action: visit.path("consent"),
        csrf: visit.csrf(Purpose::Consent),
        interaction: view.handle.to_owned(),
        client: self::client(client, visit),
        return_to: return_to(redirect),
        server: ServerView {
            name: server.name.clone(),
            description: server.description.clone(),
            resource: server.resource.clone(),
        },
        read: choices(server, &row.scopes, Effect::Read, view.ticked),
        change: choices(server, &row.scopes, Effect::Change, view.ticked),
        person: view.session.display_name.clone(),
        switch_action: visit.path("logout"),
        lifetime: format!("until you take it back, at most {days} days"),
        manage_url: visit.path("account"),
        changed: view.earlier.changed.clone(),
        allowed_before: view.earlier.covers,
        error: view.error,
    }
}

/// The host of the address that the client's id is.
fn host(client: &Client) -> Option<String> {
    let address = client.id.is_document().then(|| url::Url::parse(client.id.as_str()).ok()).flatten()?;
    address.host_str().map(str::to_owned)
}

/// A client, as pages show it.
pub(super) fn client(client: &Client, visit: &Visit) -> ClientView {
    ClientView {
        name: client.name().to_owned(),
        verified: client.origin == Origin::Configured,
        host: host(client),
        vouched_by: vouched_by(&client.metadata, &visit.tenant.settings),
        uri: client.metadata.client_uri.as_ref().map(crate::clients::metadata::WebUri::host),
        registered: ago(visit.app.clock.now(), client.created_at),
        client_id: client.id.to_string(),
    }
}

fn return_to(redirect: &RedirectUri) -> ReturnTo {
    let host = redirect.host_for_people().to_owned();
    match redirect.kind() {
        RedirectKind::App => ReturnTo::Program(host),
        RedirectKind::Loopback => ReturnTo::ThisComputer(host),
        RedirectKind::Web if redirect.is_this_computer() => ReturnTo::ThisComputer(host),
        RedirectKind::Web => ReturnTo::Host(host),
    }
}

/// The scopes of one effect that are asked for, each with its sentence.
pub(super) fn choices(server: &Server, asked: &[String], effect: Effect, ticked: &ScopeSet) -> Vec<ScopeChoice> {
    let asked_of = |def: &&ScopeDef| def.effect == effect && asked.iter().any(|scope| scope == def.name.as_str());
    let choice = |def: &ScopeDef| ScopeChoice {
        name: def.name.to_string(),
        sentence: def.description.clone(),
        tools: server
            .policy
            .items_under(&def.name)
            .filter(|item| item.kind == ItemKind::Tool)
            .map(|item| item.name.clone())
            .collect(),
        checked: ticked.contains(def.name.as_str()),
    };
    server.policy.scopes().iter().filter(asked_of).map(choice).collect()
}

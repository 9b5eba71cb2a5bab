//! The pages, in the tenant's words.

use super::{UserCode, find::Asking, seen};
use crate::{
    authorize::page::{choices, client},
    http::{
        csrf::Purpose,
        pages::{DeviceCodePage, DeviceDonePage, DevicePage, DeviceView, ServerView, display_text},
        visit::Visit,
        words::ago,
    },
    people::Session,
    policy::{Effect, ScopeSet},
};

/// The page that asks for the code. `typed`: what stands in the field.
pub(super) fn code(visit: &Visit, session: &Session, typed: Option<&str>, error: Option<String>) -> DeviceCodePage {
    DeviceCodePage {
        tenant_name: visit.tenant.name.clone(),
        action: visit.path("device"),
        csrf: visit.csrf(Purpose::Device),
        person: session.display_name.clone(),
        switch_action: visit.path("logout"),
        given: typed.is_some() && error.is_none(),
        user_code: display_text(typed.unwrap_or_default(), 40),
        error,
    }
}

/// What the page that asks is made of beside the request.
pub(super) struct View<'a> {
    pub(super) session: &'a Session,
    pub(super) code: &'a UserCode,
    /// What differs from the last consent.
    pub(super) changed: Vec<String>,
    /// The boxes that stay ticked; all at first.
    pub(super) ticked: &'a ScopeSet,
    pub(super) error: Option<String>,
}

/// The page that asks.
pub(super) fn ask(visit: &Visit, asking: &Asking, view: View<'_>) -> DevicePage {
    let Asking { row, server, .. } = asking;
    let now = visit.app.clock.now();
    let days = visit.app.config.tokens.family.as_secs() / 86_400;
    DevicePage {
        tenant_name: visit.tenant.name.clone(),
        action: visit.path("device/decision"),
        csrf: visit.csrf(Purpose::Device),
        seen: seen::token(visit, view.session, view.code),
        user_code: view.code.show(),
        client: client(&asking.client, visit),
        device: DeviceView {
            address: row.address.clone(),
            user_agent: row.user_agent.clone(),
            asked: ago(now, row.created_at),
        },
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
        changed: view.changed,
        error: view.error,
    }
}

/// The page after the answer.
pub(super) fn done(visit: &Visit, asking: &Asking, approved: bool) -> DeviceDonePage {
    DeviceDonePage {
        tenant_name: visit.tenant.name.clone(),
        client_name: asking.client.name().to_owned(),
        server_name: asking.server.name.clone(),
        approved,
        manage_url: visit.path("account"),
    }
}

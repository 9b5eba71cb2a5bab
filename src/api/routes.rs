//! The routes of the admin API, each with the rule that it goes by.

use http::Method;

use super::{
    audit::{list_events, show_event},
    checkpoints::{export_log, list_checkpoints, show_checkpoint},
    clients::{approve_client, list_clients, remove_client, resume_client, show_client, suspend_client},
    document::openapi,
    grants::{list_grants, revoke_grant, revoke_many, show_grant},
    keys::{list_keys, rotate_keys},
    people::{
        disable_person, enable_person, end_sessions, invite_person, list_people, make_link, reset_factors, set_roles,
        show_person,
    },
    providers::{
        create_provider, disable_provider, edit_provider, enable_provider, list_providers, probe_provider,
        remove_provider, show_provider,
    },
    servers::{create_server, disable_server, edit_server, enable_server, list_servers, remove_server, show_server},
    settings::{edit_settings, show_settings},
    tenants::{
        create_tenant, disable_tenant, edit_tenant, enable_tenant, list_tenants, make_administrator_link,
        remove_tenant, show_tenant,
    },
};
use crate::{
    access::{Action, Page},
    app::routes::{Guard, Route},
};

/// All of them.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    use Action as A;
    use Page as P;
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PUT: Method = Method::PUT;
    const DELETE: Method = Method::DELETE;
    let a = |page, action| Guard::Api(page, action);
    vec![
        Route::new(GET, "/api/admin/v1/openapi.json", Guard::Public, openapi),
        Route::new(GET, "/api/admin/v1/tenants", a(P::Tenants, A::List), list_tenants),
        Route::new(POST, "/api/admin/v1/tenants", a(P::Tenants, A::Create), create_tenant),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}", a(P::Tenants, A::Show), show_tenant),
        Route::new(PUT, "/api/admin/v1/tenants/{tenant}", a(P::Tenants, A::Edit), edit_tenant),
        Route::new(DELETE, "/api/admin/v1/tenants/{tenant}", a(P::Tenants, A::Remove), remove_tenant),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/enable", a(P::Tenants, A::Enable), enable_tenant),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/disable", a(P::Tenants, A::Disable), disable_tenant),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/link", a(P::Tenants, A::MakeLink), make_administrator_link),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/clients", a(P::Clients, A::List), list_clients),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/clients/{id}", a(P::Clients, A::Show), show_client),
        Route::new(DELETE, "/api/admin/v1/tenants/{tenant}/clients/{id}", a(P::Clients, A::Remove), remove_client),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/clients/{id}/approve", a(P::Clients, A::Approve), approve_client),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/clients/{id}/suspend", a(P::Clients, A::Suspend), suspend_client),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/clients/{id}/resume", a(P::Clients, A::Resume), resume_client),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/grants", a(P::Grants, A::List), list_grants),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/grants/{id}", a(P::Grants, A::Show), show_grant),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/grants/{id}/revoke", a(P::Grants, A::Revoke), revoke_grant),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/grants/revoke", a(P::Grants, A::RevokeAll), revoke_many),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/people", a(P::People, A::List), list_people),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/people", a(P::People, A::Create), invite_person),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/people/{id}", a(P::People, A::Show), show_person),
        Route::new(PUT, "/api/admin/v1/tenants/{tenant}/people/{id}/roles", a(P::People, A::EditRoles), set_roles),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/people/{id}/link", a(P::People, A::MakeLink), make_link),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/people/{id}/disable", a(P::People, A::Disable), disable_person),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/people/{id}/enable", a(P::People, A::Enable), enable_person),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/people/{id}/end-sessions", a(P::People, A::EndSessions), end_sessions),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/people/{id}/reset-factors", a(P::People, A::ResetFactors), reset_factors),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/providers", a(P::Providers, A::List), list_providers),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/providers", a(P::Providers, A::Create), create_provider),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/providers/{id}", a(P::Providers, A::Show), show_provider),
        Route::new(PUT, "/api/admin/v1/tenants/{tenant}/providers/{id}", a(P::Providers, A::Edit), edit_provider),
        Route::new(DELETE, "/api/admin/v1/tenants/{tenant}/providers/{id}", a(P::Providers, A::Remove), remove_provider),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/providers/{id}/enable", a(P::Providers, A::Enable), enable_provider),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/providers/{id}/disable", a(P::Providers, A::Disable), disable_provider),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/providers/{id}/probe", a(P::Providers, A::Probe), probe_provider),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/servers", a(P::Servers, A::List), list_servers),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/servers", a(P::Servers, A::Create), create_server),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/servers/{id}", a(P::Servers, A::Show), show_server),
        Route::new(PUT, "/api/admin/v1/tenants/{tenant}/servers/{id}", a(P::Servers, A::Edit), edit_server),
        Route::new(DELETE, "/api/admin/v1/tenants/{tenant}/servers/{id}", a(P::Servers, A::Remove), remove_server),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/servers/{id}/enable", a(P::Servers, A::Enable), enable_server),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/servers/{id}/disable", a(P::Servers, A::Disable), disable_server),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/settings", a(P::Settings, A::Show), show_settings),
        Route::new(PUT, "/api/admin/v1/tenants/{tenant}/settings", a(P::Settings, A::Edit), edit_settings),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/keys", a(P::Keys, A::List), list_keys),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/keys/rotate", a(P::Keys, A::Rotate), rotate_keys),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/audit", a(P::Audit, A::List), list_events),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/audit/{id}", a(P::Audit, A::Show), show_event),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/checkpoints", a(P::Audit, A::List), list_checkpoints),
        Route::new(GET, "/api/admin/v1/tenants/{tenant}/checkpoints/{id}", a(P::Audit, A::Export), show_checkpoint),
        Route::new(POST, "/api/admin/v1/tenants/{tenant}/audit/export", a(P::Audit, A::Export), export_log),
    ]
}

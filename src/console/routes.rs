//! The routes of the console, each with the rule that it goes by.

use http::Method;

use super::{audit, clients, grants, keys, overview, people, providers, servers, settings};
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
    let c = |page, action| Guard::Console(page, action);
    vec![
        Route::new(GET, "/console/t/{tenant}", c(P::Overview, A::Show), overview::show),
        Route::new(GET, "/console/t/{tenant}/clients", c(P::Clients, A::List), clients::list),
        Route::new(GET, "/console/t/{tenant}/clients/{object}", c(P::Clients, A::Show), clients::show),
        Route::new(GET, "/console/t/{tenant}/clients/{object}/approve", c(P::Clients, A::Approve), clients::ask_approve),
        Route::new(POST, "/console/t/{tenant}/clients/{object}/approve", c(P::Clients, A::Approve), clients::approve),
        Route::new(GET, "/console/t/{tenant}/clients/{object}/suspend", c(P::Clients, A::Suspend), clients::ask_suspend),
        Route::new(POST, "/console/t/{tenant}/clients/{object}/suspend", c(P::Clients, A::Suspend), clients::suspend),
        Route::new(GET, "/console/t/{tenant}/clients/{object}/resume", c(P::Clients, A::Resume), clients::ask_resume),
        Route::new(POST, "/console/t/{tenant}/clients/{object}/resume", c(P::Clients, A::Resume), clients::resume),
        Route::new(GET, "/console/t/{tenant}/clients/{object}/remove", c(P::Clients, A::Remove), clients::ask_remove),
        Route::new(POST, "/console/t/{tenant}/clients/{object}/remove", c(P::Clients, A::Remove), clients::remove),
        Route::new(GET, "/console/t/{tenant}/grants", c(P::Grants, A::List), grants::list),
        Route::new(GET, "/console/t/{tenant}/grants/{object}", c(P::Grants, A::Show), grants::show),
        Route::new(GET, "/console/t/{tenant}/grants/{object}/revoke", c(P::Grants, A::Revoke), grants::ask_revoke),
        Route::new(POST, "/console/t/{tenant}/grants/{object}/revoke", c(P::Grants, A::Revoke), grants::revoke),
        Route::new(GET, "/console/t/{tenant}/revoke", c(P::Grants, A::RevokeAll), grants::ask_revoke_all),
        Route::new(POST, "/console/t/{tenant}/revoke", c(P::Grants, A::RevokeAll), grants::revoke_all),
        Route::new(GET, "/console/t/{tenant}/servers", c(P::Servers, A::List), servers::list),
        Route::new(GET, "/console/t/{tenant}/servers/-/new", c(P::Servers, A::Create), servers::ask_new),
        Route::new(POST, "/console/t/{tenant}/servers/-/new", c(P::Servers, A::Create), servers::create),
        Route::new(GET, "/console/t/{tenant}/servers/{object}", c(P::Servers, A::Show), servers::show),
        Route::new(GET, "/console/t/{tenant}/servers/{object}/edit", c(P::Servers, A::Edit), servers::ask_edit),
        Route::new(POST, "/console/t/{tenant}/servers/{object}/edit", c(P::Servers, A::Edit), servers::edit),
        Route::new(GET, "/console/t/{tenant}/servers/{object}/probe", c(P::Servers, A::Probe), servers::ask_probe),
        Route::new(POST, "/console/t/{tenant}/servers/{object}/probe", c(P::Servers, A::Probe), servers::probe),
        Route::new(POST, "/console/t/{tenant}/servers/{object}/catalogue", c(P::Servers, A::Accept), servers::accept),
        Route::new(GET, "/console/t/{tenant}/servers/{object}/enable", c(P::Servers, A::Enable), servers::ask_enable),
        Route::new(POST, "/console/t/{tenant}/servers/{object}/enable", c(P::Servers, A::Enable), servers::enable),
        Route::new(GET, "/console/t/{tenant}/servers/{object}/disable", c(P::Servers, A::Disable), servers::ask_disable),
        Route::new(POST, "/console/t/{tenant}/servers/{object}/disable", c(P::Servers, A::Disable), servers::disable),
        Route::new(GET, "/console/t/{tenant}/servers/{object}/remove", c(P::Servers, A::Remove), servers::ask_remove),
        Route::new(POST, "/console/t/{tenant}/servers/{object}/remove", c(P::Servers, A::Remove), servers::remove),
        Route::new(GET, "/console/t/{tenant}/people", c(P::People, A::List), people::list),
        Route::new(GET, "/console/t/{tenant}/people/-/new", c(P::People, A::Create), people::ask_new),
        Route::new(POST, "/console/t/{tenant}/people/-/new", c(P::People, A::Create), people::create),
        Route::new(GET, "/console/t/{tenant}/people/{object}", c(P::People, A::Show), people::show),
        Route::new(GET, "/console/t/{tenant}/people/{object}/roles", c(P::People, A::EditRoles), people::ask_roles),
        Route::new(POST, "/console/t/{tenant}/people/{object}/roles", c(P::People, A::EditRoles), people::roles),
        Route::new(GET, "/console/t/{tenant}/people/{object}/link", c(P::People, A::MakeLink), people::ask_link),
        Route::new(POST, "/console/t/{tenant}/people/{object}/link", c(P::People, A::MakeLink), people::link),
        Route::new(GET, "/console/t/{tenant}/people/{object}/factors", c(P::People, A::ResetFactors), people::ask_factors),
        Route::new(POST, "/console/t/{tenant}/people/{object}/factors", c(P::People, A::ResetFactors), people::factors),
        Route::new(GET, "/console/t/{tenant}/people/{object}/enable", c(P::People, A::Enable), people::ask_enable),
        Route::new(POST, "/console/t/{tenant}/people/{object}/enable", c(P::People, A::Enable), people::enable),
        Route::new(GET, "/console/t/{tenant}/people/{object}/disable", c(P::People, A::Disable), people::ask_disable),
        Route::new(POST, "/console/t/{tenant}/people/{object}/disable", c(P::People, A::Disable), people::disable),
        Route::new(GET, "/console/t/{tenant}/people/{object}/end", c(P::People, A::EndSessions), people::ask_end),
        Route::new(POST, "/console/t/{tenant}/people/{object}/end", c(P::People, A::EndSessions), people::end),
        Route::new(GET, "/console/t/{tenant}/providers", c(P::Providers, A::List), providers::list),
        Route::new(GET, "/console/t/{tenant}/providers/-/new", c(P::Providers, A::Create), providers::ask_new),
        Route::new(POST, "/console/t/{tenant}/providers/-/new", c(P::Providers, A::Create), providers::create),
        Route::new(GET, "/console/t/{tenant}/providers/{object}", c(P::Providers, A::Show), providers::show),
        Route::new(GET, "/console/t/{tenant}/providers/{object}/edit", c(P::Providers, A::Edit), providers::ask_edit),
        Route::new(POST, "/console/t/{tenant}/providers/{object}/edit", c(P::Providers, A::Edit), providers::edit),
        Route::new(GET, "/console/t/{tenant}/providers/{object}/probe", c(P::Providers, A::Probe), providers::ask_probe),
        Route::new(POST, "/console/t/{tenant}/providers/{object}/probe", c(P::Providers, A::Probe), providers::probe),
        Route::new(GET, "/console/t/{tenant}/providers/{object}/enable", c(P::Providers, A::Enable), providers::ask_enable),
        Route::new(POST, "/console/t/{tenant}/providers/{object}/enable", c(P::Providers, A::Enable), providers::enable),
        Route::new(GET, "/console/t/{tenant}/providers/{object}/disable", c(P::Providers, A::Disable), providers::ask_disable),
        Route::new(POST, "/console/t/{tenant}/providers/{object}/disable", c(P::Providers, A::Disable), providers::disable),
        Route::new(GET, "/console/t/{tenant}/providers/{object}/remove", c(P::Providers, A::Remove), providers::ask_remove),
        Route::new(POST, "/console/t/{tenant}/providers/{object}/remove", c(P::Providers, A::Remove), providers::remove),
        Route::new(GET, "/console/t/{tenant}/audit", c(P::Audit, A::List), audit::list),
        Route::new(GET, "/console/t/{tenant}/audit/{object}", c(P::Audit, A::Show), audit::show),
        Route::new(GET, "/console/t/{tenant}/keys", c(P::Keys, A::List), keys::show),
        Route::new(GET, "/console/t/{tenant}/keys/rotate", c(P::Keys, A::Rotate), keys::ask_rotate),
        Route::new(POST, "/console/t/{tenant}/keys/rotate", c(P::Keys, A::Rotate), keys::rotate),
        Route::new(GET, "/console/t/{tenant}/settings", c(P::Settings, A::Show), settings::show),
        Route::new(GET, "/console/t/{tenant}/settings/edit", c(P::Settings, A::Edit), settings::ask_edit),
        Route::new(POST, "/console/t/{tenant}/settings/edit", c(P::Settings, A::Edit), settings::edit),
    ]
}

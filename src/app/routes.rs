//! Routes as data: method, path, guard, handler. Routers are built from the list, and tests read it.

use std::sync::Arc;

use axum::{
    Extension, Router,
    handler::Handler,
    middleware,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;

use super::{
    App,
    unsure::{self, Doubt},
};
use crate::{
    access::{Action, Page},
    api,
    authorize::{device, routes as authorize},
    clients::registration::routes as registration,
    console, gateway,
    http::{cors, edge::Edge, limit::Limit, nowhere::nowhere, pages},
    people::{first::routes as first, routes as people},
    tenants::routes as discovery,
    token::{introspect as introspection, routes as token},
};

/// Who may come through a route, and by what they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guard {
    /// Anybody; nothing secret is behind it.
    Public,
    /// A browser: cookies, CSRF token and `Origin` are checked where something changes.
    Browser,
    /// An OAuth client: client authentication in the handler.
    Client,
    /// An identity provider: its signature in the handler.
    Provider,
    /// A protected resource: its secret in the handler.
    Server,
    /// Registration of a client: the tenant's rule, quotas and rate limits.
    Registration,
    /// The holder of a registration access token (RFC 7592), within rate limits: anybody can register and have one.
    RegistrationToken,
    /// The holder of an access token for this resource (RFC 6750).
    Bearer,
    /// A person with a role that goes so far: session, CSRF token and `Origin` as for a browser, and a rule of
    /// [`crate::access`].
    Console(Page, Action),
    /// A program with a token of the admin API that goes so far, for a person who may: a rule of [`crate::access`]. Cookies
    /// count for nothing.
    Api(Page, Action),
    /// A browser's question before a call to an MCP endpoint: answered from the tenant's settings.
    Preflight,
}

/// One route.
pub struct Route {
    /// The HTTP method. `GET` answers `HEAD` too.
    pub method: Method,
    /// The path, as axum writes it.
    pub path: &'static str,
    /// Who may come through.
    pub guard: Guard,
    handler: MethodRouter<Arc<App>>,
    /// How often somebody may come.
    limit: Option<fn(&App) -> Limit>,
}

impl Route {
    pub(crate) fn new<H, T>(method: Method, path: &'static str, guard: Guard, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let limit = match guard {
            Guard::Registration | Guard::RegistrationToken => Some(Limit::of_registrations as fn(&App) -> Limit),
            _ => None,
        };
        Self { method, path, guard, handler: on(filter, handler), limit }
    }

    fn within(self, limit: fn(&App) -> Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// Everything that the public listener answers.
#[rustfmt::skip]
pub fn public() -> Vec<Route> {
    use Guard::*;
    use Method as M;
    let mut routes = vec![
        Route::new(M::GET, "/.well-known/oauth-authorization-server/t/{tenant}", Public, discovery::authorization_server),
        Route::new(M::GET, "/.well-known/openid-configuration/t/{tenant}", Public, discovery::authorization_server),
        Route::new(M::GET, "/t/{tenant}/.well-known/openid-configuration", Public, discovery::authorization_server),
        Route::new(M::GET, "/t/{tenant}/.well-known/oauth-authorization-server", Public, discovery::authorization_server),
        Route::new(M::GET, "/.well-known/oauth-protected-resource/t/{tenant}/mcp/{server}", Public, discovery::protected_resource),
        Route::new(M::GET, "/t/{tenant}/jwks.json", Public, discovery::jwks),
        Route::new(M::POST, "/t/{tenant}/register", Registration, registration::register),
        Route::new(M::GET, "/t/{tenant}/register/{client_id}", RegistrationToken, registration::read),
        Route::new(M::PUT, "/t/{tenant}/register/{client_id}", RegistrationToken, registration::replace),
        Route::new(M::DELETE, "/t/{tenant}/register/{client_id}", RegistrationToken, registration::remove),
        Route::new(M::GET, "/t/{tenant}/login", Browser, people::login_page),
        Route::new(M::POST, "/t/{tenant}/login", Browser, people::login),
        Route::new(M::POST, "/t/{tenant}/login/with/{provider}", Browser, people::begin_with).within(Limit::of_authorizations),
        Route::new(M::GET, "/t/{tenant}/login/with/{provider}/callback", Browser, people::callback).within(Limit::of_authorizations),
        Route::new(M::POST, "/t/{tenant}/login/with/{provider}/logout", Guard::Provider, people::provider_logout).within(Limit::of_authorizations),
        Route::new(M::GET, "/t/{tenant}/login/second", Browser, people::second_page),
        Route::new(M::POST, "/t/{tenant}/login/second", Browser, people::show_second).within(Limit::of_authorizations),
        Route::new(M::GET, "/t/{tenant}/link", Browser, people::link_page).within(Limit::of_authorizations),
        Route::new(M::POST, "/t/{tenant}/link", Browser, people::set_password).within(Limit::of_authorizations),
        Route::new(M::GET, "/t/{tenant}/logout", Browser, people::logout_page),
        Route::new(M::POST, "/t/{tenant}/logout", Browser, people::logout),
        Route::new(M::GET, "/t/{tenant}/account", Browser, people::account),
        Route::new(M::POST, "/t/{tenant}/account/revoke", Browser, people::revoke),
        Route::new(M::GET, "/t/{tenant}/account/security", Browser, people::security),
        Route::new(M::GET, "/t/{tenant}/account/history", Browser, people::history),
        Route::new(M::GET, "/t/{tenant}/account/totp", Browser, people::totp_page),
        Route::new(M::POST, "/t/{tenant}/account/totp", Browser, people::add_totp),
        Route::new(M::POST, "/t/{tenant}/account/totp/remove", Browser, people::remove_totp),
        Route::new(M::GET, "/t/{tenant}/account/passkey", Browser, people::passkey_page),
        Route::new(M::POST, "/t/{tenant}/account/passkey", Browser, people::add_passkey),
        Route::new(M::POST, "/t/{tenant}/account/passkey/remove", Browser, people::remove_passkey),
        Route::new(M::POST, "/t/{tenant}/login/passkey", Browser, people::login_with_passkey).within(Limit::of_authorizations),
        Route::new(M::POST, "/t/{tenant}/account/identity", Browser, people::link_identity).within(Limit::of_authorizations),
        Route::new(M::POST, "/t/{tenant}/account/identity/remove", Browser, people::unlink_identity),
        Route::new(M::POST, "/t/{tenant}/account/recovery", Browser, people::renew_recovery),
        Route::new(M::GET, "/t/{tenant}/account/password", Browser, people::password_page),
        Route::new(M::POST, "/t/{tenant}/account/password", Browser, people::change_password),
        Route::new(M::POST, "/t/{tenant}/account/sessions/end", Browser, people::end_logins),
        Route::new(M::GET, "/console/first", Browser, first::first_page).within(Limit::of_authorizations),
        Route::new(M::POST, "/console/first", Browser, first::make_first).within(Limit::of_authorizations),
        Route::new(M::GET, pages::STYLESHEET_ROUTE, Public, pages::stylesheet),
        Route::new(M::GET, "/t/{tenant}/authorize", Browser, authorize::authorize).within(Limit::of_authorizations),
        Route::new(M::GET, "/t/{tenant}/consent", Browser, authorize::show),
        Route::new(M::POST, "/t/{tenant}/consent", Browser, authorize::decide),
        Route::new(M::POST, "/t/{tenant}/device_authorization", Client, device::request::device_authorization).within(Limit::of_devices),
        Route::new(M::GET, "/t/{tenant}/device", Browser, device::routes::show),
        Route::new(M::POST, "/t/{tenant}/device", Browser, device::routes::enter),
        Route::new(M::POST, "/t/{tenant}/device/decision", Browser, device::routes::decide),
        Route::new(M::POST, "/t/{tenant}/token", Client, token::token),
        Route::new(M::POST, "/t/{tenant}/revoke", Client, token::revoke),
        Route::new(M::POST, "/t/{tenant}/introspect", Server, introspection::introspect),
        Route::new(M::POST, "/t/{tenant}/mcp/{server}", Bearer, gateway::mcp),
        Route::new(M::GET, "/t/{tenant}/mcp/{server}", Bearer, gateway::mcp),
        Route::new(M::DELETE, "/t/{tenant}/mcp/{server}", Bearer, gateway::mcp),
        Route::new(M::OPTIONS, "/t/{tenant}/mcp/{server}", Preflight, gateway::mcp),
    ];
    routes.extend(console::routes());
    routes.extend(api::routes());
    routes
}

/// The public router, with the edge around it. Serve it with `ConnectInfo<SocketAddr>`: without a peer nothing is answered.
pub fn router(app: Arc<App>) -> Router {
    let mut oauth = Router::new();
    let mut other = Router::new();
    for Route { path, guard, handler, limit, .. } in public() {
        let handler = handler.layer(middleware::from_fn_with_state(Doubt::of(&app, guard), unsure::refuse));
        let handler = match limit {
            Some(limit) => limit(&app).around(&app, handler),
            None => handler,
        };
        match guard {
            Guard::Registration | Guard::RegistrationToken | Guard::Public | Guard::Client => {
                oauth = oauth.route(path, handler);
            }
            Guard::Console(page, action) | Guard::Api(page, action) => {
                other = other.route(path, handler.layer(Extension(console::Asked(page, action))));
            }
            // No page of a browser has a server's secret.
            Guard::Server | Guard::Provider | Guard::Browser | Guard::Bearer | Guard::Preflight => {
                other = other.route(path, handler);
            }
        }
    }
    let router = oauth.layer(cors::anybody()).merge(other).fallback(nowhere);
    Edge::new(&app.config, app.metrics.clone(), app.clock.clone(), app.entropy.clone()).around(router.with_state(app))
}

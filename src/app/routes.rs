//! Routes as data: method, path, guard, handler. Routers are built from the list, and tests read it.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodRouter, on},
};
use http::Method;

use super::App;
use crate::{
    clients::registration::{limited, routes as registration},
    gateway,
    http::edge::Edge,
    people, tenants,
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
    /// Registration of a client: the tenant's rule, quotas and rate limits.
    Registration,
    /// The holder of a registration access token (RFC 7592).
    RegistrationToken,
    /// The holder of an access token for this resource (RFC 6750).
    Bearer,
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
}

impl Route {
    fn new<H, T>(method: Method, path: &'static str, guard: Guard, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let filter = axum::routing::MethodFilter::try_from(method.clone()).unwrap_or(axum::routing::MethodFilter::GET);
        Self { method, path, guard, handler: on(filter, handler) }
    }
}

const MCP: &str = "/t/{tenant}/mcp/{server}";
/// A client that registered, under its owner's control (RFC 7592).
const CLIENT: &str = "/t/{tenant}/register/{client_id}";

/// Everything that the public listener answers.
pub fn public() -> Vec<Route> {
    use Guard::Public;
    let get = |path, guard, handler| Route { method: Method::GET, path, guard, handler };
    vec![
        get(
            "/.well-known/oauth-authorization-server/t/{tenant}",
            Public,
            axum::routing::get(tenants::routes::authorization_server),
        ),
        get(
            "/.well-known/openid-configuration/t/{tenant}",
            Public,
            axum::routing::get(tenants::routes::authorization_server),
        ),
        get(
            "/t/{tenant}/.well-known/openid-configuration",
            Public,
            axum::routing::get(tenants::routes::authorization_server),
        ),
        get(
            "/t/{tenant}/.well-known/oauth-authorization-server",
            Public,
            axum::routing::get(tenants::routes::authorization_server),
        ),
        get(
            "/.well-known/oauth-protected-resource/t/{tenant}/mcp/{server}",
            Public,
            axum::routing::get(tenants::routes::protected_resource),
        ),
        get("/t/{tenant}/jwks.json", Public, axum::routing::get(tenants::routes::jwks)),
        Route::new(Method::POST, MCP, Guard::Bearer, gateway::mcp),
        Route::new(Method::GET, MCP, Guard::Bearer, gateway::mcp),
        Route::new(Method::DELETE, MCP, Guard::Bearer, gateway::mcp),
        Route::new(Method::OPTIONS, MCP, Guard::Public, gateway::mcp),
        Route::new(Method::POST, "/t/{tenant}/register", Guard::Registration, registration::register),
        Route::new(Method::GET, CLIENT, Guard::RegistrationToken, registration::read),
        Route::new(Method::PUT, CLIENT, Guard::RegistrationToken, registration::replace),
        Route::new(Method::DELETE, CLIENT, Guard::RegistrationToken, registration::remove),
        Route::new(Method::GET, "/t/{tenant}/login", Guard::Browser, people::routes::login_page),
        Route::new(Method::POST, "/t/{tenant}/login", Guard::Browser, people::routes::login),
        Route::new(Method::GET, "/t/{tenant}/logout", Guard::Browser, people::routes::logout_page),
        Route::new(Method::POST, "/t/{tenant}/logout", Guard::Browser, people::routes::logout),
        Route::new(Method::GET, "/t/{tenant}/account", Guard::Browser, people::routes::account),
    ]
}

/// The public router, with the edge around it. Serve it with `ConnectInfo<SocketAddr>`: without a peer nothing is answered.
pub fn router(app: Arc<App>) -> Router {
    let router = public().into_iter().fold(Router::new(), |router, route| {
        let handler = match route.guard {
            Guard::Registration => limited(&app, route.handler),
            _ => route.handler,
        };
        router.route(route.path, handler)
    });
    Edge::new(&app.config, app.metrics.clone(), app.clock.clone(), app.entropy.clone()).around(router.with_state(app))
}

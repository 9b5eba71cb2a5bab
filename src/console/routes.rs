//! The routes of the console, each with the rule that it goes by.

use http::Method;

use super::{clients, grants, overview};
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
    ]
}

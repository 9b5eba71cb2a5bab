//! What pages of the console are about: something fresh for each thing that can be done, and how it is asked for.

use sallyport::{
    access::{Action, Page},
    app::routes::{Guard, Route},
    ids::PersonId,
};

use super::{
    app::{TestApp, TestTenant},
    browser::Page as Answer,
    flow::{CALLBACK, Flow},
};

/// Objects of one tenant, and the token of the console's forms.
pub(crate) struct Things {
    client: String,
    pending: String,
    suspended: String,
    removed: String,
    granted: String,
    grant: String,
    revoked: String,
    pub(crate) csrf: String,
}

/// Makes somebody an administrator.
pub(crate) async fn appoint(app: &TestApp, person: PersonId, role: &str) {
    let change = "update person set roles = array['person', $2] where id = $1";
    sqlx::query(change).bind(person.0).bind(role).execute(&app.db.owner).await.unwrap();
}

/// The page and the action of a route of the console.
pub(crate) fn rule(route: &Route) -> Option<(Page, Action)> {
    match route.guard {
        Guard::Console(page, action) => Some((page, action)),
        _ => None,
    }
}

/// The token of the form of a page, which comes after the button that logs out.
pub(crate) fn csrf(page: &str) -> String {
    let (_, rest) = page.rsplit_once("name=\"csrf\" value=\"").expect("the page has a form");
    rest.split('"').next().unwrap().to_owned()
}

impl Things {
    /// `http` is the browser of somebody who is an administrator.
    pub(crate) async fn of(app: &TestApp, tenant: &TestTenant, http: &reqwest::Client) -> Self {
        let flow = Flow::new(app, tenant);
        let client = async || flow.client_with(&[CALLBACK], false).await.id;
        let (pending, suspended, granted) = (client().await, client().await, client().await);
        for (id, change) in
            [(&pending, "status = 'pending'"), (&suspended, "status = 'disabled', status_before = 'active'")]
        {
            let change = format!("update client set {change} where id = $1");
            sqlx::query(sqlx::AssertSqlSafe(change)).bind(id).execute(&app.db.owner).await.unwrap();
        }
        let page = format!("{}/console/t/{}/clients/{pending}/approve", app.base, tenant.slug);
        let page = Answer::of(http.get(page)).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let grants = [grant(app, tenant, &granted).await, grant(app, tenant, &client().await).await];
        let [grant, revoked] = grants;
        Self {
            client: client().await,
            removed: client().await,
            csrf: csrf(&page.body),
            pending,
            suspended,
            granted,
            grant,
            revoked,
        }
    }

    /// What stands at `{object}`, or in the parameter that chooses what is meant.
    pub(crate) fn object(&self, page: Page, action: Action) -> String {
        match (page, action) {
            (Page::Clients, Action::Approve) => &self.pending,
            (Page::Clients, Action::Resume) => &self.suspended,
            (Page::Clients, Action::Remove) => &self.removed,
            (Page::Clients, _) => &self.client,
            (Page::Grants, Action::RevokeAll) => &self.granted,
            (Page::Grants, Action::Revoke) => &self.revoked,
            (Page::Grants, _) => &self.grant,
            other => panic!("{other:?} is new: say what it is about"),
        }
        .clone()
    }

    /// Where the object is named: in the path, or in this parameter.
    pub(crate) fn parameter(page: Page, action: Action) -> Option<&'static str> {
        ((page, action) == (Page::Grants, Action::RevokeAll)).then_some("client")
    }

    /// What else a form has.
    pub(crate) fn fields(page: Page, action: Action) -> &'static [(&'static str, &'static str)] {
        match (page, action) {
            (Page::Clients, Action::Suspend) => &[("reason", "under review")],
            (Page::Grants, Action::RevokeAll) => &[("count", "1")],
            _ => &[],
        }
    }

    /// The path of a route, and the parameters of a good request.
    pub(crate) fn good(&self, route: &Route, slug: &str) -> (String, Vec<(&'static str, String)>) {
        let (page, action) = rule(route).expect("a route of the console");
        let path = route.path.replace("{tenant}", slug);
        let mut fields = Vec::new();
        if route.method == http::Method::POST {
            fields.extend(Self::fields(page, action).iter().map(|(name, value)| (*name, (*value).to_owned())));
            fields.push(("csrf", self.csrf.clone()));
        }
        if let Some(name) = Self::parameter(page, action) {
            fields.push((name, self.object(page, action)));
        }
        let path = if path.contains("{object}") { path.replace("{object}", &self.object(page, action)) } else { path };
        (path, fields)
    }
}

async fn grant(app: &TestApp, tenant: &TestTenant, client: &str) -> String {
    let insert = "insert into access_grant (tenant, id, subject, person, client, server, scopes, created_at)
        values ($1, gen_random_uuid(), 'person:' || $2::text, $2, $3, $4, '{mcp:read}', now()) returning id::text";
    sqlx::query_scalar(insert)
        .bind(tenant.id.0)
        .bind(tenant.person.id.0)
        .bind(client)
        .bind(tenant.server.id.0)
        .fetch_one(&app.db.owner)
        .await
        .unwrap()
}

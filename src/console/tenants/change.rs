//! A tenant's name, whether it works, and whether it is there at all.

use axum::response::Response;
use http::StatusCode;

use super::{at, facts, named, state};
use crate::{
    apply::{
        ApplyError,
        edit::{Edit, fingerprint},
        tenant,
    },
    console::{
        Desk,
        deed::{Wrong, refused},
    },
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Fact, Input, Way},
        trouble::Trouble,
    },
    ids::Slug,
    store::platform::ListedTenant,
    tenants::Settings,
};

/// A question about a tenant, and what is done on yes.
struct Deed {
    title: &'static str,
    lead: &'static str,
    verb: &'static str,
    done: &'static str,
    /// The state in which it can be asked.
    of: &'static str,
    danger: bool,
    /// Whether the name in addresses is typed again.
    typed: bool,
    edit: fn() -> Edit,
}

const ENABLE: Deed = Deed {
    title: "Enable this tenant?",
    lead: "It works again as it did: people log in, and tokens that have not expired are good.",
    verb: "Enable",
    done: "enabled",
    of: "disabled",
    danger: false,
    typed: false,
    edit: || Edit::Enabled(true),
};

const DISABLE: Deed = Deed {
    title: "Disable this tenant?",
    lead: "Nobody logs in, no token of it is taken and no call reaches its servers, through any node, once this is done. It can be \
           enabled again.",
    verb: "Disable",
    done: "disabled",
    of: "active",
    danger: true,
    typed: false,
    edit: || Edit::Enabled(false),
};

const REMOVE: Deed = Deed {
    title: "Remove this tenant?",
    lead: "It does not come back, and its name in addresses is never used again: clients know it as an issuer. Its audit log stays, for \
           auditors.",
    verb: "Remove",
    done: "removed",
    of: "disabled",
    danger: true,
    typed: true,
    edit: || Edit::Remove,
};

async fn question(desk: &Desk, deed: &Deed) -> Result<(ListedTenant, AskPage), Trouble> {
    let row = named(desk).await?;
    let mut about = vec![Fact::new("State", state(&row.status))];
    about.extend(facts(&row));
    let mut page = AskPage {
        facts: about,
        danger: deed.danger,
        ..desk.ask(deed.title, deed.lead, deed.verb, Way::new("Back to the tenant", at(desk, &row.slug)))
    };
    if deed.typed {
        let hint = "Type its name in addresses, so that it is this one.";
        page.inputs.push(Input::text("slug", "Name in addresses", hint, ""));
    }
    Ok((row, page))
}

async fn ask(desk: Desk, deed: Deed) -> Result<Response, Trouble> {
    let (_, page) = question(&desk, &deed).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn act(desk: Desk, form: Result<Form, FormError>, deed: Deed) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (row, page) = question(&desk, &deed).await?;
    if deed.typed && desk.one(&form, "slug")?.trim() != row.slug {
        let wrong = vec![Wrong::new("slug", "that is not its name in addresses")];
        return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong));
    }
    if row.status != deed.of {
        return refused(&desk, page, ApplyError::ChangedMeanwhile("the tenant".to_owned()));
    }
    let slug = Slug::parse(&row.slug).map_err(|error| desk.visit.fault(error))?;
    match desk.edit_of(&slug, desk.recorder_elsewhere(), (deed.edit)()).await {
        Ok(ms) => desk.done(&at(&desk, &row.slug), deed.done, 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}

/// `GET …/enable`
pub(in crate::console) async fn ask_enable(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, ENABLE).await
}

/// `POST …/enable`
pub(in crate::console) async fn enable(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    act(desk, form, ENABLE).await
}

/// `GET …/disable`
pub(in crate::console) async fn ask_disable(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, DISABLE).await
}

/// `POST …/disable`
pub(in crate::console) async fn disable(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    act(desk, form, DISABLE).await
}

/// `GET …/remove`
pub(in crate::console) async fn ask_remove(desk: Desk) -> Result<Response, Trouble> {
    ask(desk, REMOVE).await
}

/// `POST …/remove`: `slug`, typed again.
pub(in crate::console) async fn remove(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    act(desk, form, REMOVE).await
}

/// The tenant's name and settings as they are now.
async fn now(desk: &Desk) -> Result<(ListedTenant, Settings), Trouble> {
    let row = named(desk).await?;
    let recorder = desk.recorder_elsewhere();
    let settings = tenant::settings_of(desk.visit.app.tools(&recorder), &row).await;
    let settings = settings.map_err(|error| desk.visit.fault(error))?;
    Ok((row, settings))
}

fn edit_page(desk: &Desk, row: &ListedTenant, name: &str, seen: &str) -> AskPage {
    let hint = "People read it on every page of theirs. Its name in addresses never changes.";
    AskPage {
        inputs: vec![Input::text("name", "Name", hint, name)],
        hidden: vec![("seen".to_owned(), seen.to_owned())],
        ..desk.ask("Edit the tenant", "", "Save", Way::new("Back to the tenant", at(desk, &row.slug)))
    }
}

/// `GET …/edit`
pub(in crate::console) async fn ask_edit(desk: Desk) -> Result<Response, Trouble> {
    let (row, settings) = now(&desk).await?;
    let seen = fingerprint(&row.name, &settings);
    let page = edit_page(&desk, &row, &row.name, &seen);
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/edit`: `name`, and `seen`: what the form was made for.
pub(in crate::console) async fn edit(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (row, settings) = now(&desk).await?;
    let (name, seen) = (desk.one(&form, "name")?.trim().to_owned(), desk.one(&form, "seen")?.to_owned());
    let page = edit_page(&desk, &row, &name, &seen);
    if let Err(error) = tenant::check_name(&name) {
        return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, vec![Wrong::new("name", error)]));
    }
    let slug = Slug::parse(&row.slug).map_err(|error| desk.visit.fault(error))?;
    let change = Edit::Tenant { seen, name, settings: Box::new(settings) };
    match desk.edit_of(&slug, desk.recorder_elsewhere(), change).await {
        Ok(ms) => desk.done(&at(&desk, &row.slug), "saved", 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}

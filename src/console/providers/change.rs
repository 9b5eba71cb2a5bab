//! Whether people may log in through a provider, and whether it is there at all.

use axum::response::Response;
use http::StatusCode;

use super::{all, at, state};
use crate::{
    apply::edit::{Edit, ProviderChange},
    console::{Desk, deed::refused},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Way},
        trouble::Trouble,
    },
    ids::Slug,
    people::oidc::Listed,
};

/// A question about a provider, and what is done on yes.
struct Deed {
    title: &'static str,
    lead: &'static str,
    verb: &'static str,
    done: &'static str,
    change: fn() -> ProviderChange,
}

const ENABLE: Deed = Deed {
    title: "Enable this provider?",
    lead: "Whoever it vouches for can log in through it again, as its settings say.",
    verb: "Enable",
    done: "enabled",
    change: || ProviderChange::Enabled(true),
};

const DISABLE: Deed = Deed {
    title: "Disable this provider?",
    lead: "Whoever is logged in through it is logged out, and nobody comes by it until somebody enables it. Accounts stay, and so \
           does what people allowed to programs: revoke that where it should end, too.",
    verb: "Disable",
    done: "shut",
    change: || ProviderChange::Enabled(false),
};

const REMOVE: Deed = Deed {
    title: "Remove this provider?",
    lead: "Whoever is logged in through it is logged out, and nobody is known by it any more, for good: whoever has no password \
           needs a link to set one. Accounts stay, and so does what people allowed to programs. Its client secret is deleted.",
    verb: "Remove",
    done: "gone",
    change: || ProviderChange::Remove,
};

impl Deed {
    fn takes_away(&self) -> bool {
        !matches!((self.change)(), ProviderChange::Enabled(true))
    }
}

async fn question(desk: &Desk, deed: &Deed) -> Result<(Listed, AskPage), Trouble> {
    let mut tx = desk.tx().await?;
    let known = all(desk, &mut tx).await?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    let in_use = known.iter().filter(|known| known.provider.row.status == "active").count();
    let known = known.into_iter().find(|known| known.provider.row.slug == desk.object);
    let known = known.ok_or_else(|| desk.nothing("provider"))?;
    let row = &known.provider.row;
    let is_last = deed.takes_away() && in_use == 1 && row.status == "active";
    let lead = if is_last && !desk.visit.tenant.settings.login.passwords {
        format!(
            "{} Careful: passwords are not taken here, and no other provider is in use. Nobody could log in any more, you included.",
            deed.lead
        )
    } else {
        deed.lead.to_owned()
    };
    let facts = vec![
        Fact::new("Provider", Cell::Text(row.name.clone())),
        Fact::new("State", state(&row.status)),
        Fact::new("Issuer", Cell::Code(row.issuer.clone())),
        Fact::new("People who log in by it", Cell::Number(known.counts.people)),
        Fact::new("Logged in through it now", Cell::Number(known.counts.sessions)),
    ];
    let page = AskPage {
        facts,
        hidden: vec![("version".to_owned(), row.version.to_string())],
        danger: deed.takes_away(),
        ..desk.ask(deed.title, &lead, deed.verb, Way::new("Back to the provider", at(desk, &row.slug)))
    };
    Ok((known, page))
}

async fn ask(desk: Desk, deed: Deed) -> Result<Response, Trouble> {
    let (_, page) = question(&desk, &deed).await?;
    Ok(desk.visit.page(StatusCode::OK, page))
}

async fn act(desk: Desk, form: Result<Form, FormError>, deed: Deed) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let (known, page) = question(&desk, &deed).await?;
    let seen = desk.one(&form, "version")?.parse().unwrap_or(-1);
    let slug = Slug::parse(&known.provider.row.slug).map_err(|error| desk.visit.fault(error))?;
    let change = (deed.change)();
    let to = if matches!(change, ProviderChange::Remove) { desk.at("providers") } else { at(&desk, slug.as_str()) };
    match desk.edit(Edit::Provider { slug, seen, change }).await {
        Ok(ms) => desk.done(&to, deed.done, known.counts.sessions.unsigned_abs(), ms),
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

/// `POST …/remove`
pub(in crate::console) async fn remove(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    act(desk, form, REMOVE).await
}

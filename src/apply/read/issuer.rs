//! `[[tenant.server.issuer]]`

use serde::Deserialize as _;
use toml::de::{DeValue, ValueDeserializer};

use super::Item;
use crate::{config::PublicUrl, tenants::OutsideIssuer};

/// The issuers that a server trusts beside ours. None where one is wrong. `resource`: the server's own, if that is known.
pub(super) fn all(server: &Item<'_>, own: &PublicUrl, resource: Option<&str>) -> Option<Vec<OutsideIssuer>> {
    let items = server.tables("issuer", |n| format!("{}, issuer {n}", server.name));
    let good = !server.has("issuer") || matches!(server.value("issuer"), Some((DeValue::Array(_), _)));
    let read: Vec<_> = items.iter().map(|item| one(item, own, resource)).collect();
    let names = items
        .iter()
        .zip(&read)
        .filter_map(|(item, issuer)| Some((issuer.as_ref()?.issuer.as_str(), Some(item.line()))));
    server.twice("issuer", names);
    read.into_iter().collect::<Option<Vec<_>>>().filter(|_| good)
}

/// One, read as requests read it, so that nothing is known here and unknown there.
fn one(item: &Item<'_>, own: &PublicUrl, resource: Option<&str>) -> Option<OutsideIssuer> {
    let value = toml::Spanned::new(item.offset()..item.offset(), DeValue::Table(item.clone_table()));
    let issuer = OutsideIssuer::deserialize(ValueDeserializer::from(value)).map_err(|error| {
        let at = error.span().map_or(item.offset(), |span| span.start);
        item.problem_at(at, error.message().replace('\n', ", "));
    });
    let issuer = issuer.ok()?;
    let checked =
        issuer.check(own).and_then(|()| resource.map_or(Ok(()), |own_one| issuer.check_audiences(own, own_one)));
    checked.map_err(|(key, message)| item.problem(key, message)).ok()?;
    Some(issuer)
}

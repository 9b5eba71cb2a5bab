//! `[[tenant.person]]`

use super::{
    Item, ReadContext,
    secret::{self, Given},
};
use crate::{
    apply::document::{PasswordDoc, PersonDoc, ROLES},
    people::{Password, PasswordHash, Username},
};

pub(super) fn read(mut item: Item<'_>, tenant: &str, context: ReadContext<'_>) -> Option<PersonDoc> {
    let username = item.parsed("username", item.required("username"), Username::parse);
    if let Some(username) = &username {
        item.name = format!("person {tenant}/{username}");
    }
    let display_name = item.text("display_name").map(str::to_owned);
    let roles = roles(&item);
    let password = match item.has("password") {
        true => Some(password(&item, context)),
        false => {
            item.value("password");
            None
        }
    };
    let enabled = item.flag("enabled");
    item.finish();
    let username = username?;
    Some(PersonDoc {
        display_name: display_name.unwrap_or_else(|| username.to_string()),
        username,
        roles: roles?,
        password: match password {
            None => None,
            Some(password) => Some(password?),
        },
        enabled: enabled?,
        line: Some(item.line()),
    })
}

fn roles(item: &Item<'_>) -> Option<Vec<String>> {
    if !item.has("roles") {
        item.value("roles");
        return Some(vec!["person".to_owned()]);
    }
    let known = |role: &str| match ROLES.contains(&role) {
        true => Ok(role.to_owned()),
        false => Err(format!("a role is one of {}", ROLES.join(", "))),
    };
    let mut roles = item.list("roles", known)?;
    roles.sort();
    roles.dedup();
    if roles.is_empty() {
        item.problem("roles", "is empty; leave it out, or disable the person with enabled = false");
        return None;
    }
    Some(roles)
}

fn password(item: &Item<'_>, context: ReadContext<'_>) -> Option<PasswordDoc> {
    match secret::read(item, "password", context.directory)? {
        Given::Clear(text) => item.parsed("password", Some(text.expose()), Password::chosen).map(PasswordDoc::Clear),
        Given::Hash(hash) => item.parsed("password", Some(&hash), PasswordHash::parse).map(PasswordDoc::Hash),
    }
}

//! Identity providers in forms.

use serde_json::Value;

use super::{document, lines, said};
use crate::{
    apply::{
        ApplyError, Mistakes, ProviderDoc,
        plan::Kind,
        state::State,
        step::{self, Removed, Step, Write},
    },
    config::PublicUrl,
    ids::Slug,
    people::oidc::{Provider, ProviderSettings},
    secret::SecretText,
    store::{StoreError, providers::ProviderRow},
};

/// What becomes different of an identity provider.
#[derive(Debug)]
pub enum ProviderChange {
    /// Everything but its slug, its issuer, and whether it is in use.
    Facts(Box<ProviderDoc>),
    /// Whether people may log in through it.
    Enabled(bool),
    /// It goes, and its slug is never used again.
    Remove,
}

/// What a form says of an identity provider, but for the client secret.
#[derive(Clone, Debug, Default)]
pub struct ProviderForm {
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Its issuer identifier.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// How we prove ourselves to it.
    pub auth_method: String,
    /// The rest.
    pub settings: ProviderSettings,
}

impl ProviderForm {
    /// Checks what the form says, by the rules for a file. Without a secret the one that is kept stays.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(
        &self,
        secret: Option<SecretText>,
        tenant: &Slug,
        public_url: &PublicUrl,
    ) -> Result<ProviderDoc, Mistakes> {
        let keys = [
            ("slug", &self.slug),
            ("name", &self.name),
            ("issuer", &self.issuer),
            ("client_id", &self.client_id),
            ("auth_method", &self.auth_method),
        ];
        let mut text = lines(keys)?;
        let settings = serde_json::to_value(&self.settings).map_err(|_| said("the settings are none".to_owned()))?;
        let unseen = |members: &serde_json::Map<String, Value>| {
            members.iter().find(|(_, value)| has_control(value)).map(|(key, _)| key.clone())
        };
        if let Some(key) = settings.as_object().and_then(unseen) {
            return Err(said(format!("{key} has a character that cannot be seen; type it anew")));
        }
        text.push_str("settings = ");
        inline(&settings, &mut text);
        let document = document(tenant, public_url, "provider", &text)?;
        let provider = document.tenants.into_iter().flat_map(|tenant| tenant.providers).next();
        let provider = provider.ok_or_else(|| said("the form says nothing of a provider".to_owned()))?;
        // Never part of a text that is parsed: it would be part of messages, too.
        Ok(ProviderDoc { client_secret: secret, ..provider })
    }
}

fn has_control(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(char::is_control),
        Value::Array(items) => items.iter().any(has_control),
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.chars().any(char::is_control) || has_control(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// As TOML has it in one line. There are no control characters, so that a JSON string is a basic string.
fn inline(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for item in items {
                inline(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            // What is null is not said.
            for (n, (name, value)) in members.iter().filter(|(_, value)| !value.is_null()).enumerate() {
                text.push_str(if n == 0 { " " } else { ", " });
                text.push_str(&format!("{} = ", Value::from(name.as_str())));
                inline(value, text);
            }
            text.push_str(" }");
        }
        other => text.push_str(&other.to_string()),
    }
}

/// A provider that is to be made.
pub(super) fn new(state: &State, doc: ProviderDoc) -> Result<ProviderDoc, ApplyError> {
    match state.providers.get(doc.slug.as_str()) {
        None => Ok(doc),
        Some(old) => {
            let there = if old.is_removed() { "was" } else { "is" };
            let message = format!(
                "slug is wrong: there {there} a provider {} already: choose another name in addresses",
                doc.slug
            );
            Err(said(message).into())
        }
    }
}

/// What a change comes to.
pub(super) enum Changed {
    /// The provider as it is to be.
    To(ProviderDoc),
    /// It goes.
    Gone(ProviderRow),
}

pub(super) fn changed(state: &State, slug: &Slug, seen: i64, change: ProviderChange) -> Result<Changed, ApplyError> {
    let meanwhile = || ApplyError::ChangedMeanwhile(format!("the provider {slug}"));
    let old = state.providers.get(slug.as_str()).filter(|old| !old.is_removed()).ok_or_else(meanwhile)?;
    if old.version != seen {
        return Err(meanwhile());
    }
    let takes_away = matches!(change, ProviderChange::Enabled(false) | ProviderChange::Remove);
    let mut others = state.providers.values().filter(|other| other.id != old.id);
    if takes_away
        && old.status == "active"
        && !state.settings.login.passwords
        && others.all(|other| other.status != "active")
    {
        let message = "passwords are not taken here, and no other provider is in use: nobody could log in any more. Let passwords be taken first";
        return Err(said(message.to_owned()).into());
    }
    Ok(match change {
        ProviderChange::Facts(doc) => Changed::To(*doc),
        ProviderChange::Enabled(enabled) => Changed::To(ProviderDoc { enabled: Some(enabled), ..as_it_is(slug, old)? }),
        ProviderChange::Remove => Changed::Gone(old.clone()),
    })
}

fn as_it_is(slug: &Slug, row: &ProviderRow) -> Result<ProviderDoc, StoreError> {
    let Provider { row, settings } = Provider::of(row.clone())?;
    Ok(ProviderDoc {
        slug: slug.clone(),
        name: row.name,
        issuer: row.issuer,
        client_id: row.client_id,
        auth_method: Some(row.auth_method),
        client_secret: None,
        settings,
        enabled: None,
        line: None,
    })
}

pub(super) fn removal(tenant: &Slug, row: ProviderRow) -> Step {
    let change = step::removal(Kind::Provider, format!("{tenant}/{}", row.slug));
    Step { change, write: Write::Remove(Removed::Provider(Box::new(row))) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_form_says_is_read_as_from_a_file() {
        for value in [
            json!({}),
            json!({ "a": {}, "b": [], "c": "\\ \"é\" = }" }),
            json!({ "roles": [{ "claim": "a b", "value": "]", "role": "x" }, {}], "of.it": { "#": "'" }, "n": 1 }),
        ] {
            let mut text = "v = ".to_owned();
            inline(&value, &mut text);
            let read: Value = toml::from_str(&text).unwrap();
            assert_eq!(read, json!({ "v": value }), "{text}");
        }
    }
}

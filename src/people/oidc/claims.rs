//! What a provider says of a person, and who that is here.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{Accounts, ProviderSettings, Refusal};
use crate::{http::pages::display_text, ids::PersonId, people::Username};

/// The longest `sub`, in bytes (OpenID Connect Core §2).
const MAX_SUBJECT: usize = 255;
/// The longest name on pages, in characters.
const MAX_NAME: usize = 200;
/// Ways to prove oneself that are noted, and how long their names may be.
const MAX_AMR: (usize, usize) = (8, 32);
/// How much clocks may differ, in seconds.
const SKEW: i64 = 60;
/// Roles that a provider's word can give.
pub const SESSION_ROLES: [&str; 2] = ["administrator", "auditor"];

/// The claims of an ID token that was verified.
pub struct Claims(pub Map<String, Value>);

/// Who that is here.
#[derive(Debug, PartialEq, Eq)]
pub enum Account {
    /// Somebody who was here before.
    Known(PersonId),
    /// Somebody for whom an account is made.
    New {
        /// The name at login, if nobody has it.
        username: Username,
        /// The name on pages.
        display_name: Option<String>,
    },
}

/// Why nobody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAccount {
    /// The provider's name for the person is none.
    #[error("the subject cannot be used")]
    Subject,
    /// Nobody is known by that subject, and no accounts are made.
    #[error("the subject is not known")]
    Unknown,
    /// A claim that must be there is not.
    #[error("a required claim is not there")]
    Claims,
    /// The address is not verified, or in another domain.
    #[error("the address is not verified, or in no domain that is let in")]
    Email,
    /// It is linked already: the account there to somebody else's here, or the account here to another one there.
    #[error("the account there or the one here is linked to another one")]
    Linked,
    /// No username can be made of the claims.
    #[error("no username can be made of the claims, or it is taken")]
    Username,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
}

/// Decides who a provider means. By the subject alone: names and addresses change hands.
///
/// # Errors
/// See [`NoAccount`].
pub fn account_for(
    settings: &ProviderSettings,
    claims: &Claims,
    known: Option<PersonId>,
) -> Result<Account, NoAccount> {
    if let Some(person) = known {
        return Ok(Account::Known(person));
    }
    if settings.accounts != Accounts::Create {
        return Err(NoAccount::Unknown);
    }
    claims.may_come(settings)?;
    let named: &[&str] = match settings.username_claim.as_str() {
        "" => &["preferred_username", "email", "sub"],
        claim => &[claim],
    };
    let username = named.iter().filter_map(|name| claims.text(name)).find_map(|text| Username::parse(text).ok());
    // Others see it, so it is what it looks like.
    let display_name = claims.text("name").map(str::trim).filter(|name| name.chars().count() <= MAX_NAME);
    let display_name = display_name.map(|name| display_text(name, MAX_NAME)).filter(|name| !name.is_empty());
    Ok(Account::New { username: username.ok_or(NoAccount::Username)?, display_name })
}

impl Claims {
    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Whether a claim is this text, or a list with it.
    pub fn has(&self, name: &str, value: &str) -> bool {
        match self.0.get(name) {
            Some(Value::String(text)) => text == value,
            Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(value)),
            _ => false,
        }
    }

    /// What the provider calls the person.
    ///
    /// # Errors
    /// It is no name.
    pub fn subject(&self) -> Result<&str, NoAccount> {
        let fits = |text: &&str| (1..=MAX_SUBJECT).contains(&text.len()) && !text.chars().any(char::is_control);
        self.text("sub").filter(fits).ok_or(NoAccount::Subject)
    }

    /// When the person showed the provider who they are: now, where it does not say. `since`: when they were sent there to do so once more,
    /// in seconds since 1970.
    ///
    /// # Errors
    /// They did not, or the provider does not say.
    pub fn auth_time(&self, now: OffsetDateTime, since: Option<i64>) -> Result<OffsetDateTime, Refusal> {
        let said = self.0.get("auth_time").and_then(Value::as_i64);
        if since.is_some_and(|since| said.is_none_or(|said| said < since.saturating_sub(SKEW))) {
            return Err(Refusal::NotAnew);
        }
        let said = said.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        Ok(said.map_or(now, |at| at.min(now)))
    }

    /// How the person proved who they are, as the provider says.
    pub fn amr(&self) -> Vec<String> {
        let list = self.0.get("amr").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let words = list.iter().filter_map(Value::as_str);
        let plain =
            |word: &&str| word.len() <= MAX_AMR.1 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        words.filter(plain).take(MAX_AMR.0).map(str::to_owned).collect()
    }

    /// What the person may be because of these claims.
    pub fn roles(&self, settings: &ProviderSettings) -> Vec<String> {
        let given =
            settings.roles.iter().filter(|rule| self.has(&rule.claim, &rule.value)).map(|rule| rule.role.as_str());
        let mut given: Vec<String> = given.filter(|role| SESSION_ROLES.contains(role)).map(str::to_owned).collect();
        given.sort_unstable();
        given.dedup();
        given
    }

    /// Whether somebody who was not here before may come with these claims.
    ///
    /// # Errors
    /// The address is in no domain that is let in.
    pub fn may_come(&self, settings: &ProviderSettings) -> Result<(), NoAccount> {
        let fits = settings.email_domains.is_empty() || self.is_in(&settings.email_domains);
        if fits { Ok(()) } else { Err(NoAccount::Email) }
    }

    fn is_in(&self, domains: &[String]) -> bool {
        let verified = self.0.get("email_verified").is_some_and(|value| *value == Value::Bool(true));
        let domain = self.text("email").and_then(|address| address.rsplit_once('@')).map(|(_, domain)| domain);
        verified && domain.is_some_and(|domain| domains.iter().any(|one| one.eq_ignore_ascii_case(domain)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        Claims(value.as_object().unwrap().clone())
    }

    fn create() -> ProviderSettings {
        ProviderSettings { accounts: Accounts::Create, ..ProviderSettings::default() }
    }

    #[test]
    fn only_a_known_subject_is_somebody() {
        let ada = claims(
            json!({ "sub": "1", "preferred_username": "ada", "email": "ada@example.com", "email_verified": true }),
        );
        let id = PersonId(uuid::Uuid::from_u128(7));
        for settings in [create(), ProviderSettings::default()] {
            assert_eq!(account_for(&settings, &ada, Some(id)), Ok(Account::Known(id)));
        }
        assert_eq!(account_for(&ProviderSettings::default(), &ada, None), Err(NoAccount::Unknown));
        let new = account_for(&create(), &ada, None).unwrap();
        assert_eq!(new, Account::New { username: Username::parse("ada").unwrap(), display_name: None });
    }

    #[test]
    fn a_login_that_must_be_of_now_is_said_to_be() {
        let now = OffsetDateTime::from_unix_timestamp(10_000).unwrap();
        let at = |said: Value, since| claims(json!({ "auth_time": said })).auth_time(now, since).ok();
        let seconds = |seconds| Some(OffsetDateTime::from_unix_timestamp(seconds).unwrap());
        assert_eq!(at(json!(9_000), None), seconds(9_000));
        assert_eq!(at(json!(99_000), None), seconds(10_000), "nobody has logged in tomorrow");
        assert_eq!((at(json!(null), None), at(json!("9000"), None)), (seconds(10_000), seconds(10_000)));
        for (said, since, fits) in
            [(9_900, 9_900, true), (9_841, 9_900, true), (9_839, 9_900, false), (0, 9_900, false)]
        {
            assert_eq!(at(json!(said), Some(since)).is_some(), fits, "{said} {since}");
        }
        assert!(at(json!(null), Some(9_900)).is_none() && at(json!("9950"), Some(9_900)).is_none());
    }

    #[test]
    fn an_address_counts_only_if_it_is_verified_and_in_a_domain() {
        let settings = ProviderSettings { email_domains: vec!["example.com".to_owned()], ..create() };
        let with = |email: &str, verified: Value| {
            account_for(&settings, &claims(json!({ "sub": "1", "email": email, "email_verified": verified })), None)
        };
        assert!(with("ada@example.com", json!(true)).is_ok() && with("ada@EXAMPLE.com", json!(true)).is_ok());
        for (email, verified) in [
            ("ada@example.com", json!(false)),
            ("ada@example.com", json!("true")),
            ("ada@example.com", json!(null)),
            ("ada@evil-example.com", json!(true)),
            ("ada@example.com.evil", json!(true)),
            ("ada@example.com@evil", json!(true)),
            ("example.com", json!(true)),
        ] {
            assert_eq!(with(email, verified.clone()), Err(NoAccount::Email), "{email} {verified}");
        }
    }

    #[test]
    fn a_role_comes_from_a_claim_that_fits_and_is_a_role() {
        let rule =
            |value: &str, role: &str| RoleRule { claim: "groups".into(), value: value.into(), role: role.into() };
        let settings = ProviderSettings {
            roles: vec![rule("ops", "administrator"), rule("eyes", "auditor"), rule("ops", "root")],
            ..create()
        };
        let roles = |groups: Value| claims(json!({ "sub": "1", "groups": groups })).roles(&settings);
        assert_eq!(roles(json!(["x", "ops"])), ["administrator"]);
        assert_eq!(roles(json!("eyes")), ["auditor"]);
        assert!(roles(json!(["OPS", "operations", 1])).is_empty() && roles(json!({ "ops": true })).is_empty());
    }

    use super::super::RoleRule;
}

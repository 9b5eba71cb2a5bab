//! What a token may be used for: never more than its person may do at the time.

use crate::access::{Action, Page, RULES, Rule};

/// Rights of a token, as somebody wrote them: `clients:approve`, `servers:*`, `*:read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights(Vec<Right>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Right {
    /// None: everywhere.
    page: Option<Page>,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// All but what the console asks for a fresh login for.
    All,
    Read,
    One(Action),
}

/// Words that are no rights.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRight {
    /// There are none.
    #[error("a token needs a right, such as clients:approve or *:read")]
    None,
    /// Nothing is called so.
    #[error(
        "\"{0}\" is no right: write PAGE:ACTION, such as clients:approve, clients:read, clients:* or *:read; docs/admin-api.md has all"
    )]
    Unknown(String),
    /// It stands for nothing that a `*` covers.
    #[error("\"{0}\" gives nothing: what cannot be undone must be named with its page, such as clients:suspend")]
    Nothing(String),
}

impl Rights {
    /// Reads rights that somebody asks for.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parse(words: &[String]) -> Result<Self, BadRight> {
        if words.is_empty() {
            return Err(BadRight::None);
        }
        let one = |word: &String| {
            let right = Right::parse(word).ok_or_else(|| BadRight::Unknown(shown(word)))?;
            if RULES.iter().any(|rule| right.covers(rule)) { Ok(right) } else { Err(BadRight::Nothing(shown(word))) }
        };
        words.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Reads rights as they are stored. What is none gives none.
    pub fn stored(words: &[String]) -> Self {
        Self(words.iter().filter_map(|word| Right::parse(word)).collect())
    }

    /// Whether they go so far.
    pub fn cover(&self, rule: &Rule) -> bool {
        self.0.iter().any(|right| right.covers(rule))
    }
}

/// The word of the right for a rule: `clients:approve`.
pub(super) fn word(page: Page, action: Action) -> String {
    format!("{}:{}", page.word(), action.word())
}

/// A word of somebody, in a message.
fn shown(word: &str) -> String {
    word.chars().filter(|sign| !sign.is_control()).take(60).collect()
}

impl Right {
    fn parse(word: &str) -> Option<Self> {
        let (page, action) = word.split_once(':')?;
        let page = match page {
            "*" => None,
            page => Some(Page::ALL.into_iter().find(|known| known.word() == page)?),
        };
        let what = match action {
            "*" => What::All,
            "read" => What::Read,
            action => What::One(RULES.iter().map(|rule| rule.action).find(|known| known.word() == action)?),
        };
        Some(Self { page, what })
    }

    fn covers(self, rule: &Rule) -> bool {
        self.page.is_none_or(|page| page == rule.page)
            && match self.what {
                What::All => !rule.fresh,
                What::Read => matches!(rule.action, Action::List | Action::Show),
                // Whoever gives away what needs a fresh login in the console says exactly what.
                What::One(action) => action == rule.action && (!rule.fresh || self.page.is_some()),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(words: &[&str]) -> Result<Rights, BadRight> {
        Rights::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn each_rule_has_a_word_that_covers_it_and_nothing_else() {
        for rule in RULES {
            let only = rights(&[&word(rule.page, rule.action)]).unwrap();
            for other in RULES {
                assert_eq!(only.cover(other), other == rule, "{rule:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_star_covers_nothing_grave() {
        let stars = rights(&["*:*", "clients:*", "*:approve", "servers:*"]).unwrap();
        for rule in RULES {
            assert_eq!(stars.cover(rule), !rule.fresh, "{rule:?}");
        }
        assert_eq!(rights(&["*:suspend"]), Err(BadRight::Nothing("*:suspend".to_owned())));
    }

    #[test]
    fn reading_is_listing_and_showing() {
        let read = rights(&["clients:read"]).unwrap();
        let covered: Vec<_> =
            RULES.iter().filter(|rule| read.cover(rule)).map(|rule| (rule.page, rule.action)).collect();
        assert_eq!(covered, [(Page::Clients, Action::List), (Page::Clients, Action::Show)]);
    }

    #[test]
    fn what_is_no_right_is_refused() {
        assert_eq!(rights(&[]), Err(BadRight::None));
        for wrong in [
            "",
            "clients",
            "clients:",
            ":approve",
            "Clients:approve",
            "clients:probe",
            "keys:approve",
            "clients:approve:x",
        ] {
            assert!(rights(&["*:read", wrong]).is_err(), "{wrong}");
        }
        let stored = ["clients:fly".to_owned(), "clients:list".to_owned()];
        assert_eq!(Rights::stored(&stored), rights(&["clients:list"]).unwrap());
    }
}

//! Second factors: what somebody has, beside what they know.
//!
//! ```text
//! first factor → owed? → nothing → session
//!                      → prove   → login step → code, or recovery code → session
//!                      → enrol   → login step → a new authenticator     → session, and recovery codes
//! ```

pub mod enrol;
pub mod prove;
pub mod recovery;
pub mod reset;
pub mod totp;

use crate::{
    access::Role,
    store::second::Held,
    tenants::{LoginPolicy, SecondFactor},
};

/// What a login still needs after its first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Nothing.
    Nothing,
    /// To show the second factor that the person has.
    Prove,
    /// To set one up.
    Enrol,
}

/// What a login still needs. `roles` are those of the account and of the login; `vouched`: an identity provider says that it has
/// seen a second factor.
pub fn owed(policy: &LoginPolicy, roles: &[String], held: &Held, vouched: bool) -> Owed {
    if vouched {
        return Owed::Nothing;
    }
    if held.has_any() {
        return Owed::Prove;
    }
    if is_required(policy, roles) { Owed::Enrol } else { Owed::Nothing }
}

/// Whether somebody who may be this has to have a second factor.
pub fn is_required(policy: &LoginPolicy, roles: &[String]) -> bool {
    match policy.second_factor {
        SecondFactor::Optional => false,
        SecondFactor::Administrators => Role::of_words(roles).iter().any(|role| *role != Role::Member),
        SecondFactor::Everybody => true,
    }
}

impl Held {
    /// Whether there is a second factor. Recovery codes alone are none: they stand in for one.
    pub const fn has_any(&self) -> bool {
        self.totp_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn who_has_a_factor_shows_it_and_who_must_have_one_sets_it_up() {
        let none = Held { recovery_codes: 10, ..Held::default() };
        let app = Held { totp_since: Some(OffsetDateTime::UNIX_EPOCH), ..Held::default() };
        let policy = |second_factor| LoginPolicy { second_factor, ..LoginPolicy::default() };
        let (member, auditor) = (["person".to_owned()], ["person".to_owned(), "auditor".to_owned()]);
        for (rule, of_member, of_auditor) in [
            (SecondFactor::Optional, Owed::Nothing, Owed::Nothing),
            (SecondFactor::Administrators, Owed::Nothing, Owed::Enrol),
            (SecondFactor::Everybody, Owed::Enrol, Owed::Enrol),
        ] {
            let policy = policy(rule);
            assert_eq!(owed(&policy, &member, &none, false), of_member, "{rule:?}");
            assert_eq!(owed(&policy, &auditor, &none, false), of_auditor, "{rule:?}");
            assert_eq!(owed(&policy, &member, &app, false), Owed::Prove, "{rule:?}");
            for held in [&none, &app] {
                assert_eq!(owed(&policy, &auditor, held, true), Owed::Nothing, "a provider has seen one");
            }
        }
    }
}

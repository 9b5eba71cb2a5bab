//! The name of a log.

use crate::{config::PublicUrl, ids::TenantId, store::audit_log::PLATFORM};

/// Whose log it is, and its name in checkpoints: no log of another installation has the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// How long a name may be.
const MOST: usize = 512;

impl Origin {
    /// The log of a tenant, or that of the platform: `<public host>[:port][/path]/audit/<tenant id or "platform">`, and from the
    /// second on the number of the epoch.
    pub fn of(public_url: &PublicUrl, tenant: TenantId, epoch: i32) -> Self {
        let base = public_url.to_string();
        let base = base.split_once("://").map_or(base.as_str(), |(_, place)| place).trim_end_matches('/');
        let whose = if tenant == PLATFORM { "platform".to_owned() } else { tenant.to_string() };
        if epoch > 1 { Self(format!("{base}/audit/{whose}/{epoch}")) } else { Self(format!("{base}/audit/{whose}")) }
    }

    /// Reads a name from somebody's checkpoint: 1 to 512 visible ASCII characters without `+`.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = (1..=MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+');
        ok.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_log_has_a_name_of_its_own() {
        let url = PublicUrl::parse("https://auth.example.com").unwrap();
        let tenant = TenantId(uuid::Uuid::from_u128(7));
        let names = [
            Origin::of(&url, PLATFORM, 1),
            Origin::of(&url, tenant, 1),
            Origin::of(&url, tenant, 2),
            Origin::of(&PublicUrl::parse("http://localhost:8080").unwrap(), PLATFORM, 1),
        ];
        let texts: Vec<&str> = names.iter().map(Origin::as_str).collect();
        assert_eq!(
            texts,
            [
                "auth.example.com/audit/platform",
                "auth.example.com/audit/00000000-0000-0000-0000-000000000007",
                "auth.example.com/audit/00000000-0000-0000-0000-000000000007/2",
                "localhost:8080/audit/platform",
            ]
        );
        assert!(names.iter().all(|name| Origin::parse(name.as_str()).as_ref() == Some(name)));
    }

    #[test]
    fn what_would_break_a_note_is_no_name() {
        for bad in ["", "a b", "a+b", "a\nb", "a\u{a0}b", &"a".repeat(513)] {
            assert!(Origin::parse(bad).is_none(), "{bad:?}");
        }
    }
}

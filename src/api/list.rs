//! Lists: what part of one is asked for, and where the next begins.

use serde::Serialize;
use utoipa::ToSchema;

use super::body::Findings;
use crate::store::containing;

/// Items of a part where nothing else is said.
const USUAL: i64 = 50;
/// Items of a part at most.
const MOST: u16 = 200;
/// The longest text to search for, in characters.
const LONGEST: usize = 100;
/// Digits of a place.
const DIGITS: usize = 7;

/// A part of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Items<T> {
    /// The items.
    items: Vec<T>,
    /// Give this as `after` for the next part; null at the end.
    next: Option<String>,
}

/// What every list can be asked.
pub(super) trait Asked {
    fn q(&self) -> Option<&str>;
    fn after(&self) -> Option<&str>;
    fn limit(&self) -> Option<u16>;

    /// What is wrong with it; of `after` only where it is a number.
    fn check_part(&self, findings: &mut Findings) {
        findings.length("q", self.q().unwrap_or_default(), 0, LONGEST);
        if self.limit().is_some_and(|limit| !(1..=MOST).contains(&limit)) {
            findings.add("limit", "must be 1 to 200");
        }
    }

    /// What is wrong with a place in a list.
    fn check_after(&self, findings: &mut Findings) {
        let place = |text: &str| (1..=DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !self.after().is_none_or(place) {
            findings.add("after", "must be the `next` of another part");
        }
    }

    /// The part.
    fn part(&self) -> Part {
        let q: String = self.q().unwrap_or_default().trim().chars().filter(|sign| !sign.is_control()).collect();
        Part {
            like: (!q.is_empty()).then(|| containing(&q)),
            q,
            offset: self.after().and_then(|after| after.parse().ok()).unwrap_or_default(),
            size: self.limit().map_or(USUAL, i64::from),
        }
    }
}

/// A part that is asked for.
pub(super) struct Part {
    /// The text to search for. Empty: everything.
    pub(super) q: String,
    /// The same as a pattern.
    pub(super) like: Option<String>,
    /// Items before it.
    pub(super) offset: i64,
    /// Items at most.
    pub(super) size: i64,
}

impl Part {
    /// Rows to read: one more than are shown, to see whether there are more.
    pub(super) const fn limit(&self) -> i64 {
        self.size + 1
    }

    /// The part, out of as many rows.
    pub(super) fn of<R, T>(&self, rows: Vec<R>, view: impl FnMut(R) -> T) -> Items<T> {
        let size = usize::try_from(self.size).unwrap_or_default();
        let next = (rows.len() > size).then(|| (self.offset + self.size).to_string());
        Items { items: rows.into_iter().take(size).map(view).collect(), next }
    }
}

impl<T> Items<T> {
    /// A part whose end somebody else knows.
    pub(super) const fn with(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next }
    }
}

/// The parameters of a list: those that each has, and its own.
macro_rules! asked {
    ($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(super) struct $name {
            /// Only what contains this text.
            #[param(max_length = 100)]
            q: Option<String>,
            $($(#[$meta])* $field: Option<$type>,)*
            /// The `next` of the part before. A list that changes meanwhile may have an item twice, or leave one out.
            #[param(pattern = "^[0-9]{1,7}$")]
            after: Option<String>,
            /// Items at most; 50 where nothing is said.
            #[param(minimum = 1, maximum = 200)]
            limit: Option<u16>,
        }

        impl $crate::api::list::Asked for $name {
            fn q(&self) -> Option<&str> {
                self.q.as_deref()
            }

            fn after(&self) -> Option<&str> {
                self.after.as_deref()
            }

            fn limit(&self) -> Option<u16> {
                self.limit
            }
        }

        impl $crate::api::body::Check for $name {
            fn check(&self, findings: &mut $crate::api::body::Findings) {
                use $crate::api::list::Asked as _;
                self.check_part(findings);
                self.check_after(findings);
            }
        }
    };
}

pub(super) use asked;

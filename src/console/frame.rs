//! Navigation.

use super::Desk;
use crate::{
    access::{self, Action, Page, Role},
    http::{
        csrf::Purpose,
        pages::console::{Frame, NavItem},
    },
};

/// What surrounds a page of this request.
pub(super) fn of(desk: &Desk) -> Frame {
    let (visit, roles) = (&desk.visit, &desk.roles);
    let opens =
        |page: &Page| [Action::List, Action::Show].into_iter().any(|action| access::may(roles, *page, action).is_ok());
    let item = |page: Page| NavItem {
        label: page.name().to_owned(),
        href: desk.at(page.slug()),
        current: page == desk.page.part(),
    };
    let role = if roles.contains(&Role::Administrator) { Role::Administrator } else { Role::Auditor };
    let is_here = |page: &Page| page.part() == *page && page.is_at(visit.tenant.platform);
    Frame {
        place: visit.tenant.name.clone(),
        person: desk.session.display_name.clone(),
        role: role.name().to_owned(),
        nav: Page::ALL.into_iter().filter(is_here).filter(opens).map(item).collect(),
        account_href: visit.path("account"),
        logout_action: visit.path("logout"),
        logout_csrf: visit.csrf(Purpose::Account),
        done: done(desk),
    }
}

/// What the change before this page did: a word of ours and two numbers in the address.
fn done(desk: &Desk) -> Option<String> {
    let query = desk.visit.query().ok()?;
    let number =
        |name| -> u64 { query.one(name).ok().flatten().and_then(|text| text.parse().ok()).unwrap_or_default() };
    let (n, ms) = (number("n"), number("ms"));
    let many = |one: &str, more: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {more}") };
    let everywhere = format!("refused everywhere after {ms} ms");
    Some(match query.one("done").ok()?? {
        "approved" => "Approved. The client can ask people now; each of them is asked as always.".to_owned(),
        "approved-many" => {
            format!("Approved {}, and whatever registers as this software from now on.", many("client", "clients"))
        }
        "suspended" => format!("Suspended: {everywhere}."),
        "resumed" => "Resumed. Tokens that it still has work again.".to_owned(),
        "removed" => format!("Removed, with all that was granted to it: {everywhere}."),
        "revoked" => format!("Revoked {}: {everywhere}.", many("grant", "grants")),
        "saved" => format!("Saved. In force on every node after {ms} ms."),
        "made" => format!("Made. In force on every node after {ms} ms."),
        "disabled" => format!("Disabled: {everywhere}."),
        "shut" => format!("Disabled. Nobody logs in through it any more. Ended {}.", many("login", "logins")),
        "gone" => format!("Removed. Nobody logs in through it any more. Ended {}.", many("login", "logins")),
        "enabled" => "Enabled. It works again.".to_owned(),
        "reset" => "Their second factor is gone. They are logged out.".to_owned(),
        "ended" => format!("Ended {}.", many("session", "sessions")),
        "rotated" => {
            "A new key was made. Servers learn it from the published key set before it signs anything.".to_owned()
        }
        "taken-back" => "Taken back. It is refused everywhere from now on.".to_owned(),
        "nothing" => "Nothing was different, so nothing was changed.".to_owned(),
        _ => return None,
    })
}

//! The shapes of the console.

use sallyport::http::pages::{
    Chart, Lines, Point, Scale, Unit, Values,
    console::{
        AskPage, Attention, Cell, Column, Difference, Fact, Filter, Frame, Input, ListPage, NavItem, Opt, OverviewPage,
        Pager, Row, Search, Section, SheetPage, Tile, Tone, Way,
    },
};

use super::{Sample, sample};

fn frame() -> Frame {
    let item =
        |label: &str, current| NavItem { label: label.into(), href: format!("/console/t/demo/{label}"), current };
    Frame {
        place: "Northwind".into(),
        person: "Dana Ruiz".into(),
        role: "Administrator".into(),
        nav: vec![item("Overview", false), item("Clients", true), item("Grants", false)],
        account_href: "/t/demo/account".into(),
        logout_action: "/t/demo/logout".into(),
        logout_csrf: "csrf-token".into(),
        done: None,
    }
}

fn cells() -> Vec<Cell> {
    vec![
        Cell::Link { text: "Claude Code".into(), href: "/console/t/demo/clients/c_1".into(), hint: "\u{d7}3".into() },
        Cell::state("Waits for approval", Tone::Waits),
        Cell::Names(vec!["mcp:read".into(), "mcp:write".into()]),
        Cell::Time { words: "2 hours ago".into(), exact: "2026-08-03T08:00:00Z".into() },
        Cell::Number(41),
        Cell::Nothing,
    ]
}

fn list() -> ListPage {
    let column = |label: &str, number| Column {
        label: label.into(),
        number,
        href: Some("/console/t/demo/clients?sort=name".into()),
        sorted: (label == "Client").then_some(false),
    };
    let option = |value: &str, chosen| Opt { value: value.into(), label: "Any".into(), chosen };
    ListPage {
        frame: frame(),
        title: "Clients".into(),
        lead: "Programs that may ask your people for access.".into(),
        search: Search {
            action: "/console/t/demo/clients".into(),
            q: "cl\"aude".into(),
            placeholder: "Name".into(),
            filters: vec![Filter {
                name: "status".into(),
                label: "Status".into(),
                options: vec![option("", true), option("active", false)],
            }],
            sort: "name".into(),
            narrowed: true,
        },
        columns: ["Client", "Status", "May", "Came", "Grants", "Note"]
            .map(|label| column(label, label == "Grants"))
            .into(),
        rows: vec![Row { cells: cells() }, Row { cells: cells() }],
        pager: Pager { first: 1, last: 2, previous: None, next: Some("/console/t/demo/clients?page=2".into()) },
        actions: vec![Way::new("Revoke many", "/console/t/demo/revoke".into()).primary()],
        empty: "No client has come yet.".into(),
    }
}

fn sheet() -> SheetPage {
    SheetPage {
        frame: Frame { done: Some("Approved.".into()), ..frame() },
        back: Way::new("Clients", "/console/t/demo/clients".into()),
        title: "Claude Code".into(),
        state: Cell::state("Active", Tone::Good),
        lead: "Its name is its own claim.".into(),
        facts: cells().into_iter().map(|cell| Fact::new("Fact", cell)).collect(),
        sections: vec![
            Section::new("What people allowed it", "Two of them.")
                .table(&["Client", "State", "May", "Came", "n", ""], vec![cells()]),
            Section::new("Metadata", "")
                .pre("{\n  \"client_name\": \"<b>Claude</b>\"\n}".into())
                .more(Way::new("All", "/console".into())),
        ],
        actions: vec![Way::new("Approve", "/console/t/demo/clients/c_1/approve".into()).primary()],
        danger: vec![Way::new("Suspend", "/console/t/demo/clients/c_1/suspend".into()).hint("Stops it.")],
    }
}

fn ask() -> AskPage {
    let mut page = AskPage {
        frame: frame(),
        back: Way::new("Back to the client", "/console/t/demo/clients/c_1".into()),
        title: "Suspend this client?".into(),
        lead: "Nothing of it is accepted any more.".into(),
        error: Some("A reason is one line.".into()),
        anew: Some("/console/t/demo/clients/c_1/suspend".into()),
        facts: vec![Fact::new("Client id", Cell::Code("c_1".into()))],
        differences: vec![Difference { name: "name".into(), old: "Notes".into(), new: "Team notes".into() }],
        inputs: vec![
            Input::text("reason", "Reason", "People see it.", "under review"),
            Input::area("scopes", "Scopes", "One a line.", "mcp:read\nmcp:write"),
            Input::secret("key", "Key", "Empty: it stays."),
            Input::check("remember", "Later ones, too", "Now and then.", true),
            Input::select("server", "Server", "Which.", &[("", "All"), ("demo", "Team notes")], "demo"),
        ],
        action: "/console/t/demo/clients/c_1/suspend".into(),
        csrf: "csrf-token".into(),
        hidden: vec![("version".into(), "7".into())],
        verb: "Suspend".into(),
        danger: true,
    };
    for field in ["reason", "scopes", "key", "remember", "server"] {
        assert!(page.mark(field, "This cannot stay."), "{field}");
    }
    assert!(!page.mark("nothing", "There is no such field."));
    page
}

/// Calls on some days.
pub(super) fn chart() -> Chart {
    let now = time::macros::datetime!(2026-08-03 10:20 UTC);
    let point = |n: i64| Point {
        begins: Unit::Day.beginning(now) - time::Duration::days(n),
        forwarded: (n * 37) % 91,
        denied: if n % 7 == 0 { 5 } else { 0 },
    };
    Chart::new(&(0..30).map(point).collect::<Vec<_>>(), Unit::Day, 30, now)
}

fn lines() -> Lines {
    let now = time::macros::datetime!(2026-08-03 10:00 UTC);
    let values = |n: i64| Values { begins: now - time::Duration::hours(n), values: vec![n % 3, n % 5] };
    let known: Vec<_> = [0, 1, 2, 5, 6, 20].map(values).into();
    let scale = Scale::Steps(&["10 ms", "100 ms", "1 s", "10 s", "longer"]);
    let title = "Half of the answers within 10 ms".to_owned();
    Lines::new(title, (&["Half within", "95 of 100 within"], scale), &known, (Unit::Hour, 24), now)
}

fn overview() -> OverviewPage {
    let tile = |label: &str| Tile {
        label: label.into(),
        value: "41".into(),
        hint: "of 12 people".into(),
        href: "/console/t/demo/grants".into(),
    };
    OverviewPage {
        frame: frame(),
        tiles: vec![tile("Grants in force"), tile("Clients"), tile("People"), tile("Servers")],
        attention: vec![Attention {
            words: "2 clients wait for an approval".into(),
            href: "/console/t/demo/clients?status=pending".into(),
            verb: "Look at them".into(),
            tone: Tone::Waits,
        }],
        charts: vec![chart(), chart().small()],
        lines: vec![lines()],
        servers: Section::new("How servers answered", "").table(&["a", "b", "c", "d", "e", "f"], vec![cells()]),
        lately: Section::new("Lately", "").table(&["a", "b", "c", "d", "e", "f"], vec![cells()]),
    }
}

pub(super) fn all() -> Vec<Sample> {
    let nothing = ListPage { rows: Vec::new(), ..list() };
    let narrowed = |narrowed| ListPage { search: Search { narrowed, ..list().search }, rows: Vec::new(), ..list() };
    vec![
        sample("console-overview", overview()),
        sample("console-list", list()),
        sample("console-list-nothing", nothing),
        sample("console-list-empty", narrowed(false)),
        sample("console-sheet", sheet()),
        sample("console-ask", ask()),
        sample(
            "console-ask-plain",
            AskPage { error: None, differences: Vec::new(), inputs: Vec::new(), danger: false, ..ask() },
        ),
    ]
}

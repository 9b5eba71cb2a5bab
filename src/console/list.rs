//! Lists: what part of one an address asks for, and the addresses of other parts.

use super::Desk;
use crate::{
    http::{
        pages::console::{Column, Filter, ListPage, Opt, Pager, Row, Search},
        trouble::Trouble,
    },
    store::containing,
};

/// Rows of one page.
const SIZE: i64 = 50;
/// The longest text to search for, in characters.
const LONGEST: usize = 100;
/// The last page that can be asked for.
const LAST: i64 = 10_000;

/// A column that a list can be sorted by, or just has.
pub(super) struct Head {
    /// Its name for people.
    pub(super) label: &'static str,
    /// Its name in the address; none where the list is not sorted by it.
    pub(super) sort: Option<&'static str>,
    /// Whether its values are numbers.
    pub(super) number: bool,
}

impl Head {
    pub(super) const fn of(label: &'static str) -> Self {
        Self { label, sort: None, number: false }
    }

    pub(super) const fn by(label: &'static str, sort: &'static str) -> Self {
        Self { label, sort: Some(sort), number: false }
    }

    pub(super) const fn number(label: &'static str, sort: &'static str) -> Self {
        Self { label, sort: Some(sort), number: true }
    }
}

/// A choice of the address that narrows a list.
pub(super) struct Choice {
    /// Its name in the address.
    pub(super) name: &'static str,
    /// Its name for people.
    pub(super) label: &'static str,
    /// Word in the address and word for people. The first is what is meant where the address says nothing.
    pub(super) options: &'static [(&'static str, &'static str)],
}

/// What part of a list is asked for. Whatever an address says that means nothing, the first part of all is shown.
pub(super) struct Wanted {
    /// The text to search for. Empty: everything.
    pub(super) q: String,
    /// The word of the chosen column.
    pub(super) sort: &'static str,
    /// Largest first.
    pub(super) down: bool,
    page: i64,
    chosen: Vec<(&'static Choice, &'static str)>,
}

impl Wanted {
    /// Reads the address. `sort` is the order where it says nothing: `name`, or `-created` for the newest first.
    pub(super) fn read(
        desk: &Desk,
        heads: &'static [Head],
        choices: &'static [Choice],
        sort: &'static str,
    ) -> Result<Self, Trouble> {
        let query = desk.visit.query()?;
        let text = |name: &'static str| desk.one(&query, name);
        let q: String = text("q")?.trim().chars().filter(|sign| !sign.is_control()).take(LONGEST).collect();
        let asked = match text("sort")? {
            "" => sort,
            asked => asked,
        };
        let column = |asked: &str| heads.iter().filter_map(|head| head.sort).find(|word| *word == asked);
        let (sort, down) = match column(asked.trim_start_matches('-')) {
            Some(word) => (word, asked.starts_with('-')),
            None => (sort.trim_start_matches('-'), sort.starts_with('-')),
        };
        let page = text("page")?.parse().unwrap_or(1).clamp(1, LAST);
        let mut chosen = Vec::new();
        for choice in choices {
            let asked = text(choice.name)?;
            let known = choice.options.iter().find(|(word, _)| *word == asked).or(choice.options.first());
            chosen.extend(known.map(|(word, _)| (choice, *word)));
        }
        Ok(Self { q, sort, down, page, chosen })
    }

    /// What was chosen under a name.
    pub(super) fn chosen(&self, name: &str) -> &'static str {
        self.chosen.iter().find(|(choice, _)| choice.name == name).map_or("", |(_, word)| word)
    }

    /// What was chosen, but for "everything", which is the empty word.
    pub(super) fn filter(&self, name: &str) -> Option<&'static str> {
        Some(self.chosen(name)).filter(|word| !word.is_empty())
    }

    /// Rows of a page, and one more to see whether there is another.
    pub(super) const fn limit(&self) -> i64 {
        SIZE + 1
    }

    /// Rows before the page.
    pub(super) const fn offset(&self) -> i64 {
        (self.page - 1) * SIZE
    }

    /// The pattern for `like`, if something is searched for.
    pub(super) fn pattern(&self) -> Option<String> {
        (!self.q.is_empty()).then(|| containing(&self.q))
    }

    fn is_narrowed(&self) -> bool {
        !self.q.is_empty()
            || self.chosen.iter().any(|(choice, word)| choice.options.first().is_some_and(|(first, _)| first != word))
    }

    fn href(&self, base: &str, sort: &str, page: i64) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        for (choice, word) in self.chosen.iter().filter(|(_, word)| !word.is_empty()) {
            query.append_pair(choice.name, word);
        }
        query.append_pair("sort", sort);
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        format!("{base}?{}", query.finish())
    }

    /// The parts of a list page that follow from what was asked for: search, columns, pager.
    pub(super) fn page(&self, desk: &Desk, heads: &[Head], placeholder: &str, mut rows: Vec<Row>) -> ListPage {
        let base = desk.at(desk.page.slug());
        let more = rows.len() > usize::try_from(SIZE).unwrap_or(usize::MAX);
        rows.truncate(usize::try_from(SIZE).unwrap_or(usize::MAX));
        let sort = if self.down { format!("-{}", self.sort) } else { self.sort.to_owned() };
        let column = |head: &Head| {
            let sorted = head.sort.filter(|word| *word == self.sort).map(|_| self.down);
            let other = head.sort.map(|word| if sorted == Some(false) { format!("-{word}") } else { word.to_owned() });
            Column {
                label: head.label.to_owned(),
                number: head.number,
                href: other.map(|other| self.href(&base, &other, 1)),
                sorted,
            }
        };
        let filter = |(choice, word): &(&Choice, &str)| Filter {
            name: choice.name.to_owned(),
            label: choice.label.to_owned(),
            options: choice
                .options
                .iter()
                .map(|(value, label)| Opt {
                    value: (*value).to_owned(),
                    label: (*label).to_owned(),
                    chosen: value == word,
                })
                .collect(),
        };
        ListPage {
            frame: desk.frame(),
            title: desk.page.name().to_owned(),
            lead: String::new(),
            search: Search {
                action: base.clone(),
                q: self.q.clone(),
                placeholder: placeholder.to_owned(),
                filters: self.chosen.iter().map(filter).collect(),
                sort: sort.clone(),
                narrowed: self.is_narrowed(),
            },
            columns: heads.iter().map(column).collect(),
            pager: Pager {
                first: self.offset() + 1,
                last: self.offset() + i64::try_from(rows.len()).unwrap_or_default(),
                previous: (self.page > 1).then(|| self.href(&base, &sort, self.page - 1)),
                next: (more && self.page < LAST).then(|| self.href(&base, &sort, self.page + 1)),
            },
            rows,
            actions: Vec::new(),
            empty: String::new(),
        }
    }
}

//! A question before a change, and the form for something new.

use askama::Template;

use super::{Fact, Frame, Opt, Way, filters};

/// A form of the console. It posts to where it was shown.
#[derive(Template)]
#[template(path = "console/ask.html")]
pub struct AskPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The way out: nothing happens.
    pub back: Way,
    /// What is asked.
    pub title: String,
    /// What happens, in whole sentences.
    pub lead: String,
    /// Why the last try did nothing, in whole sentences.
    pub error: Option<String>,
    /// Where it is as it is now, when somebody else was quicker.
    pub anew: Option<String>,
    /// What it is about.
    pub facts: Vec<Fact>,
    /// What becomes different.
    pub differences: Vec<Difference>,
    /// What to fill in.
    pub inputs: Vec<Input>,
    /// Where it posts to.
    pub action: String,
    /// The CSRF token.
    pub csrf: String,
    /// What goes along unseen.
    pub hidden: Vec<(String, String)>,
    /// The button: a verb.
    pub verb: String,
    /// Whether it takes something away.
    pub danger: bool,
}

impl AskPage {
    /// Says at a field why what is there cannot stay, and begins at the first such field. False: there is no such field.
    pub fn mark(&mut self, name: &str, why: &str) -> bool {
        let named = |input: &&mut Input| input.name == name && !matches!(input.kind, InputKind::Heading);
        let Some(input) = self.inputs.iter_mut().find(named) else { return false };
        let before = input.error.take().map(|before| format!("{before} ")).unwrap_or_default();
        input.error = Some(format!("{before}{why}"));
        let mut before = false;
        for input in &mut self.inputs {
            input.focus = input.error.is_some() && !before;
            before |= input.focus;
        }
        true
    }
}

/// One field, before and after.
pub struct Difference {
    /// Its name.
    pub name: String,
    /// What it is.
    pub old: String,
    /// What it becomes.
    pub new: String,
}

/// Something to fill in.
pub struct Input {
    /// Its name in the form.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What belongs there.
    pub hint: String,
    /// How it is filled in.
    pub kind: InputKind,
    /// Why what is there cannot stay.
    pub error: Option<String>,
    /// Whether it is what somebody looks at first.
    pub focus: bool,
}

/// How something is filled in.
pub enum InputKind {
    /// A line.
    Text(String),
    /// Several lines.
    Area(String),
    /// A line that is not shown, neither while it is typed nor afterwards.
    Secret,
    /// Yes or no.
    Check {
        /// What is sent.
        value: String,
        /// Whether it is ticked.
        checked: bool,
    },
    /// One of a few.
    Select(Vec<Opt>),
    /// A day, as `2026-08-03`.
    Date(String),
    /// Nothing: the name of what follows.
    Heading,
}

impl InputKind {
    /// The lines that are shown of a text: all of a short one, and never none.
    pub fn rows(&self) -> usize {
        match self {
            Self::Area(text) => (text.lines().count() + 1).clamp(3, 12),
            _ => 1,
        }
    }
}

impl Input {
    /// A line.
    pub fn text(name: &str, label: &str, hint: &str, value: &str) -> Self {
        Self::new(name, label, hint, InputKind::Text(value.to_owned()))
    }

    /// Several lines.
    pub fn area(name: &str, label: &str, hint: &str, value: &str) -> Self {
        Self::new(name, label, hint, InputKind::Area(value.to_owned()))
    }

    /// A line that is not shown.
    pub fn secret(name: &str, label: &str, hint: &str) -> Self {
        Self::new(name, label, hint, InputKind::Secret)
    }

    /// Yes or no: sends `yes`.
    pub fn check(name: &str, label: &str, hint: &str, checked: bool) -> Self {
        Self::new(name, label, hint, InputKind::Check { value: "yes".to_owned(), checked })
    }

    /// One of a few: value and name of each.
    pub fn select(name: &str, label: &str, hint: &str, options: &[(&str, &str)], chosen: &str) -> Self {
        let option = |(value, label): &(&str, &str)| Opt {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: *value == chosen,
        };
        Self::new(name, label, hint, InputKind::Select(options.iter().map(option).collect()))
    }

    /// A day, as `2026-08-03`.
    pub fn date(name: &str, label: &str, hint: &str, value: &str) -> Self {
        Self::new(name, label, hint, InputKind::Date(value.to_owned()))
    }

    /// The name of what follows, and what to know of it.
    pub fn heading(label: &str, hint: &str) -> Self {
        Self::new("", label, hint, InputKind::Heading)
    }

    fn new(name: &str, label: &str, hint: &str, kind: InputKind) -> Self {
        Self { name: name.to_owned(), label: label.to_owned(), hint: hint.to_owned(), kind, error: None, focus: false }
    }
}

//! An object as a list of named values, so that two states of it can be compared and shown.

use super::plan::Field;

/// What is known of an object. No secrets.
#[derive(Debug, Default)]
pub(super) struct Facts(Vec<Fact>);

#[derive(Debug)]
struct Fact {
    name: String,
    value: String,
    shown: String,
}

impl Facts {
    /// Adds a value. An empty one is as good as none.
    pub(super) fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let value = value.into();
        self.add_shown(name, value.clone(), value);
    }

    /// Adds a value of which only a part is shown.
    pub(super) fn add_shown(&mut self, name: impl Into<String>, value: String, shown: String) {
        if !value.is_empty() {
            self.0.push(Fact { name: name.into(), value, shown });
        }
    }

    fn get(&self, name: &str) -> Option<&Fact> {
        self.0.iter().find(|fact| fact.name == name)
    }

    /// What differs, in the order of `new`, and then what is gone.
    pub(super) fn differences(old: &Self, new: &Self) -> Vec<Field> {
        let shown = |fact: &Fact| fact.shown.clone();
        let changed = new.0.iter().filter_map(|fact| {
            let before = old.get(&fact.name);
            let differs = before.is_none_or(|before| before.value != fact.value);
            differs.then(|| Field { name: fact.name.clone(), old: before.map(shown), new: Some(shown(fact)) })
        });
        let gone = old.0.iter().filter(|fact| new.get(&fact.name).is_none());
        let gone = gone.map(|fact| Field { name: fact.name.clone(), old: Some(shown(fact)), new: None });
        changed.chain(gone).collect()
    }
}

/// `yes` or `no`
pub(super) fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

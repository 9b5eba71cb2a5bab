//! Strict JSON: one value, no duplicate keys, bounded depth; and borrowed access to an object's members.

use std::{borrow::Cow, cell::Cell, collections::BTreeSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not one JSON value in UTF-8.
    Syntax,
    /// An object names a member twice: parsers disagree on which one counts.
    DuplicateKey,
    /// Nested deeper than allowed.
    TooDeep,
}

/// Reads `body` as exactly one JSON value whose objects have distinct keys (after unescaping) and which nests at most
/// `max_depth` levels. Returns it as text.
pub(crate) fn check(body: &[u8], max_depth: usize) -> Result<&str, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::Syntax)?;
    let fault = Cell::new(Fault::Syntax);
    let mut parser = serde_json::Deserializer::from_str(text);
    Walk { depth_left: max_depth, fault: &fault }
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|_| fault.get())?;
    Ok(text)
}

/// Visits a value and everything in it, keeping nothing.
#[derive(Clone, Copy)]
struct Walk<'f> {
    depth_left: usize,
    fault: &'f Cell<Fault>,
}

impl Walk<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => Err(self.fail(Fault::TooDeep)),
        }
    }

    fn fail<E: serde::de::Error>(self, fault: Fault) -> E {
        self.fault.set(fault);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // `any`, not `ignored_any`: only this visits strings, and so refuses broken escapes.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = BTreeSet::new();
        while let Some(Key(key)) = members.next_key()? {
            if !seen.insert(key) {
                return Err(self.fail(Fault::DuplicateKey));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// An object's key, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The members of one object, each value as the raw text it was written in.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The members of the object `text`, or nothing if it is something else.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The names of the members.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// The first of `known`, names in ASCII, that a member imitates: equal but for case. Some JSON libraries match names
    /// without regard to case (Go's does, with Unicode folding), so an upstream might take such a member for the real one.
    pub(super) fn imitation<'k>(&self, known: &[&'k str]) -> Option<&'k str> {
        self.keys().find_map(|key| {
            // Folding costs more than reading, and an object may have as many members as fit into a body: each is folded at
            // most once.
            let folded = if key.is_ascii() { Cow::Borrowed(key) } else { Cow::Owned(folded(key)) };
            known.iter().copied().find(|name| folded.eq_ignore_ascii_case(name) && *name != key)
        })
    }
}

/// Upper case first: `ſ` becomes `S`; then lower case: the Kelvin sign becomes `k`.
fn folded(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = access.next_key()? {
                    members.push((key, access.next_value::<&RawValue>()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The string `raw`, or nothing if it is another kind of value.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether `raw` is `null`.
pub(super) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

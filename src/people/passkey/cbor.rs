//! CBOR as authenticators write it (CTAP2 canonical form), and nothing more of it: definite lengths, the shortest spelling,
//! no tags, no floats, no key twice.
//!
//! The order of keys is not asked for: for years there were browsers that wrote `authData` before `fmt`, and since no
//! key may come twice, the order has no meaning.

use std::collections::HashSet;

/// The longest text, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// How deep arrays and maps go (CTAP2 §8).
const MOST_DEPTH: usize = 4;

/// Why bytes are no CBOR that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCbor {
    /// Longer than anything that an authenticator has to say.
    #[error("it is too long")]
    Long,
    /// It ends too early.
    #[error("it ends in the middle")]
    End,
    /// It goes on where it should have ended.
    #[error("something follows it")]
    Trailing,
    /// More arrays or maps inside each other than CTAP2 allows.
    #[error("it is nested too deeply")]
    Deep,
    /// A length or a number in more bytes than it needs.
    #[error("it has a number that is not in its shortest form")]
    Spelling,
    /// An indefinite length, a tag, a float or another value that has no business here.
    #[error("it has a value of a kind that authenticators do not send")]
    Kind,
    /// A text that is not UTF-8.
    #[error("it has a text that is not UTF-8")]
    Text,
    /// A key that is neither a number nor a text.
    #[error("it has a key that is neither number nor text")]
    Key,
    /// A key that comes twice.
    #[error("it has the same key twice")]
    Twice,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number between -2^64 and 2^64 - 1.
    Number(i128),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// Values.
    Array(Vec<Value<'a>>),
    /// Values by numbers and texts, in the order in which they stood.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// True or false.
    Bool(bool),
    /// Null.
    Null,
}

impl<'a> Value<'a> {
    /// Reads one value that is all of the bytes.
    ///
    /// # Errors
    /// See [`BadCbor`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadCbor> {
        match Self::first(bytes)? {
            (value, []) => Ok(value),
            _ => Err(BadCbor::Trailing),
        }
    }

    /// Reads one value, and hands back what follows it.
    ///
    /// # Errors
    /// See [`BadCbor`].
    pub fn first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BadCbor> {
        if bytes.len() > MOST_BYTES {
            return Err(BadCbor::Long);
        }
        let mut reader = Reader { rest: bytes };
        let value = reader.value(MOST_DEPTH)?;
        Ok((value, reader.rest))
    }

    /// The value of a map at a number.
    pub fn at(&self, key: i128) -> Option<&Self> {
        self.find(&Self::Number(key))
    }

    /// The value of a map at a text.
    pub fn named(&self, key: &'a str) -> Option<&Self> {
        self.find(&Self::Text(key))
    }

    fn find(&self, key: &Self) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The number that it is.
    pub fn number(&self) -> Option<i128> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The bytes that it is.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// How many entries the map has that it is.
    pub fn entries(&self) -> Option<usize> {
        if let Self::Map(entries) = self { Some(entries.len()) } else { None }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, BadCbor> {
        let (kind, argument) = self.head()?;
        Ok(match kind {
            0 => Value::Number(argument.into()),
            1 => Value::Number(-1 - i128::from(argument)),
            2 => Value::Bytes(self.take(argument)?),
            3 => Value::Text(std::str::from_utf8(self.take(argument)?).map_err(|_| BadCbor::Text)?),
            4 => {
                let depth = depth.checked_sub(1).ok_or(BadCbor::Deep)?;
                Value::Array((0..argument).map(|_| self.value(depth)).collect::<Result<_, _>>()?)
            }
            5 => {
                let (depth, mut seen) = (depth.checked_sub(1).ok_or(BadCbor::Deep)?, HashSet::new());
                Value::Map((0..argument).map(|_| self.entry(depth, &mut seen)).collect::<Result<_, _>>()?)
            }
            7 => match argument {
                20 => Value::Bool(false),
                21 => Value::Bool(true),
                22 => Value::Null,
                _ => return Err(BadCbor::Kind),
            },
            _ => return Err(BadCbor::Kind),
        })
    }

    /// Keys are compared as they are spelled, since each has one spelling.
    fn entry(&mut self, depth: usize, seen: &mut HashSet<&'a [u8]>) -> Result<(Value<'a>, Value<'a>), BadCbor> {
        let before = self.rest;
        if !matches!(before.first().ok_or(BadCbor::End)? >> 5, 0 | 1 | 3) {
            return Err(BadCbor::Key);
        }
        let key = self.value(0)?;
        let spelled = before.get(..before.len() - self.rest.len()).unwrap_or_default();
        if !seen.insert(spelled) {
            return Err(BadCbor::Twice);
        }
        Ok((key, self.value(depth)?))
    }

    /// What kind of value follows, and its number or length.
    fn head(&mut self) -> Result<(u8, u64), BadCbor> {
        let [first] = self.array()?;
        let (kind, short) = (first >> 5, first & 0x1f);
        // Behind a simple value there are floats, and values that have no name.
        let (argument, least) = match short {
            0..=23 => (short.into(), 0),
            _ if kind == 7 => return Err(BadCbor::Kind),
            24 => (u8::from_be_bytes(self.array()?).into(), 24),
            25 => (u16::from_be_bytes(self.array()?).into(), 1 << 8),
            26 => (u32::from_be_bytes(self.array()?).into(), 1 << 16),
            27 => (u64::from_be_bytes(self.array()?), 1 << 32),
            _ => return Err(BadCbor::Kind),
        };
        if argument < least { Err(BadCbor::Spelling) } else { Ok((kind, argument)) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadCbor> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(BadCbor::End)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], BadCbor> {
        let length = usize::try_from(length).map_err(|_| BadCbor::End)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BadCbor::End)?;
        self.rest = rest;
        Ok(taken)
    }
}

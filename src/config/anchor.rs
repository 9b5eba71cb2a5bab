//! `[audit.anchor.NAME]`: who else is told what the logs are, one table an anchor.

use std::{fmt, str::FromStr};

use super::{
    reader::Reader,
    ship::{Remote, Schemes, named},
};
use crate::audit::log::WitnessKey;

/// Somebody who is told each signed checkpoint.
#[derive(Clone, Debug)]
pub struct AnchorTarget {
    /// Its name in the configuration, by which it is remembered what it knows.
    pub name: String,
    /// What it is, with what only that kind has.
    pub kind: AnchorKind,
    /// Where it is, and what it takes for us.
    pub remote: Remote,
}

/// What an anchor is.
#[derive(Clone, Debug)]
pub enum AnchorKind {
    /// Anything that takes a POST of the note.
    Webhook,
    /// A bucket that keeps what it has been given.
    S3(Bucket),
    /// A line to a collector of logs.
    Syslog,
    /// A C2SP witness, and the key that it cosigns with.
    Witness(WitnessKey),
}

/// A bucket with object lock.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The region in signatures.
    pub region: String,
    /// The id of the access key; its secret is that of the target.
    pub access_key: String,
    /// For how many days objects cannot be removed.
    pub retain_days: u32,
}

impl AnchorTarget {
    /// All anchors.
    pub(super) fn read_all(reader: &mut Reader) -> Vec<Self> {
        let names = reader.names_under("audit.anchor");
        names.into_iter().filter_map(|name| Self::read(reader, name)).collect()
    }

    fn read(reader: &mut Reader, name: String) -> Option<Self> {
        let at = format!("audit.anchor.{name}");
        let known = named(reader, &at, &name);
        let word = reader.required(&format!("{at}.kind"), str::parse::<Word>);
        let schemes = if word == Some(Word::Syslog) { Schemes::Stream } else { Schemes::Web };
        let remote = Remote::read(reader, &at, schemes);
        let kind = match word? {
            Word::Webhook => AnchorKind::Webhook,
            Word::Syslog => AnchorKind::Syslog,
            Word::S3 => AnchorKind::S3(bucket(reader, &at, remote.as_ref())?),
            Word::Witness => AnchorKind::Witness(reader.required(&format!("{at}.key"), |text| {
                WitnessKey::parse(text).ok_or("is no key of a witness, which publishes it as name+hash+base64")
            })?),
        };
        Some(Self { name: known?, kind, remote: remote? })
    }
}

fn bucket(reader: &mut Reader, at: &str, remote: Option<&Remote>) -> Option<Bucket> {
    let plain = |text: &str| {
        let ok =
            (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if ok { Ok(text.to_owned()) } else { Err("has letters, digits and - only") }
    };
    let region = reader.value(&format!("{at}.region"), "us-east-1".to_owned(), plain);
    let access_key = reader.required(&format!("{at}.access_key"), plain);
    let retain_days = reader.number(&format!("{at}.retain_days"), 3650, 1..=36_500);
    if remote.is_some_and(|remote| remote.secret.is_none()) {
        reader.problem(&format!("{at}.secret_file"), "is required: the secret of the access key");
    }
    Some(Bucket { region, access_key: access_key?, retain_days })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Webhook,
    S3,
    Syslog,
    Witness,
}

impl FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "webhook" => Ok(Self::Webhook),
            "s3" => Ok(Self::S3),
            "syslog" => Ok(Self::Syslog),
            "witness" => Ok(Self::Witness),
            _ => Err("must be webhook, s3, syslog or witness"),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook => "webhook",
            Self::S3 => "s3",
            Self::Syslog => "syslog",
            Self::Witness => "witness",
        })
    }
}

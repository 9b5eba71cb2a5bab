//! Which requests are messages at all, and of which era: the transport's rules.

use super::{
    model::{Verdict, no_call},
    request::{Form, Heads, Request, Verb, What},
};

/// The version that the header names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    None,
    Modern,
    Legacy,
    Unknown,
}

fn version(request: &Request) -> Version {
    match request.heads {
        Heads::NoVersion => Version::None,
        Heads::UnknownVersion => Version::Unknown,
        heads if request.modern != (heads == Heads::OtherVersion) => Version::Modern,
        _ => Version::Legacy,
    }
}

/// Whether the message says of itself, in `_meta`, that it is modern.
fn claims(request: &Request) -> bool {
    request.verb == Verb::Post && request.modern && request.what != What::Answer
}

/// Whether it is modern: by what it says, by its header, or because only that era has such a thing.
pub(super) fn is_modern(request: &Request) -> bool {
    let discovers = request.verb == Verb::Post && request.what == What::Discover;
    claims(request) || version(request) == Version::Modern || discovers
}

/// Whether it can be read, at a server of this era.
pub(super) fn read(request: &Request, era: &str) -> Result<(), Verdict> {
    let bad = |status| Err(no_call(status, "no message"));
    let version = version(request);
    if request.verb != Verb::Post {
        return match (version, request.heads) {
            (Version::Unknown, _) | (_, Heads::TwiceMethod) => bad(400),
            (Version::Modern, _) => bad(405),
            (_, Heads::NoStream) if request.verb == Verb::Get => bad(406),
            _ => Ok(()),
        };
    }
    match request.heads {
        Heads::WrongType => return bad(415),
        Heads::NoStream => return bad(406),
        _ => {}
    }
    if !is_written_well(request) || !agrees(request, version) {
        return bad(400);
    }
    let what = request.what;
    match (is_modern(request), what.exists(is_modern(request))) {
        (true, false) if era == "legacy" => bad(400),
        (true, false) => bad(404),
        // A legacy client takes 404 for a lost session.
        (false, false) if what.is_request() => bad(200),
        (false, false) => bad(400),
        _ if request.form == Form::Nameless && what.name().is_some() => bad(400),
        _ => Ok(()),
    }
}

/// Whether it is one JSON-RPC message, beyond doubt.
fn is_written_well(request: &Request) -> bool {
    match request.form {
        Form::Plain | Form::Escaped | Form::Nameless => true,
        // Nobody looks for names in an answer.
        Form::LookalikeName => request.what == What::Answer,
        _ => false,
    }
}

/// Whether the headers agree with the message, and are there where they must be.
fn agrees(request: &Request, version: Version) -> bool {
    let (what, heads) = (request.what, request.heads);
    if heads == Heads::TwiceMethod {
        return false;
    }
    if what == What::Answer {
        return matches!(version, Version::None | Version::Legacy);
    }
    let mirrors = match heads {
        Heads::OtherMethod | Heads::OtherName => false,
        // Who says the name in the header only is not believed.
        _ => !(sends_name(request) && request.form == Form::Nameless),
    };
    if !is_modern(request) {
        return mirrors && version != Version::Unknown;
    }
    let complete = !what.is_request() || (sends_method(request) && (sends_name(request) || !what.is_mirrored()));
    let told = if claims(request) { version == Version::Modern } else { !what.is_request() };
    mirrors && complete && told && version == Version::Modern
}

/// Whether `Mcp-Method` is sent: modern clients do.
pub(super) fn sends_method(request: &Request) -> bool {
    match request.heads {
        Heads::Bare => false,
        Heads::Encoded => true,
        _ => request.modern,
    }
}

/// Whether `Mcp-Name` is sent.
pub(super) fn sends_name(request: &Request) -> bool {
    request.what.is_mirrored() && sends_method(request) && request.heads != Heads::NoName
}

//! Requests and policies by chance. What is odd about one is drawn apart from what it asks for: most have one oddity at most, or nobody
//! would ever come as far as policy.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::{
    policy::{ITEMS, Item, Policy, Scopes},
    request::{Credential, Door, Form, Heads, LISTS, Origin, PROMPTS, RESOURCES, Request, Session, TOOLS, Verb, What},
};

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        14 => (0..TOOLS.len()).prop_map(What::Tool),
        2 => (0..PROMPTS.len()).prop_map(What::Prompt),
        5 => (0..RESOURCES.len()).prop_map(What::Resource),
        1 => (0..PROMPTS.len()).prop_map(What::Complete),
        2 => (0..16_u8).prop_map(What::Listen),
        3 => (0..LISTS.len()).prop_map(What::List),
        3 => Just(What::Initialize),
        4 => select(vec![
            What::Task, What::Initialized, What::Ping, What::Discover, What::Cancelled, What::Unheard, What::Answer,
        ]),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        16 => Just(Verb::Post), 2 => Just(Verb::Get), 2 => Just(Verb::Delete),
        1 => select(vec![Verb::Options, Verb::Head, Verb::Put]),
    ]
}

fn door() -> impl Strategy<Value = Door> {
    prop_oneof![4 => any::<Index>().prop_map(Door::Of), 1 => Just(Door::Nowhere)]
}

fn credential() -> impl Strategy<Value = Credential> {
    use Credential::*;
    select(vec![Lower, Twice, Address, Nothing, Basic, Garbage, NeverIssued, RefreshToken, OwnJwt])
}

fn form() -> impl Strategy<Value = Form> {
    use Form::*;
    select(vec![
        Escaped,
        Batch,
        TwoMethods,
        TwoNames,
        Lookalike,
        LookalikeName,
        Trailing,
        NoMessage,
        OtherKind,
        Nameless,
    ])
}

fn heads() -> impl Strategy<Value = Heads> {
    use Heads::*;
    select(vec![
        Encoded,
        Bare,
        NoName,
        OtherMethod,
        OtherName,
        TwiceMethod,
        NoVersion,
        OtherVersion,
        UnknownVersion,
        WrongType,
        NoStream,
    ])
}

/// Which oddities are kept, a bit for each: none, one, or any.
fn kept() -> impl Strategy<Value = u8> {
    prop_oneof![8 => Just(0), 6 => (0..5).prop_map(|at| 1_u8 << at), 1 => any::<u8>()]
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let origin = select(vec![Origin::Own, Origin::Page, Origin::Foreign, Origin::Null]);
    let session = prop_oneof![
        4 => Just(Session::None), 3 => Just(Session::Own), 1 => Just(Session::Anothers), 1 => Just(Session::MadeUp),
    ];
    // Mostly in an era that has such a thing.
    let era = (any::<bool>(), prop::bool::weighted(0.9));
    let plain = (any::<Index>(), verb(), era, what(), session);
    let odd = (door(), origin, credential(), form(), heads());
    (plain, odd, kept()).prop_map(|((token, verb, (modern, fits), what, session), odd, kept)| {
        let (door, origin, credential, form, heads) = odd;
        let keep = |at: u8| kept & (1 << at) != 0;
        Request {
            token,
            verb,
            modern: if fits { what.era().unwrap_or(modern) } else { modern },
            what,
            door: if keep(0) { door } else { Door::Home },
            origin: if keep(1) { origin } else { Origin::None },
            credential: if keep(2) { credential } else { Credential::Bearer },
            form: if keep(3) { form } else { Form::Plain },
            heads: if keep(4) { heads } else { Heads::Right },
            session,
        }
    })
}

/// A good legacy `initialize`.
pub(super) fn opening() -> impl Strategy<Value = Request> {
    any::<Index>().prop_map(|token| good(token, What::Initialize, Session::None))
}

/// A good legacy request that presents a session.
pub(super) fn with_session() -> impl Strategy<Value = Request> {
    let session = select(vec![Session::Own, Session::Anothers]);
    (any::<Index>(), (0..LISTS.len()).prop_map(What::List), session)
        .prop_map(|(token, what, session)| good(token, what, session))
}

fn good(token: Index, what: What, session: Session) -> Request {
    Request {
        token,
        verb: Verb::Post,
        modern: false,
        what,
        door: Door::Home,
        origin: Origin::None,
        credential: Credential::Bearer,
        form: Form::Plain,
        heads: Heads::Right,
        session,
    }
}

pub(super) fn scopes() -> impl Strategy<Value = Scopes> {
    prop_oneof![3 => Just(Scopes::ALL), 7 => (1..=Scopes::ALL.0).prop_map(Scopes)]
}

pub(super) fn policy() -> impl Strategy<Value = Policy> {
    // Of an item: whether it is there, its scope, whether it changes nothing.
    let item = (prop::bool::weighted(0.8), any::<Index>(), any::<bool>());
    let fallback = prop::option::weighted(0.6, any::<Index>());
    let era = prop_oneof![3 => Just("auto"), 1 => Just("modern"), 1 => Just("legacy")];
    (era, scopes(), fallback, vec(item, ITEMS.len())).prop_map(|(era, declared, fallback, items)| {
        let each: Vec<_> = [Scopes::READ, Scopes::WRITE, Scopes::ADMIN]
            .into_iter()
            .filter(|scope| scope.and(declared) == *scope)
            .collect();
        let items = ITEMS.iter().zip(items).filter(|(_, (there, ..))| *there);
        let items = items.map(|(&(kind, name), (_, scope, read_only))| {
            let scope = *scope.get(&each);
            Item { kind, name, scope, read_only }
        });
        Policy { era, declared, fallback: fallback.map(|scope| *scope.get(&each)), items: items.collect() }
    })
}

//! The reader of CBOR, of keys and of authenticator data.

use proptest::prelude::*;

use super::{
    super::{
        authenticator::AuthenticatorData,
        cbor::BadCbor,
        cose::{BadKey, PublicKey},
    },
    *,
};

/// What RFC 8949, appendix A, has for values that are read here.
#[test]
fn the_examples_of_the_rfc_are_read() {
    let numbers: [(i128, &[u8]); 14] = [
        (0, b"\x00"),
        (10, b"\x0a"),
        (23, b"\x17"),
        (24, b"\x18\x18"),
        (100, b"\x18\x64"),
        (1000, b"\x19\x03\xe8"),
        (1_000_000, b"\x1a\x00\x0f\x42\x40"),
        (1_000_000_000_000, b"\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00"),
        (18_446_744_073_709_551_615, b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
        (-18_446_744_073_709_551_616, b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff"),
        (-1, b"\x20"),
        (-10, b"\x29"),
        (-100, b"\x38\x63"),
        (-1000, b"\x39\x03\xe7"),
    ];
    for (number, bytes) in numbers {
        assert_eq!(Value::read(bytes), Ok(Value::Number(number)));
    }
    let number = |number| Value::Number(number);
    let pair = |a, b| Value::Array(vec![number(a), number(b)]);
    let others: [(Value<'_>, &[u8]); 11] = [
        (Value::Bool(false), b"\xf4"),
        (Value::Bool(true), b"\xf5"),
        (Value::Null, b"\xf6"),
        (Value::Bytes(b""), b"\x40"),
        (Value::Bytes(&[1, 2, 3, 4]), b"\x44\x01\x02\x03\x04"),
        (Value::Text(""), b"\x60"),
        (Value::Text("\u{6c34}"), b"\x63\xe6\xb0\xb4"),
        (Value::Array(vec![]), b"\x80"),
        (Value::Array(vec![number(1), pair(2, 3), pair(4, 5)]), b"\x83\x01\x82\x02\x03\x82\x04\x05"),
        (map([(1, number(2)), (3, number(4))]), b"\xa2\x01\x02\x03\x04"),
        (
            Value::Map(vec![(Value::Text("a"), number(1)), (Value::Text("b"), pair(2, 3))]),
            b"\xa2\x61\x61\x01\x61\x62\x82\x02\x03",
        ),
    ];
    for (value, bytes) in others {
        assert_eq!(Value::read(bytes), Ok(value));
    }
}

#[test]
fn what_authenticators_do_not_send_is_refused() {
    use BadCbor::{Deep, End, Key, Kind, Spelling, Text, Trailing, Twice};
    let cases: [(&[u8], BadCbor); 43] = [
        (b"\xf7", Kind),
        (b"\xf0", Kind),
        (b"\xf8\xff", Kind),
        (b"\xf9\x00\x00", Kind),
        (b"\xfa\x47\xc3\x50\x00", Kind),
        (b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", Kind),
        (b"\xc1\x1a\x51\x4b\x67\xb0", Kind),
        (b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", Kind),
        (b"\xd8\x18\x45\x64\x49\x45\x54\x46", Kind),
        (b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff", Kind),
        (b"\x7f\x65\x73\x74\x72\x65\x61\xff", Kind),
        (b"\x9f\xff", Kind),
        (b"\xbf\xff", Kind),
        (b"\xff", Kind),
        (b"\x1c", Kind),
        (b"\x18\x17", Spelling),
        (b"\x19\x00\xff", Spelling),
        (b"\x1a\x00\x00\xff\xff", Spelling),
        (b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", Spelling),
        (b"\x38\x00", Spelling),
        (b"\x58\x01\x00", Spelling),
        (b"\x78\x01a", Spelling),
        (b"\x98\x01\x00", Spelling),
        (b"\xb8\x01\x00\x00", Spelling),
        (b"", End),
        (b"\x18", End),
        (b"\x42\x00", End),
        (b"\x81", End),
        (b"\xa1", End),
        (b"\xa1\x01", End),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", End),
        (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00", End),
        (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00", End),
        (b"\x00\x00", Trailing),
        (b"\x61\xff", Text),
        (b"\x81\x81\x81\x81\x80", Deep),
        (b"\xa1\x00\xa1\x00\xa1\x00\xa1\x00\xa0", Deep),
        (b"\xa1\x40\x00", Key),
        (b"\xa1\x80\x00", Key),
        (b"\xa1\xf5\x00", Key),
        (b"\xa2\x01\x00\x01\x00", Twice),
        (b"\xa3\x61a\x00\x61b\x00\x61a\x01", Twice),
        (b"\x81\xa2\x20\x00\x20\x00", Twice),
    ];
    for (bytes, error) in cases {
        assert_eq!(Value::read(bytes), Err(error), "{bytes:02x?}");
    }
    assert_eq!(Value::read(&[0; 64 * 1024 + 1]), Err(BadCbor::Long));
    assert_eq!(Value::read(b"\x81\x81\x81\x80"), Value::first(b"\x81\x81\x81\x80").map(|(value, _)| value));
}

#[test]
fn nothing_is_found_where_it_is_not() {
    let value = Value::read(b"\xa2\x01\x41\x02\x61a\x00").unwrap();
    assert_eq!((value.at(1).and_then(Value::bytes), value.entries()), (Some(&[2][..]), Some(2)));
    assert_eq!((value.at(2), value.named("b"), value.number(), value.bytes()), (None, None, None, None));
    assert_eq!(
        value.named("a").map(|found| (found.number(), found.at(1), found.entries())),
        Some((Some(0), None, None))
    );
}

/// A key that is right but for one thing.
#[test]
fn only_keys_that_are_asked_for_are_read() {
    let right = Key::new().cose();
    assert_eq!(PublicKey::read(&right).map(|key| key.algorithm()), Ok(Algorithm::Es256));
    let Ok(Value::Map(entries)) = Value::read(&right) else { panic!("no map") };
    let with = |key: i128, value: Option<Value<'_>>| {
        let others = entries.iter().filter(|(known, _)| known.number() != Some(key)).cloned();
        let entry = value.map(|value| (Value::Number(key), value));
        PublicKey::read(&write(&Value::Map(others.chain(entry).collect()))).map(|key| key.algorithm())
    };
    for key in [1, 3, -1, -2, -3] {
        assert_eq!(with(key, None), Err(BadKey::Members), "{key}");
        assert_eq!(with(key, Some(Value::Null)), Err(BadKey::Members), "{key}");
    }
    assert_eq!(with(4, Some(Value::Array(vec![]))), Err(BadKey::Members), "more than such a key has");
    for alg in [-9, -25, -35, -36, -37, -47, -53, -65535, 7, i128::from(u64::MAX)] {
        assert_eq!(with(3, Some(Value::Number(alg))), Err(BadKey::Algorithm), "{alg}");
    }
    assert_eq!(with(3, Some(Value::Number(-8))), Err(BadKey::Members), "another algorithm's members");
    assert_eq!(with(-1, Some(Value::Number(2))), Err(BadKey::Members), "another curve");
    assert_eq!(with(-2, Some(Value::Bytes(&[1; 31]))), Err(BadKey::Members));
    assert_eq!(with(-2, Some(Value::Bytes(&[1; 32]))), Err(BadKey::Key), "not on the curve");
    assert_eq!(with(-3, Some(Value::Bool(true))), Err(BadKey::Members), "a compressed point");
    assert_eq!(PublicKey::read(&[right.as_slice(), &[0]].concat()).err(), Some(BadCbor::Trailing.into()));
    assert_eq!(PublicKey::read(b"\x80").err(), Some(BadKey::Members));
}

#[test]
fn weak_keys_of_rsa_are_refused() {
    let read = |n: &[u8], e: &[u8]| {
        let number = Value::Number;
        let key = map([(1, number(3)), (3, number(-257)), (-1, Value::Bytes(n)), (-2, Value::Bytes(e))]);
        PublicKey::read(&write(&key)).map(|key| key.algorithm())
    };
    let (good, mut short) = ([0xff; 256], [0xff; 256]);
    short[0] = 0x7f;
    assert_eq!(read(&good, &[1, 0, 1]), Ok(Algorithm::Rs256));
    for (n, e) in [
        (&good[..], &[1][..]),
        (&good, &[]),
        (&good, &[2]),
        (&good, &[0, 1, 0, 1]),
        (&good, &[1, 0, 0, 0, 1]),
        (&good[..255], &[1, 0, 1]),
        (&short, &[1, 0, 1]),
        (&[0xff; 1025], &[1, 0, 1]),
        (&[&[0][..], &good].concat(), &[1, 0, 1]),
        (&[], &[1, 0, 1]),
    ] {
        assert_eq!(read(n, e), Err(BadKey::Key), "{} {e:?}", n.len());
    }
}

#[test]
fn authenticator_data_is_read_to_its_end() {
    let bad = BadPasskey::AuthenticatorData;
    let read = |bytes: &[u8]| AuthenticatorData::read(bytes).map(|data| (data.sign_count, data.attested.is_some()));
    let key = Key::new().cose();
    let whole = [data("example.org", UP_UV | AT | 0x80, 258), attested(CREDENTIAL, &key), b"\xa0".to_vec()].concat();
    assert_eq!(read(&whole), Ok((258, true)));
    assert_eq!(read(&data("example.org", UP_UV, 0)), Ok((0, false)));
    assert_eq!(read(&[data("example.org", 0x81, 0), b"\xa1\x61a\xf5".to_vec()].concat()), Ok((0, false)));
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    assert_eq!(read(&[&whole[..], &[0]].concat()), Err(BadCbor::Trailing.into()));
    assert_eq!(read(&[data("example.org", 0x01, 0), b"\xa0".to_vec()].concat()), Err(BadCbor::Trailing.into()));
    assert_eq!(read(&[data("example.org", 0x81, 0), b"\x80".to_vec()].concat()), Err(bad), "extensions are a map");
    for length in [0, 1024] {
        let long = attested(&vec![7; length], &key);
        assert_eq!(read(&[data("example.org", 0x41, 0), long].concat()), Err(BadPasskey::Credential), "{length}");
    }
}

/// Any value of a depth that is read.
fn value() -> impl Strategy<Value = Owned> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(|number| Owned::Number(number.into())),
        any::<u64>().prop_map(|number| Owned::Number(-1 - i128::from(number))),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Owned::Bytes),
        ".{0,30}".prop_map(Owned::Text),
        any::<bool>().prop_map(Owned::Bool),
    ];
    leaf.prop_recursive(3, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Owned::Array),
            prop::collection::btree_map(any::<i64>(), inner.clone(), 0..6).prop_map(Owned::Numbers),
            prop::collection::btree_map(".{0,8}", inner, 0..6).prop_map(Owned::Names),
        ]
    })
}

#[derive(Clone, Debug)]
enum Owned {
    Number(i128),
    Bytes(Vec<u8>),
    Text(String),
    Bool(bool),
    Array(Vec<Self>),
    Numbers(std::collections::BTreeMap<i64, Self>),
    Names(std::collections::BTreeMap<String, Self>),
}

impl Owned {
    fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Number(*number),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Text(text) => Value::Text(text),
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Array(values) => Value::Array(values.iter().map(Self::borrowed).collect()),
            Self::Numbers(entries) => Value::Map(
                entries.iter().map(|(key, value)| (Value::Number((*key).into()), value.borrowed())).collect(),
            ),
            Self::Names(entries) => {
                Value::Map(entries.iter().map(|(key, value)| (Value::Text(key), value.borrowed())).collect())
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in value(), after in prop::collection::vec(any::<u8>(), 0..9)) {
        let value = value.borrowed();
        let mut bytes = write(&value);
        prop_assert_eq!(Value::read(&bytes), Ok(value.clone()));
        bytes.extend_from_slice(&after);
        prop_assert_eq!(Value::first(&bytes), Ok((value, &after[..])));
    }

    #[test]
    fn what_is_read_has_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok((value, rest)) = Value::first(&bytes) {
            prop_assert_eq!([&write(&value), rest].concat(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicKey::read(&bytes);
        let _ = AuthenticatorData::read(&bytes);
        let _ = AuthenticatorData::read(&[data("example.org", 0xc5, 1), bytes.clone()].concat());
        let _ = AuthenticatorData::read(&[data("example.org", 0xc5, 1), attested(CREDENTIAL, &bytes)].concat());
    }

    #[test]
    fn no_answer_makes_a_reader_panic(text in ".{0,80}", client in ".{0,80}", object in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Registration::read(&text);
        let _ = Assertion::read(&text);
        let _ = Registration::read(&registration(client.as_bytes(), &object).to_string());
        let whole = registration(client_data("webauthn.create").to_string().as_bytes(), &object);
        let whole = Registration::read(&whole.to_string()).unwrap();
        prop_assert!(whole.verify(&us(), &CHALLENGE, Verification::Preferred).is_err());
    }
}

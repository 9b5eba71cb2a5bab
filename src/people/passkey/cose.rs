//! Public keys of passkeys (COSE, RFC 9052 and 9053, as WebAuthn §6.5.1.1 narrows it): ES256, EdDSA and RS256.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};

use super::cbor::{BadCbor, Value};

/// The moduli of RSA that are taken, in bytes.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// The longest exponent of RSA, in bytes. Nearly all are 65537.
const EXPONENT: usize = 4;

/// What a passkey signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// EdDSA on Ed25519.
    EdDsa,
    /// RSA of 2048 bits and more, PKCS #1 v1.5 and SHA-256: what Windows Hello has on older machines.
    Rs256,
}

impl Algorithm {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The number that it has with COSE.
    pub const fn id(self) -> i32 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Rs256 => -257,
        }
    }
}

/// Why bytes are no key that signatures can be checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It cannot be read.
    #[error(transparent)]
    Cbor(#[from] BadCbor),
    /// It is for an algorithm that is not asked for.
    #[error("it is neither for ES256, EdDSA nor RS256")]
    Algorithm,
    /// Members are missing, of another kind or too many.
    #[error("it does not have the members of such a key")]
    Members,
    /// No point on the curve, or a modulus that is too short or too long.
    #[error("it is no such key")]
    Key,
}

/// A key by which signatures are checked.
#[derive(Clone, Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Reads a key that is all of the bytes.
    ///
    /// # Errors
    /// See [`BadKey`].
    pub fn read(bytes: &[u8]) -> Result<Self, BadKey> {
        Self::of(&Value::read(bytes)?)
    }

    /// Reads a key. Members that it need not have are refused, as the specification wants it.
    fn of(key: &Value<'_>) -> Result<Self, BadKey> {
        let number = |at| key.at(at).and_then(Value::number);
        let bytes = |at| key.at(at).and_then(Value::bytes).ok_or(BadKey::Members);
        let shape = (number(1), number(-1), key.entries());
        let algorithm = number(3).ok_or(BadKey::Members)?;
        let known = Algorithm::ALL.into_iter().find(|known| i128::from(known.id()) == algorithm);
        let algorithm = known.ok_or(BadKey::Algorithm)?;
        let key = match (algorithm, shape) {
            (Algorithm::Es256, (Some(2), Some(1), Some(5))) => {
                let (x, y) = (exactly::<32>(bytes(-2)?)?, exactly::<32>(bytes(-3)?)?);
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4][..], x, y].concat())
            }
            (Algorithm::EdDsa, (Some(1), Some(6), Some(4))) => {
                ParsedPublicKey::new(&ED25519, exactly::<32>(bytes(-2)?)?)
            }
            (Algorithm::Rs256, (Some(3), None, Some(4))) => {
                let (n, e) = (bytes(-1)?, bytes(-2)?);
                if !is_strong(n, e) {
                    return Err(BadKey::Key);
                }
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            _ => return Err(BadKey::Members),
        };
        Ok(Self { algorithm, key: key.map_err(|_| BadKey::Key)? })
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this key made the signature.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<&[u8], BadKey> {
    if bytes.len() == N { Ok(bytes) } else { Err(BadKey::Members) }
}

/// The library looks at these only when it verifies.
fn is_strong(n: &[u8], e: &[u8]) -> bool {
    let short = n.len() == *MODULUS.start() && n.first().is_none_or(|first| *first < 0x80);
    let odd = e.last().is_some_and(|last| last % 2 == 1);
    MODULUS.contains(&n.len()) && !short && odd && e != [1] && e.len() <= EXPONENT
}

//! Codes that change with time (TOTP, RFC 6238, over HOTP, RFC 4226): HMAC-SHA-1, six digits, thirty seconds, as every authenticator knows them.

use aws_lc_rs::hmac;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::secret::{Entropy, NoEntropy, same};

/// Seconds that a code is shown for.
const STEP: i64 = 30;
/// RFC 4648 §6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_BYTES: usize = 20;

/// What a person's authenticator and we share. Neither printable nor clonable.
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// A new one, as long as RFC 4226 §4 recommends.
    ///
    /// # Errors
    /// No random bytes.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(Zeroizing::new(*entropy.bytes::<SECRET_BYTES>()?)))
    }

    /// One that was kept.
    pub fn of(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be sealed and kept.
    pub fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// One that was kept as bytes. None: they are no secret.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::of)
    }

    /// As authenticators take it (the Key URI format): from a QR code, or as a link on the telephone itself.
    pub fn uri(&self, place: &str, username: &str) -> Zeroizing<String> {
        let (place, username) = (escaped(&place.replace(':', " ")), escaped(username));
        let mut uri = Zeroizing::new(String::with_capacity(4 * (place.len() + username.len()) + 100));
        for part in ["otpauth://totp/", &place, ":", &username, "?secret=", &self.text(), "&issuer=", &place] {
            uri.push_str(part);
        }
        uri
    }

    /// As somebody types it into an authenticator: base32 without padding.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES * 8 / 5));
        for five in self.0.as_chunks::<5>().0 {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for place in (0..8).rev() {
                let letter = BASE32.get(usize::try_from(bits >> (5 * place) & 31).unwrap_or(0));
                text.push(letter.copied().unwrap_or(b'A').into());
            }
        }
        text
    }

    /// The step whose code this is: that of now, the one before or the one after, for clocks that differ; and none up to `last`, whose code was
    /// used. All three are compared, whichever fits.
    pub fn accepted(&self, code: Code, now: OffsetDateTime, last: Option<u64>) -> Option<u64> {
        let now = u64::try_from(now.unix_timestamp().div_euclid(STEP)).ok()?;
        let tried = [now.saturating_sub(1), now, now.saturating_add(1)];
        tried.into_iter().fold(None, |found, step| {
            let fits = same(&self.code(step).to_be_bytes(), &code.0.to_be_bytes());
            if fits && last.is_none_or(|last| step > last) { Some(step) } else { found }
        })
    }

    /// RFC 4226 §5.3, with six digits.
    fn code(&self, step: u64) -> u32 {
        self.truncated(step) % 1_000_000
    }

    fn truncated(&self, step: u64) -> u32 {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.as_slice());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let offset = tag.as_ref().last().map_or(0, |last| usize::from(last & 0xf));
        let four = tag.as_ref().get(offset..).and_then(|rest| rest.first_chunk::<4>());
        four.map_or(0, |four| u32::from_be_bytes(*four) & 0x7fff_ffff)
    }
}

/// Percent-encoded, blanks too.
fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Six digits that somebody typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(u32);

impl Code {
    /// Reads them; authenticators show them with a blank in the middle.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).take(7).collect();
        let ok = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if ok { digits.parse().ok().map(Self) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RFC: [u8; 20] = *b"12345678901234567890";

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn code_at(secret: &TotpSecret, seconds: u64) -> Code {
        Code::parse(&format!("{:06}", secret.code(seconds / 30))).unwrap()
    }

    /// RFC 6238, appendix B: eight digits there.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = TotpSecret::of(RFC);
        for (seconds, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(secret.truncated(seconds / 30) % 100_000_000, code, "{seconds}");
        }
        assert_eq!(*secret.text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn authenticators_are_told_who_and_where() {
        assert_eq!(
            *TotpSecret::of(RFC).uri("North & west: co", "dana+x"),
            "otpauth://totp/North%20%26%20west%20%20co:dana%2Bx?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=North%20%26%20west%20%20co"
        );
    }

    #[test]
    fn what_is_no_code_is_not_read() {
        for bad in ["", "12345", "1234567", "12 34 5x", "１２３４５６", "-12345", "+12345"] {
            assert!(Code::parse(bad).is_none(), "{bad:?}");
        }
        assert!(Code::parse(" 123 456\n") == Code::parse("123456"));
    }

    proptest! {
        #[test]
        fn a_code_is_good_around_its_time_and_once(secret: [u8; 20], seconds in 60_u64..4_000_000_000) {
            let secret = TotpSecret::of(secret);
            let (code, step) = (code_at(&secret, seconds), seconds / 30);
            let now = i64::try_from(seconds).unwrap();
            let found = secret.accepted(code, at(now), None);
            prop_assert!(found.is_some_and(|found| found.abs_diff(step) <= 1));
            for early_or_late in [now - 30, now + 30] {
                prop_assert!(secret.accepted(code, at(early_or_late), None).is_some());
            }
            // Not again, nor any from before.
            prop_assert!(secret.accepted(code, at(now), found).is_none_or(|other| other > found.unwrap()));
            prop_assert_eq!(secret.accepted(code, at(now), Some(step + 1)), None);
        }
    }
}

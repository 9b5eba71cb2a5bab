//! Passwords: Argon2id (RFC 9106), computed beside the async threads and bounded in number.

use std::{fmt, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{
        self,
        phc::{self, Output, Salt},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::{
    config,
    secret::{Entropy, NoEntropy},
};

#[cfg(test)]
mod tests;

/// The longest password, in bytes. Nobody types more, and the hash should not work for strangers.
const MAX_BYTES: usize = 1024;
/// The shortest password that a person may choose, in characters (NIST SP 800-63B).
const MIN_CHARS: usize = 8;

const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// For each hash that runs, so many may wait. More would wait longer than a browser does.
const WAITING_PER_RUNNING: usize = 32;

/// Letters and digits that nobody mistakes for one another.
const PLAIN: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GENERATED_GROUPS: usize = 4;

/// A password in clear. Neither printable nor clonable.
pub struct Password(Zeroizing<String>);

/// A text that cannot be a password here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Fewer than [`MIN_CHARS`] characters.
    #[error("a password has at least {MIN_CHARS} characters")]
    TooShort,
    /// More than [`MAX_BYTES`] bytes.
    #[error("a password has at most {MAX_BYTES} bytes")]
    TooLong,
}

impl Password {
    /// A password that somebody chose.
    pub fn chosen(text: &str) -> Result<Self, BadPassword> {
        if text.chars().count() < MIN_CHARS {
            return Err(BadPassword::TooShort);
        }
        Self::presented(text)
    }

    /// A password that somebody presents at login: whatever it is, but not endless.
    pub fn presented(text: &str) -> Result<Self, BadPassword> {
        if text.len() > MAX_BYTES {
            return Err(BadPassword::TooLong);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// A fresh password of 100 random bits that can be read aloud: `k7wd2-…`.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let mut text = Zeroizing::new(String::with_capacity(24));
        for group in 0..GENERATED_GROUPS {
            if group > 0 {
                text.push('-');
            }
            for byte in entropy.bytes::<5>()?.iter() {
                // 32 letters: every one is as likely as the others.
                text.extend(PLAIN.get(usize::from(byte % 32)).copied().map(char::from));
            }
        }
        Ok(Self(text))
    }

    /// The password itself: for the hash, and for the one print of a generated one.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What is stored of a password: a PHC string. Prints as its type's name only.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Hashes `password` with these parameters. Takes tens of milliseconds: not on an async thread.
    pub fn of(password: &Password, params: &config::Argon2, entropy: &Entropy) -> Result<Self, HashError> {
        let salt = entropy.bytes::<SALT_BYTES>()?;
        let hash = argon2id(params)?.hash_password_with_salt(password.expose().as_bytes(), salt.as_slice())?;
        Ok(Self(hash.to_string()))
    }

    /// Takes an Argon2id PHC string: from the database, or from a file that an administrator wrote.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let hash = phc::PasswordHash::new(text)?;
        let complete = hash.salt.is_some() && hash.hash.is_some();
        if complete && hash.algorithm.as_str() == Algorithm::Argon2id.as_str() && Params::try_from(&hash).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(HashError::Unreadable)
        }
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A hash that no password has: verifying against it costs as much as against a real one.
    fn nobodys(params: &config::Argon2, entropy: &Entropy) -> Result<Self, HashError> {
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: (&argon2_params(params)?).try_into()?,
            salt: Some(Salt::new(entropy.bytes::<SALT_BYTES>()?.as_slice())?),
            hash: Some(Output::new(entropy.bytes::<OUTPUT_BYTES>()?.as_slice())?),
        };
        Ok(Self(hash.to_string()))
    }

    fn verify(&self, password: &Password) -> Result<bool, HashError> {
        let hash = phc::PasswordHash::new(&self.0)?;
        match Argon2::default().verify_password(password.expose().as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn has(&self, params: &config::Argon2) -> Result<bool, HashError> {
        let hash = phc::PasswordHash::new(&self.0)?;
        let own = Params::try_from(&hash)?;
        let wanted = argon2_params(params)?;
        Ok((own.m_cost(), own.t_cost(), own.p_cost()) == (wanted.m_cost(), wanted.t_cost(), wanted.p_cost()))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

fn argon2_params(params: &config::Argon2) -> Result<Params, HashError> {
    Params::new(params.memory_kib, params.iterations, params.lanes, Some(OUTPUT_BYTES))
        .map_err(|_| HashError::Parameters)
}

fn argon2id(params: &config::Argon2) -> Result<Argon2<'static>, HashError> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, argon2_params(params)?))
}

/// Why nothing was hashed or compared. Never says anything of the password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many passwords wait already. Try again in a moment.
    #[error("too many logins at once")]
    Busy,
    /// No random bytes for a salt.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The stored hash is no Argon2id PHC string.
    #[error("a password hash is no Argon2id PHC string such as $argon2id$v=19$m=…")]
    Unreadable,
    /// Argon2 does not take these parameters.
    #[error("Argon2 does not work with these parameters: more memory or fewer lanes are needed")]
    Parameters,
    /// The thread that hashed died.
    #[error("hashing a password failed")]
    Failed,
}

impl From<password_hash::Error> for HashError {
    fn from(_: password_hash::Error) -> Self {
        Self::Unreadable
    }
}

impl From<phc::Error> for HashError {
    fn from(_: phc::Error) -> Self {
        Self::Unreadable
    }
}

/// What came of comparing a password.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Wrong, or there is no such account.
    Wrong,
    /// Right. With a fresh hash where the stored one has other parameters than are wanted now.
    Right(Option<PasswordHash>),
}

/// Hashes beside the async threads: so many at once, so many more waiting, and no more.
pub struct PasswordHasher {
    params: config::Argon2,
    entropy: Entropy,
    nobodys: PasswordHash,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher").field("params", &self.params).finish_non_exhaustive()
    }
}

impl PasswordHasher {
    /// A hasher as configured.
    ///
    /// # Errors
    /// The parameters do not work together, or there is no randomness.
    pub fn new(login: &config::Login, entropy: Entropy) -> Result<Self, HashError> {
        let parallel = login.parallel_hashes.max(1);
        Ok(Self {
            params: login.argon2,
            nobodys: PasswordHash::nobodys(&login.argon2, &entropy)?,
            entropy,
            running: Arc::new(Semaphore::new(parallel)),
            admitted: Arc::new(Semaphore::new(parallel * (1 + WAITING_PER_RUNNING))),
        })
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        let (params, entropy) = (self.params, self.entropy.clone());
        self.run(move || PasswordHash::of(&password, &params, &entropy)).await
    }

    /// Compares a password with the stored hash; costs the same where there is none.
    pub async fn verify(&self, password: Password, stored: Option<PasswordHash>) -> Result<Verdict, HashError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobodys.clone());
        let (params, entropy) = (self.params, self.entropy.clone());
        self.run(move || {
            if !stored.verify(&password)? || !known {
                return Ok(Verdict::Wrong);
            }
            let outdated = !stored.has(&params)?;
            Ok(Verdict::Right(outdated.then(|| PasswordHash::of(&password, &params, &entropy)).transpose()?))
        })
        .await
    }

    /// The permits go with the work: a request that is given up frees nothing before its hash is done.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| HashError::Busy)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| HashError::Failed)?;
        let permits: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (admitted, running);
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permits);
            result
        });
        done.await.map_err(|_| HashError::Failed)?
    }
}

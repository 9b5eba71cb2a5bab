//! Who is the human: passwords, sessions, login.

mod account;
mod name;
mod password;

pub use account::{NewPerson, PersonError, create};
pub use name::{BadUsername, Username};
pub use password::{BadPassword, HashError, Password, PasswordHash, PasswordHasher, Verdict};

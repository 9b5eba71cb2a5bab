//! Who is the human: passwords, sessions, login.

mod account;
mod admission;
mod change;
mod errand;
pub mod first;
pub mod link;
mod login;
mod name;
pub mod oidc;
pub mod passkey;
mod password;
mod person;
pub mod platform;
pub mod roles;
pub mod routes;
pub mod second;
mod session;
mod throttle;

pub use account::{NewPerson, PersonError, create, create_with, disable, enable, erase, set_password};
pub use name::{BadUsername, Username};
pub use password::{BadPassword, HashError, Password, PasswordHash, PasswordHasher, Verdict};
pub use session::{ACR_VALUES, Session, current, end_many as end_sessions};

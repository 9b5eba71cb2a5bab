//! Who is the human: passwords, sessions, login.

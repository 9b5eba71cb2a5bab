//! Who is the human, over real HTTP.

mod accounts;
mod errands;
mod events;
mod forms;
mod grants;
mod login;
mod throttle;

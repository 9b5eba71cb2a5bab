mod consent;
mod meanwhile;
mod request;

mod consent;
mod request;

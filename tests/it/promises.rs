//! What Sallyport promises, each promise against the whole.

mod no_passthrough;
mod tenants_do_not_meet;

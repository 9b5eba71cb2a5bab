//! What Sallyport promises, each promise against the whole.

mod tenants_do_not_meet;

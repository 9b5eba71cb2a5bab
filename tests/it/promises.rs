//! What Sallyport promises, each promise against the whole.

mod evidence_before_effect;
mod no_passthrough;
mod tenants_do_not_meet;
mod unsure_means_no;

//! What Sallyport promises, each promise against the whole.

mod a_dump_opens_nothing;
mod a_retry_is_not_a_thief;
mod consent_is_a_click;
mod evidence_before_effect;
mod evidence_can_be_checked;
mod grant_machine;
mod no_call_without_policy;
mod no_passthrough;
mod revoked_means_refused;
mod tenants_do_not_meet;
mod unsure_means_no;
mod used_once;
mod used_once_across_nodes;

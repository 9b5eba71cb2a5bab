mod consent;
mod crowd;
mod meanwhile;
mod request;
mod step_up;

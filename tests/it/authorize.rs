mod consent;
mod crowd;
mod device;
mod device_guesses;
mod device_request;
mod meanwhile;
mod request;
mod step_up;

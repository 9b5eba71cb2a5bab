mod attacks;
mod consent;
mod crowd;
mod meanwhile;
mod request;

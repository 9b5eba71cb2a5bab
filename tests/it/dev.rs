//! What `sallyport dev` brings along.

mod demo;
mod postgres;

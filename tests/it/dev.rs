//! What `sallyport dev` brings along.

mod demo;
mod postgres;
mod start;
mod tour;

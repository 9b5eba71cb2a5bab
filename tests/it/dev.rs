//! What `sallyport dev` brings along.

mod postgres;

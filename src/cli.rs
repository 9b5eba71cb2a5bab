//! The commands of the `sallyport` binary.

//! The edge.

mod pages;

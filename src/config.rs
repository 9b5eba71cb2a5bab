//! Configuration: one file a section; the only reader of files and environment.

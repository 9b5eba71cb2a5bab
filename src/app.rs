//! The application: state, and the separate routers (public, operations).

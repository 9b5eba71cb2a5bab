//! The one integration-test binary. Its modules mirror `src/`.

mod http;

//! The data plane: authenticate, parse, decide, swap, forward, stream.

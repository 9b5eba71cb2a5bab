//! Wall-clock and monotonic time as a parameter.

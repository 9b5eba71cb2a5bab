//! The Model Context Protocol on the wire: eras, envelopes, headers, errors. Pure: no I/O.

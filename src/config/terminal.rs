//! What the environment says of a terminal.

use std::io::IsTerminal;

/// Whether to write in colour: on a terminal that has colours, unless `NO_COLOR` is set (<https://no-color.org>).
#[expect(clippy::disallowed_methods, reason = "the one place that reads these variables")]
pub fn colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let plain = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    stream.is_terminal() && !refused && !plain
}

/// Whether a browser could open a window here.
#[expect(clippy::disallowed_methods, reason = "the one place that reads these variables")]
pub fn screen() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

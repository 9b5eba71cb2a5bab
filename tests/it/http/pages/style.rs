//! The stylesheet keeps what it promises: contrast, five sizes of type, colours by name.

use std::collections::HashMap;

pub(super) const CSS: &str = include_str!("../../../../static/sallyport.css");

/// The custom properties of the first `:root` block after `start`.
fn properties(css: &'static str) -> HashMap<&'static str, &'static str> {
    let block = css.split_once(":root {").unwrap().1.split_once('}').unwrap().0;
    block
        .split(';')
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

fn light_and_dark() -> [(&'static str, HashMap<&'static str, &'static str>); 2] {
    let (light, dark) = CSS.split_once("@media (prefers-color-scheme: dark)").unwrap();
    [("light", properties(light)), ("dark", properties(dark))]
}

/// Relative luminance of `#rrggbb`, WCAG 2.2.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_and_outlines_stand_out() {
    // Text needs 4.5 to 1; the edge of a field or button and the focus ring need 3 to 1.
    let pairs = [
        ("ink", "ground", 4.5),
        ("ink", "surface", 4.5),
        ("ink", "sunken", 4.5),
        ("ink", "danger-wash", 4.5),
        ("quiet", "ground", 4.5),
        ("quiet", "surface", 4.5),
        ("quiet", "sunken", 4.5),
        ("accent", "surface", 4.5),
        ("accent", "ground", 4.5),
        ("accent-strong", "surface", 4.5),
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-strong", 4.5),
        ("danger", "surface", 4.5),
        ("danger", "ground", 4.5),
        ("danger", "danger-wash", 4.5),
        ("edge", "surface", 3.0),
        ("edge", "sunken", 3.0),
    ];
    for (scheme, colours) in light_and_dark() {
        for (front, back, least) in pairs {
            let found = contrast(colours[front], colours[back]);
            assert!(found >= least, "{scheme}: {front} on {back} is {found:.2} to 1, and {least} is needed");
        }
    }
}

#[test]
fn both_schemes_name_the_same_colours() {
    let [(_, light), (_, dark)] = light_and_dark();
    let colours = |all: &HashMap<&'static str, &'static str>| {
        let mut names: Vec<&str> =
            all.iter().filter(|(_, value)| value.starts_with('#')).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(colours(&light), colours(&dark));
}

#[test]
fn only_custom_properties_name_colours_and_sizes_of_type() {
    for line in CSS.lines().map(str::trim).filter(|line| !line.starts_with("--") && !line.starts_with("/*")) {
        if let Some((_, value)) = line.split_once(':') {
            assert!(
                !value.contains("#") && !value.contains("rgb") && !value.contains("hsl"),
                "a colour without a name: {line}"
            );
        }
        if let Some(size) = line.split_once("font-size:").map(|(_, size)| size.trim()) {
            assert!(size.starts_with("var(--t"), "a size off the scale: {line}");
        }
    }
}

#[test]
fn nothing_moves_and_nothing_is_fetched() {
    for word in ["animation", "transition", "@import", "url(", "@font-face"] {
        assert!(!CSS.contains(word), "{word}");
    }
}

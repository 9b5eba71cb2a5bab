//! Strings that strangers chose, made fit to show.

/// How many combining marks may stand on one letter. Vietnamese needs two; towers of them paint over other lines.
const MARKS_ON_A_LETTER: usize = 2;

/// Makes a string that somebody else chose fit to show in one line of a page.
///
/// Takes out control characters, bidirectional controls and characters that nobody can see, makes every run of white
/// space one space, and cuts after `max` characters, the last of which is then an ellipsis. It may come out empty.
/// Running it twice changes nothing more. It does not escape HTML: the templates do.
pub fn display_text(text: &str, max: usize) -> String {
    let mut shown = String::new();
    let mut count = 0;
    let mut marks = 0;
    for word in text.split(is_blank) {
        let mut separator = !shown.is_empty();
        for c in word.chars().filter(|c| !is_invisible(*c)) {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            if marks > MARKS_ON_A_LETTER {
                continue;
            }
            if separator {
                separator = false;
                shown.push(' ');
                count += 1;
            }
            shown.push(c);
            count += 1;
            if count > max {
                return truncated(&shown, max);
            }
        }
    }
    shown
}

/// JSON with an escape in place of each character that nobody can see or that turns the text round: it says the same, and shows
/// what is there.
pub(super) fn in_sight(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_invisible(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    }
    shown
}

fn truncated(text: &str, max: usize) -> String {
    let Some(kept) = max.checked_sub(1) else { return String::new() };
    let kept: String = text.chars().take(kept).collect();
    format!("{}…", kept.trim_end())
}

/// White space, in the widest sense: also what only looks like it (Hangul fillers, the empty Braille pattern).
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Controls, bidirectional controls and characters of no width. Some scripts use joiners for better shaping; a name
/// stays readable without them, and with them two different names can look the same.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The combining marks that any letter can carry.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

//! What commands say. Results go to standard output, mistakes to standard error.

use std::io::{self, BufRead as _, Write as _};

use serde::Serialize;
use time::{OffsetDateTime, macros::format_description};

use super::CliError;

/// Prints one line.
pub(super) fn line(text: impl std::fmt::Display) -> Result<(), CliError> {
    writeln!(io::stdout().lock(), "{text}").map_err(CliError::Output)
}

/// Prints a value for programs.
pub(super) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))?;
    line(text)
}

/// Prints a table of texts without a head, columns aligned.
pub(super) fn table<const N: usize>(rows: &[[&str; N]]) -> Result<(), CliError> {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// `1 grant`, `3 812 grants`.
pub(super) fn amount(count: u64, thing: &str) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    let plural = match (count, thing) {
        (1, _) => thing.to_owned(),
        (_, "person") => "people".to_owned(),
        (_, "entry") => "entries".to_owned(),
        _ => format!("{thing}s"),
    };
    format!("{out} {plural}")
}

/// A time as lists have it, to the minute.
pub(super) fn minute(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).unwrap_or_default()
}

/// Asks before something ends that cannot be brought back.
pub(super) fn confirm(question: &str) -> Result<(), CliError> {
    let mut ask = io::stderr().lock();
    let asked = write!(ask, "{question}Type yes to go on: ").and_then(|()| ask.flush());
    asked.map_err(CliError::Output)?;
    let mut answer = String::new();
    // Whatever cannot be read is no yes.
    let _ = io::stdin().lock().read_line(&mut answer);
    if answer.trim() == "yes" { Ok(()) } else { Err(CliError::NotConfirmed) }
}

/// Says what should be typed, or ends the line of what was typed unseen.
pub(super) fn prompt(text: &str) -> Result<(), CliError> {
    let mut ask = io::stderr().lock();
    write!(ask, "{text}").and_then(|()| ask.flush()).map_err(CliError::Output)
}

/// Prints what somebody should know although the command goes on.
pub(super) fn warning(text: impl std::fmt::Display) {
    // As with errors.
    let _ = writeln!(io::stderr().lock(), "sallyport: {text}");
}

/// Prints why a command failed.
pub(super) fn error(error: &CliError) {
    // Nobody is left to tell when standard error is closed too.
    let _ = writeln!(io::stderr().lock(), "sallyport: {error}");
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_read_well() {
        for (count, words) in [(0, "0 grants"), (1, "1 grant"), (999, "999 grants"), (1240, "1 240 grants")] {
            assert_eq!(amount(count, "grant"), words);
        }
        assert_eq!(amount(1_234_567, "person"), "1 234 567 people");
    }
}

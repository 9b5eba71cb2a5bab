//! What `sallyport dev` tells on standard output: headings, numbered steps, and what each side saw.
//!
//! Colour only adds: without it every line says the same. Text wraps at [`WIDTH`]; commands and addresses do not, so
//! that they can be copied.

use std::{io::Write, time::Duration};

/// The widest line that wraps, in characters.
const WIDTH: usize = 96;
/// Where a step's title begins, and the names of those who saw something in it.
const STEP: usize = 6;
/// Where labels outside of steps begin.
const LABEL: usize = 4;
/// How wide a name or a label is, with the space after it.
const BESIDE: usize = 11;

/// Who takes part in the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The MCP client.
    Client,
    /// The human at the browser.
    Person,
    /// The MCP server behind Sallyport.
    Upstream,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Person => "person",
            Self::Upstream => "upstream",
        }
    }
}

/// What somebody saw or did in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saw {
    who: Who,
    text: String,
    facts: Vec<(&'static str, String)>,
}

impl Saw {
    /// One sentence, without a full stop.
    pub(super) fn new(who: Who, text: impl Into<String>) -> Self {
        Self { who, text: text.into(), facts: Vec::new() }
    }

    /// A name and a value below the sentence.
    pub(super) fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }
}

#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Accent,
    Good,
    Bad,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Accent => "36",
            Self::Good => "32",
            Self::Bad => "31",
        }
    }
}

/// Tells the story to `W`.
///
/// When nobody listens any more (`sallyport dev | head`), it goes on in silence: that is no reason to stop serving.
pub struct Story<W> {
    out: W,
    colour: bool,
    silent: bool,
}

impl<W: Write> Story<W> {
    /// A story told to `out`, in colour or without.
    pub fn new(out: W, colour: bool) -> Self {
        Self { out, colour, silent: false }
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.line("");
    }

    /// A title, and something beside it.
    pub(super) fn heading(&mut self, title: &str, beside: &str) {
        let title = self.ink(Ink::Bold, title);
        let beside = if beside.is_empty() { String::new() } else { format!("  {}", self.ink(Ink::Dim, beside)) };
        self.line(&format!("  {title}{beside}"));
    }

    /// A paragraph.
    pub(super) fn prose(&mut self, text: &str) {
        for line in wrapped(text, WIDTH - 2) {
            self.line(&format!("  {line}"));
        }
    }

    /// A step that has ended, with what was seen in it.
    pub(super) fn step(&mut self, number: usize, title: &str, took: Duration, seen: &[Saw]) {
        let time = millis(took);
        let fill = WIDTH.saturating_sub(STEP + title.chars().count() + time.len());
        let (number, title) = (self.ink(Ink::Dim, &format!("{number:>4}")), self.ink(Ink::Bold, title));
        let time = self.ink(Ink::Dim, &time);
        self.line(&format!("{number}  {title}{:fill$}{time}", ""));
        for saw in seen {
            self.saw(saw);
        }
    }

    fn saw(&mut self, saw: &Saw) {
        self.beside(STEP, saw.who.name(), &saw.text);
        let name_width = saw.facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &saw.facts {
            let name = self.ink(Ink::Dim, &format!("{name:name_width$}"));
            self.line(&format!("{:1$}{name}  {2}", "", STEP + BESIDE + 2, plain(value)));
        }
    }

    /// A label, and a text beside it that wraps.
    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        self.beside(LABEL, label, text);
    }

    fn beside(&mut self, indent: usize, label: &str, text: &str) {
        let mut label = label;
        for line in wrapped(text, WIDTH - indent - BESIDE) {
            let shown = self.ink(Ink::Accent, &format!("{label:BESIDE$}"));
            self.line(&format!("{:indent$}{shown}{line}", ""));
            label = "";
        }
    }

    /// Lines to copy, under a label.
    pub(super) fn command(&mut self, label: &str, lines: &[&str]) {
        let label = self.ink(Ink::Accent, label);
        self.line(&format!("{:LABEL$}{label}", ""));
        for line in lines {
            self.line(&format!("{:1$}{line}", "", LABEL + 2));
        }
    }

    /// That something ended as it should.
    pub(super) fn good(&mut self, text: &str) {
        self.verdict(Ink::Good, "✓", text);
    }

    /// That something did not.
    pub(super) fn bad(&mut self, text: &str) {
        self.verdict(Ink::Bad, "✗", text);
    }

    fn verdict(&mut self, ink: Ink, mark: &str, text: &str) {
        let mut mark = mark;
        for line in wrapped(text, WIDTH - 4) {
            let shown = self.ink(ink, mark);
            self.line(&format!("  {shown} {line}"));
            mark = " ";
        }
    }

    /// A line as it stands.
    pub(super) fn line(&mut self, text: &str) {
        if !self.silent {
            let told = writeln!(self.out, "{}", text.trim_end()).and_then(|()| self.out.flush());
            self.silent = told.is_err();
        }
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if self.colour && !text.trim().is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
        } else {
            text.to_owned()
        }
    }
}

/// A duration as people read it: `0.4 ms`, `37 ms`, `1.9 s`.
pub(super) fn millis(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    match millis {
        ..9.95 => format!("{millis:.1} ms"),
        ..999.5 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

/// Text from elsewhere cannot move the cursor or change colours.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Lines of at most `width` characters. A word that is longer has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').map(plain) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests;

//! What is said: one line a step, with what was got, and each problem below it.
//!
//! Whatever comes from outside is cleaned of what could play tricks on a terminal, and secrets that were learned on the
//! way are taken out of every text, whoever says them.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use super::rules::{Level, Rule};
use crate::secret::SecretText;

/// The widest line that wraps, in characters.
const WIDTH: usize = 96;
/// How wide a step's name is, with the space after it.
const NAME: usize = 20;
/// No more of a foreign text is shown.
const LONGEST: usize = 600;

/// For whom it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// People at a terminal: signs, and colour.
    Colour,
    /// People elsewhere: ASCII.
    Plain,
    /// Programs.
    Json,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is wrong.
    Good,
    /// It works, and something is wrong.
    Wrong,
    /// It could not go on.
    Stopped,
}

#[derive(Debug, Serialize)]
struct Finding {
    code: &'static str,
    level: &'static str,
    problem: String,
    requirement: &'static str,
    clients: &'static str,
}

/// A step that has ended.
#[derive(Debug, Serialize)]
struct Ended {
    step: &'static str,
    outcome: &'static str,
    got: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more: Vec<String>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Whole<'a> {
    url: &'a str,
    verdict: Verdict,
    problems: usize,
    remarks: usize,
    steps: &'a [Ended],
}

/// A step that goes on.
#[derive(Debug)]
pub(super) struct Step {
    name: &'static str,
    got: String,
    more: Vec<String>,
    findings: Vec<(&'static Rule, String)>,
}

impl Step {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, got: String::new(), more: Vec::new(), findings: Vec::new() }
    }

    /// What came, in a few words.
    pub(super) fn got(&mut self, text: impl Into<String>) -> &mut Self {
        self.got = text.into();
        self
    }

    /// A line below.
    pub(super) fn more(&mut self, text: impl Into<String>) {
        self.more.push(text.into());
    }

    /// A rule is broken; the sentence says how. The same is said once.
    pub(super) fn broke(&mut self, rule: &'static Rule, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.findings.iter().any(|(known, said)| known.code == rule.code && *said == sentence) {
            self.findings.push((rule, sentence));
        }
    }
}

impl Step {
    /// Whether one of these is broken.
    pub(super) fn has(&self, rules: &[&Rule]) -> bool {
        self.findings.iter().any(|(known, _)| rules.iter().any(|rule| rule.code == known.code))
    }

    /// Gives its findings to another step, except those.
    pub(super) fn hand_over(self, to: &mut Self, except: &[&Rule]) {
        let kept = self.findings.into_iter().filter(|(rule, _)| !except.iter().any(|other| other.code == rule.code));
        kept.for_each(|(rule, sentence)| to.broke(rule, sentence));
    }

    #[cfg(test)]
    pub(super) fn codes(&self) -> Vec<&'static str> {
        self.findings.iter().map(|(rule, _)| rule.code).collect()
    }
}

/// Says it, and keeps it.
pub struct Report<W> {
    out: W,
    looks: Looks,
    url: String,
    secrets: Vec<SecretText>,
    steps: Vec<Ended>,
    stopped_at: Option<&'static str>,
    broken: Option<std::io::Error>,
}

impl<W: Write> Report<W> {
    /// A report to `out` on the server at `url`.
    pub fn new(out: W, looks: Looks, url: &str) -> Self {
        let mut report = Self {
            out,
            looks,
            url: url.to_owned(),
            secrets: Vec::new(),
            steps: Vec::new(),
            stopped_at: None,
            broken: None,
        };
        report.text(format_args!("Trying {url}\n"));
        report
    }

    /// Never to be said, by whomever.
    pub(super) fn secret(&mut self, secret: &SecretText) {
        // Shorter ones would blot out half of the report.
        if secret.expose().len() >= 6 {
            self.secrets.push(secret.clone());
            // One may begin as another does.
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        }
    }

    /// Something for the person at the keyboard to do now: on standard error where standard output is for a program.
    pub(super) fn ask(&mut self, lines: &[&str]) {
        let text = lines.iter().map(|line| format!("    {}\n", self.clean(line, usize::MAX))).collect::<String>();
        if self.looks == Looks::Json {
            // Nobody is left to ask when standard error is closed.
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        } else {
            self.text(format_args!("{text}"));
        }
    }

    /// Says how a step went.
    pub(super) fn end(&mut self, step: Step) {
        let worst = step.findings.iter().map(|(rule, _)| rule.level).max();
        let outcome = match worst {
            None => "good",
            Some(Level::Odd) => "odd",
            Some(Level::Wrong) => "wrong",
        };
        let findings = step.findings.iter().map(|(rule, problem)| Finding {
            code: rule.code,
            level: if rule.level == Level::Wrong { "wrong" } else { "odd" },
            problem: self.clean(problem, LONGEST),
            requirement: rule.requirement,
            clients: rule.clients,
        });
        let findings: Vec<_> = findings.collect();
        let got = self.clean(&step.got, LONGEST);
        let more = step.more.iter().map(|line| self.clean(line, LONGEST)).collect();
        let ended = Ended { step: step.name, outcome, got, more, findings };
        self.told(&ended);
        self.steps.push(ended);
    }

    fn told(&mut self, step: &Ended) {
        let mark = self.mark(step.outcome);
        let mut lines = wrapped(&step.got, WIDTH - NAME - 4).into_iter();
        let first = lines.next().unwrap_or_default();
        self.text(format_args!("{}\n", format!("{mark} {:NAME$}{first}", step.step).trim_end()));
        for line in lines {
            self.text(format_args!("  {:NAME$}{line}\n", ""));
        }
        for line in &step.more {
            for line in wrapped(line, WIDTH - 6) {
                self.text(format_args!("      {line}\n"));
            }
        }
        for finding in &step.findings {
            let mark = self.mark(finding.level);
            for (at, line) in wrapped(&finding.problem, WIDTH - 6).iter().enumerate() {
                if at == 0 {
                    self.text(format_args!("    {mark} {line}\n"));
                } else {
                    self.text(format_args!("      {line}\n"));
                }
            }
            let reason = format!("{}. Clients {}. [{}]", finding.requirement, finding.clients, finding.code);
            for line in wrapped(&reason, WIDTH - 6) {
                let line = self.dim(&line);
                self.text(format_args!("      {line}\n"));
            }
        }
    }

    /// The last step was one after which it could not go on. What comes now only cleans up.
    pub(super) fn stopped(&mut self) {
        self.stopped_at = self.stopped_at.or(self.steps.last().map(|step| step.step));
    }

    /// Says how it ended.
    pub(super) fn finish(&mut self, stopped: bool) -> Verdict {
        let count = |level| self.steps.iter().flat_map(|step| &step.findings).filter(|one| one.level == level).count();
        let (problems, remarks) = (count("wrong"), count("odd"));
        let verdict = match (stopped, problems) {
            (true, _) => Verdict::Stopped,
            (false, 0) => Verdict::Good,
            (false, _) => Verdict::Wrong,
        };
        if self.looks == Looks::Json {
            let whole = Whole { url: &self.url, verdict, problems, remarks, steps: &self.steps };
            let text = serde_json::to_string_pretty(&whole).unwrap_or_default();
            self.write(format_args!("{text}\n"));
            return verdict;
        }
        self.stopped();
        let last = self.stopped_at.unwrap_or_default();
        let counts = format!("{}, {}", amount(problems as u64, "problem"), amount(remarks as u64, "remark"));
        match verdict {
            Verdict::Good => self.text(format_args!("\nIt works. {counts}.\n")),
            Verdict::Wrong => self.text(format_args!("\nIt works here, and other clients may fail. {counts}.\n")),
            Verdict::Stopped => self.text(format_args!("\nIt could not go on after \"{last}\". {counts}.\n")),
        }
        verdict
    }

    /// Why not all of it was written.
    pub fn into_error(self) -> Option<std::io::Error> {
        self.broken
    }

    fn text(&mut self, text: std::fmt::Arguments<'_>) {
        if self.looks != Looks::Json {
            self.write(text);
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        if let Err(error) = self.out.write_fmt(text).and_then(|()| self.out.flush()) {
            self.broken.get_or_insert(error);
        }
    }

    fn mark(&self, outcome: &str) -> String {
        let (sign, plain, ink) = match outcome {
            "good" => ("✓", "ok", "32"),
            "odd" => ("!", "! ", "33"),
            _ => ("✗", "x ", "31"),
        };
        if self.looks == Looks::Colour { format!("\u{1b}[{ink}m{sign}\u{1b}[0m") } else { plain.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        if self.looks == Looks::Colour { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Without secrets, without what a terminal would obey, and not too long.
    fn clean(&self, text: &str, longest: usize) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.expose(), "(secret)");
        }
        let shown: String = text.chars().map(|c| if tricks(c) { '\u{fffd}' } else { c }).collect();
        match shown.char_indices().nth(longest) {
            Some((end, _)) => format!("{}...", shown.get(..end).unwrap_or_default()),
            None => shown,
        }
    }
}

/// Characters that move the cursor, or the reader's eye.
fn tricks(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `1 second`, `2 seconds`.
pub(super) fn amount(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The text in lines no wider than `width`, unless a word is.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A foreign value as a part of a sentence. It is cut short only when secrets are taken out: half of one is one, too.
pub(super) fn quoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::rules;

    fn told(looks: Looks) -> String {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, looks, "https://mcp.example/mcp");
        report.secret(&SecretText::new("geheim-geheim".to_owned()));
        let mut step = Step::new("Exchange");
        step.got("400 of geheim-geheim \u{1b}[2J\u{202e}x");
        step.broke(&rules::TOKEN_REFUSED, "It says geheim-geheim.");
        report.end(step);
        assert_eq!(report.finish(false), Verdict::Wrong);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn secrets_and_tricks_are_left_out_for_whomever_it_is() {
        for looks in [Looks::Colour, Looks::Plain, Looks::Json] {
            let told = told(looks);
            assert!(!told.contains("geheim") && told.contains("(secret)"), "{told}");
            assert!(!told.contains('\u{202e}') && !told.contains("[2J\u{1b}") && !told.contains("\u{1b}[2J"), "{told}");
        }
        let plain = told(Looks::Plain);
        assert!(plain.is_ascii() || plain.contains('\u{fffd}'), "{plain}");
        assert!(!plain.contains('\u{1b}'), "{plain}");
        let json: Value = serde_json::from_str(&told(Looks::Json)).unwrap();
        assert_eq!(json["steps"][0]["findings"][0]["code"], "token-refused");
        assert_eq!((&json["verdict"], &json["problems"]), (&"wrong".into(), &1.into()));
    }

    #[test]
    fn a_secret_is_taken_out_whole() {
        let long = "secret-".repeat(200);
        let mut report = Report::new(Vec::new(), Looks::Json, "x");
        report.secret(&SecretText::new("secret-".to_owned()));
        report.secret(&SecretText::new(format!("{long}end")));
        let text = quoted(&serde_json::json!({"token": format!("{long}end")}));
        assert_eq!(report.clean(&text, LONGEST), "{\"token\":\"(secret)\"}");
    }

    #[test]
    fn long_texts_wrap_and_foreign_ones_end() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        let report = Report::new(Vec::new(), Looks::Json, "x");
        assert_eq!(report.clean(&"ä".repeat(700), LONGEST).chars().count(), LONGEST + 3);
    }
}

use std::io;

use super::*;

fn told(colour: bool, tell: impl FnOnce(&mut Story<&mut Vec<u8>>)) -> String {
    let mut out = Vec::new();
    tell(&mut Story::new(&mut out, colour));
    String::from_utf8(out).unwrap()
}

fn a_step(story: &mut Story<&mut Vec<u8>>) {
    let saw = Saw::new(Who::Upstream, "gets a JWT").fact("aud", "http://127.0.0.1:9/mcp").fact("scope", "mcp:read");
    story.step(9, "Call whoami", Duration::from_micros(4200), &[Saw::new(Who::Client, "sends sp_at_…"), saw]);
}

#[test]
fn a_step_lines_up() {
    let expected = format!(
        "   9  Call whoami{}4.2 ms
      client     sends sp_at_…
      upstream   gets a JWT
                   aud    http://127.0.0.1:9/mcp
                   scope  mcp:read
",
        " ".repeat(73)
    );
    assert_eq!(told(false, a_step), expected);
}

#[test]
fn colour_only_adds() {
    let mut coloured = told(true, a_step);
    assert!(coloured.contains("\u{1b}[1mCall whoami\u{1b}[0m"), "{coloured}");
    while let Some(at) = coloured.find('\u{1b}') {
        let end = at + coloured[at..].find('m').unwrap();
        coloured.replace_range(at..=end, "");
    }
    assert_eq!(coloured, told(false, a_step));
}

#[test]
fn long_text_wraps_under_itself() {
    let text = "word ".repeat(40);
    let story = told(false, |story| {
        story.prose(text.trim());
        story.labelled("client", text.trim());
        story.good(text.trim());
    });
    assert!(story.lines().all(|line| line.chars().count() <= WIDTH), "{story}");
    assert!(story.contains("\n    client     word word"), "{story}");
    assert!(story.contains("\n               word word"), "{story}");
    assert!(story.contains("\n  ✓ word word"), "{story}");
}

#[test]
fn what_is_to_be_copied_stays_whole() {
    let command = "x".repeat(120);
    let story = told(false, |story| story.command("Claude Code", &[&command]));
    assert_eq!(story, format!("    Claude Code\n      {command}\n"));
}

#[test]
fn text_from_elsewhere_moves_no_cursor() {
    let story = told(false, |story| story.prose("a\u{1b}[2Jb\rc\nd"));
    assert_eq!(story, "  a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\n");
}

#[test]
fn durations_read_well() {
    let read = |micros| millis(Duration::from_micros(micros));
    assert_eq!([read(0), read(420), read(9_940), read(9_960)], ["0.0 ms", "0.4 ms", "9.9 ms", "10 ms"]);
    assert_eq!([read(37_200), read(999_400), read(1_870_000)], ["37 ms", "999 ms", "1.9 s"]);
}

#[test]
fn a_story_that_nobody_hears_goes_on() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut story = Story::new(Gone, false);
    story.prose("one");
    story.prose("two");
    assert!(story.silent);
}

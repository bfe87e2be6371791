//! What a reader sees: headings, aligned lines, expectations, and their count. Colour only on a terminal.

use std::io::{IsTerminal as _, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::picture::chronicle::Chronicle;
use crate::picture::model::Clock;

/// Columns of a whole line; what is longer goes on below, where its text began.
const WIDTH: usize = 120;

/// Column at which the text of a line begins.
const TEXT: usize = 55;

/// The same of a line with a date.
const DATED_TEXT: usize = 42;

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    Plain,
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
    Cyan,
}

/// One line of the timeline.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) at: Timestamp,
    /// Who acts: ECR, ECS, deploy, alert, a person.
    pub(crate) who: &'a str,
    /// Service or repository.
    pub(crate) subject: &'a str,
    /// Short digest, or nothing.
    pub(crate) digest: &'a str,
    pub(crate) text: &'a str,
    pub(crate) look: Look,
}

/// The output, and the count of expectations.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the picture is drawn from.
    pub(crate) chronicle: Chronicle,
    start: Timestamp,
    colour: bool,
    acts: usize,
    passed: usize,
    failed: usize,
}

impl Page {
    /// A page whose times count from `start`.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self { chronicle: Chronicle::default(), start, colour: wants_colour(), acts: 0, passed: 0, failed: 0 }
    }

    /// Begins an act: a title, and in a sentence what is about to happen. Its times are dates in `zone` where there is one.
    pub(crate) fn act(&mut self, at: Timestamp, zone: Option<&TimeZone>, title: &str, what: &str) {
        let clock = zone.map_or(Clock::Since(self.start), |zone| Clock::Dated(zone.clone()));
        self.chronicle.act(at, clock, title, what);
        self.acts += 1;
        let title = format!("{:>2}. {title}.", self.acts);
        let mut parts = wrapped(&format!("{title} {what}"), WIDTH).into_iter();
        let first = parts.next().unwrap_or_default();
        let rest = self.paint(Look::Dim, first.strip_prefix(&title).unwrap_or_default());
        self.put(&format!("\n{}{rest}", self.paint(Look::Bold, &title)));
        for part in parts {
            self.put(&format!("    {}", self.paint(Look::Dim, &part)));
        }
    }

    /// A line of the timeline.
    pub(crate) fn line(&self, line: &Line<'_>) {
        let seconds = line.at.duration_since(self.start).as_secs().max(0);
        let time = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let who = self.paint(Look::Bold, &format!("{:7}", line.who));
        let (digest, subject) = (self.paint(Look::Cyan, &format!("{:12}", line.digest)), line.subject);
        self.broken(&format!("  {time:>7}  {who}  {subject:19}  {digest}  "), TEXT, line.text, line.look);
    }

    /// A line where weeks pass: with a date, and without a digest.
    pub(crate) fn dated(&self, date: &str, who: &str, subject: &str, text: &str, look: Look) {
        let who = self.paint(Look::Bold, &format!("{who:8}"));
        self.broken(&format!("  {date:>12}  {who}  {subject:14}  "), DATED_TEXT, text, look);
    }

    /// Text behind a head of this many columns.
    fn broken(&self, head: &str, columns: usize, text: &str, look: Look) {
        let mut parts = wrapped(text, WIDTH - columns).into_iter();
        self.put(&format!("{head}{}", self.paint(look, &parts.next().unwrap_or_default())));
        for part in parts {
            self.put(&format!("{:columns$}{}", "", self.paint(look, &part)));
        }
    }

    /// An expectation, and whether it was met.
    pub(crate) fn check(&mut self, met: bool, text: &str) {
        let mark = if met { self.paint(Look::Green, "ok  ") } else { self.paint(Look::Red, "FAIL") };
        if met {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        self.put(&format!("     {mark}  {text}"));
    }

    /// A remark on what was just seen.
    pub(crate) fn note(&self, text: &str) {
        for (index, part) in wrapped(text, WIDTH - 11).iter().enumerate() {
            let mark = if index == 0 { "-" } else { " " };
            self.put(&format!("     {}", self.paint(Look::Dim, &format!("{mark}     {part}"))));
        }
    }

    /// Text as it is, set off by a bar: an e-mail.
    pub(crate) fn quote(&self, text: &str) {
        let bar = self.paint(Look::Yellow, "|");
        for line in text.trim_end().lines().flat_map(|line| wrapped(line, WIDTH - 13)) {
            self.put(format!("           {bar} {line}").trim_end());
        }
    }

    /// A line of its own.
    pub(crate) fn plain(&self, look: Look, text: &str) {
        self.put(&self.paint(look, text));
    }

    /// The last line. Whether every expectation was met.
    pub(crate) fn finish(&self) -> bool {
        self.put(&format!("{} passed, {} failed", self.passed, self.failed));
        self.failed == 0
    }

    fn paint(&self, look: Look, text: &str) -> String {
        let code = match look {
            Look::Plain => return text.to_owned(),
            Look::Bold => 1,
            Look::Dim => 2,
            Look::Red => 31,
            Look::Green => 32,
            Look::Yellow => 33,
            Look::Cyan => 36,
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Whoever closes the pipe has seen enough; the exit code still tells the result.
    #[expect(clippy::unused_self, reason = "what is written belongs to a page")]
    fn put(&self, line: &str) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

#[expect(clippy::disallowed_methods, reason = "NO_COLOR is for programs with a terminal, the functions have none")]
fn wants_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Breaks at spaces; a word that is too long stays whole.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (index, word) in text.split(' ').enumerate() {
        let Some(line) = lines.last_mut() else { break };
        if index > 0 && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if index > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

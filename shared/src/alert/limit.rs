//! Limits of SNS and of chat, kept at character boundaries.

/// SNS: a subject is less than 100 characters of printable ASCII, without line breaks.
pub(super) fn subject(text: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let text: String = text.trim().chars().map(printable).collect();
    within(&text, 99)
}

/// The text, or as much of it as fits into `bytes` with a mark that something is missing.
pub(super) fn within(text: &str, bytes: usize) -> String {
    const MARK: &str = "...";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes.saturating_sub(MARK.len()));
    format!("{}{MARK}", text.get(..end).unwrap_or_default())
}

/// Text that is shown in chat: the three characters that Slack gives a meaning to are escaped, so that no foreign text
/// can mention people or hide a link.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// As many of the last lines as fit into `bytes`, each cut to that if need be; the first of them says what is missing.
pub(super) fn last_lines(lines: &[String], bytes: usize) -> Vec<String> {
    let mut room = bytes;
    let mut shown: Vec<String> = Vec::new();
    for line in lines.iter().rev() {
        let line = within(line, bytes);
        if line.len() + 1 > room {
            break;
        }
        room -= line.len() + 1;
        shown.push(line);
    }
    let missing = lines.len() - shown.len();
    if missing > 0 {
        shown.push(format!("({missing} more)"));
    }
    shown.reverse();
    shown
}

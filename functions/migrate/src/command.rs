//! The command that a docker label names: a JSON array of words, or words as a shell would split them. No shell runs it.

/// Most characters that ECS takes for the overrides of a task, as JSON.
const OVERRIDES: usize = 8192;
/// What the rest of the overrides' JSON may need: member names and the container's name (255).
const AROUND: usize = 400;

/// Reads a label.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn read(label: &str, text: &str) -> Result<Vec<String>, String> {
    let trimmed = text.trim();
    let words = if trimmed.starts_with('[') {
        serde_json::from_str(trimmed).map_err(|_| format!("the docker label {label} is no JSON array of texts"))?
    } else {
        // What looks like a shell's work is not done: better to say so than to pass `&&` to the program.
        if let Some(sign) = ["&&", "||", ";", "|", ">", "<", "$(", "`"].iter().find(|sign| is_bare(trimmed, sign)) {
            return Err(format!(
                "the docker label {label} holds {sign}, which needs a shell: write [\"sh\", \"-c\", \"...\"]"
            ));
        }
        shlex::split(trimmed).ok_or_else(|| format!("the docker label {label} has a quote without its pair"))?
    };
    let words: Vec<String> = words;
    if words.first().is_none_or(String::is_empty) {
        return Err(format!("the docker label {label} is empty: it names the command that migrates"));
    }
    let length = serde_json::to_string(&words).map_or(usize::MAX, |json| json.chars().count());
    if length > OVERRIDES - AROUND {
        return Err(format!(
            "the docker label {label} is {length} characters long, and ECS takes {} at most: put it into a script in the image",
            OVERRIDES - AROUND
        ));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(format!("the docker label {label} holds a null character"));
    }
    Ok(words)
}

/// Whether a sign stands outside of quotes.
fn is_bare(text: &str, sign: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, _) if text.get(at..).is_some_and(|rest| rest.starts_with(sign)) => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, words: &[&str]) {
        assert_eq!(read("steward.migrate", text).unwrap(), words, "{text}");
    }

    #[test]
    fn the_commands_of_the_usual_tools_are_read_as_a_shell_would() {
        check(r#"bin/shop eval "Shop.Release.migrate()""#, &["bin/shop", "eval", "Shop.Release.migrate()"]);
        check("npx prisma migrate deploy", &["npx", "prisma", "migrate", "deploy"]);
        check("alembic upgrade head", &["alembic", "upgrade", "head"]);
        check("python manage.py migrate --noinput", &["python", "manage.py", "migrate", "--noinput"]);
        check("bundle exec rails db:migrate", &["bundle", "exec", "rails", "db:migrate"]);
        check("flyway -url='jdbc:x?a=b;c' migrate", &["flyway", "-url=jdbc:x?a=b;c", "migrate"]);
        check(r#"["sh", "-c", "a && b"]"#, &["sh", "-c", "a && b"]);
    }

    #[test]
    fn what_only_a_shell_could_do_is_refused_with_the_way_out() {
        for text in ["a && b", "a; b", "a | b", "a > log", "a $(b)", "a `b`"] {
            let problem = read("steward.migrate", text).unwrap_err();
            assert!(problem.contains(r#"["sh", "-c""#), "{text}: {problem}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for text in ["", "  ", "[]", r#"[""]"#, "[1]", r#"["a""#, "it's", "''"] {
            assert!(read("steward.migrate", text).is_err(), "{text:?}");
        }
        assert!(read("steward.migrate", &"x".repeat(9000)).unwrap_err().contains("script in the image"));
    }
}

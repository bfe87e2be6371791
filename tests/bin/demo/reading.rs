//! What is read out of events, records and alerts, and how it is spoken of.

use jiff::SignedDuration;
use lab::sns::Published;
use serde_json::Value;

use crate::ledger::Ledger;

/// A member of a value that is text; empty when it is not.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Keeps what ECS says of a service.
pub(crate) fn said(event: &Value, ledger: &mut Ledger) {
    let (subject, name) = (event["resources"][0].as_str().and_then(service_in), text(&event["detail"], "eventName"));
    if name != "SERVICE_STEADY_STATE" {
        ledger.said.push(format!("{} {name}", subject.unwrap_or_default()));
    }
}

/// Counts a task that ended by itself and badly.
pub(crate) fn crashed(event: &Value, ledger: &mut Ledger) {
    let detail = &event["detail"];
    let ended = detail["containers"].as_array().into_iter().flatten();
    let badly = ended.filter_map(|container| container["exitCode"].as_i64()).any(|code| code != 0);
    if detail["lastStatus"] == "STOPPED" && badly {
        let cluster = detail["clusterArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
        let service = detail["group"].as_str().unwrap_or_default().trim_start_matches("service:");
        *ledger.crashed.entry(format!("{cluster}/{service}")).or_default() += 1;
    }
}

/// `cluster/service` of a service's ARN.
pub(crate) fn service_in(arn: &str) -> Option<String> {
    arn.split_once(":service/").map(|(_, short)| short.to_owned())
}

/// An attribute of an alert; empty when it is not there.
pub(crate) fn attribute<'a>(alert: &'a Published, name: &str) -> &'a str {
    alert.attributes.get(name).map_or("", String::as_str)
}

/// The first digest in a text, shortened to twelve digits: `(0123456789ab)` or `sha256:...`.
pub(crate) fn digest_in(text: &str) -> Option<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_digest = |word: &&str| matches!(word.len(), 12 | 64) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = words.filter(|word| *word != lab::context::ACCOUNT_ID);
    words.into_iter().find(is_digest).and_then(|word| word.get(..12)).map(str::to_owned)
}

/// The text without the digest that has a column of its own.
pub(crate) fn brief(text: &str, digest: &str) -> String {
    let words = text.split(' ').filter(|word| *word != format!("({digest})"));
    let word = |word: &str| match word.strip_prefix("sha256:") {
        Some(hash) if !digest.is_empty() && hash.starts_with(digest) => "it".to_owned(),
        _ => word.to_owned(),
    };
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// `1 min 12 s`.
pub(crate) fn spoken(duration: SignedDuration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

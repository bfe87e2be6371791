//! EventBridge's default bus: from an event to the targets of the rules that match, with mishaps on request.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::template::{Input, Rule, Target};

/// What happens to one event on its way to the bus. EventBridge promises neither exactly once nor order, and the
/// events of ECR not even that they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing.
    None,
    /// It never arrives.
    Lost,
    /// It arrives now and once more later.
    Duplicated {
        /// How much later.
        after: SignedDuration,
        /// Whether the copy has the same event id. If so, a FIFO queue with content deduplication swallows it within
        /// five minutes.
        same_id: bool,
    },
    /// It arrives later, so that younger events overtake it.
    HeldBack(SignedDuration),
}

/// Decides the mishap of each event, once.
pub type Decider = Box<dyn FnMut(&Value) -> Mishap + Send>;

/// The bus.
pub struct Bus {
    rules: Vec<Rule>,
    decide: Decider,
    held: Vec<(Timestamp, u64, Value)>,
    counter: u64,
}

/// One message to send because a rule matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// Logical id of the rule.
    pub rule: String,
    /// Where to.
    pub target: Target,
    /// What.
    pub body: String,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("rules", &self.rules.len()).field("held", &self.held).finish_non_exhaustive()
    }
}

impl Bus {
    /// A bus with these rules, on which nothing goes wrong.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules, decide: Box::new(|_| Mishap::None), held: Vec::new(), counter: 0 }
    }

    /// Lets `decide` choose the mishap of each event from now on.
    pub fn disturb(&mut self, decide: Decider) {
        self.decide = decide;
    }

    /// Switches a rule on or off; false when there is no such rule.
    pub fn switch(&mut self, rule: &str, on: bool) -> bool {
        let rule = self.rules.iter_mut().find(|each| each.id == rule);
        rule.map(|rule| rule.enabled = on).is_some()
    }

    /// Takes an event in, and tells what becomes of it. With [`Mishap::None`] and [`Mishap::Duplicated`] it is to be
    /// routed now.
    pub fn accept(&mut self, event: &Value, now: Timestamp) -> Mishap {
        let mishap = (self.decide)(event);
        match mishap {
            Mishap::HeldBack(by) => self.hold(now + by, event.clone()),
            Mishap::Duplicated { after, same_id } => {
                let mut copy = event.clone();
                if let (false, Some(id)) = (same_id, copy.get_mut("id")) {
                    *id = format!("{}-copy", id.as_str().unwrap_or_default()).into();
                }
                self.hold(now + after, copy);
            }
            Mishap::None | Mishap::Lost => {}
        }
        mishap
    }

    fn hold(&mut self, until: Timestamp, event: Value) {
        self.counter += 1;
        self.held.push((until, self.counter, event));
        self.held.sort_by_key(|(until, counter, _)| (*until, *counter));
    }

    /// Events held back whose time has come.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Value> {
        let due = self.held.extract_if(.., |(until, _, _)| *until <= now);
        due.map(|(_, _, event)| event).collect()
    }

    /// When the next event held back is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.held.first().map(|(until, _, _)| *until)
    }

    /// What is to be sent for an event: one message for each target of each rule that matches.
    pub fn route(&self, event: &Value) -> Vec<Routed> {
        let matching = self.rules.iter().filter(|rule| rule.enabled && rule.pattern.matches(event));
        let targets = matching.flat_map(|rule| rule.targets.iter().map(move |target| (rule, target)));
        targets
            .map(|(rule, target)| Routed {
                rule: rule.id.clone(),
                target: target.clone(),
                body: target.input.of(event),
            })
            .collect()
    }
}

impl Input {
    /// What a target with this input is sent for `event`.
    fn of(&self, event: &Value) -> String {
        match self {
            Self::Event => event.to_string(),
            Self::Text(text) => text.clone(),
            Self::Part(pointer) => event.pointer(pointer).unwrap_or(&Value::Null).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pattern::Pattern;

    fn target(input: Input) -> Target {
        Target { arn: "queue".to_owned(), group: None, input, dead_letter: None }
    }

    fn bus() -> Bus {
        let rule = |id: &str, source: &str, input| Rule {
            id: id.to_owned(),
            pattern: Pattern::new(&json!({ "source": [source] })).unwrap(),
            source: Value::Null,
            enabled: true,
            targets: vec![target(input)],
        };
        Bus::new(vec![
            rule("whole", "aws.ecr", Input::Event),
            rule("part", "aws.ecr", Input::Part("/detail/tag".to_owned())),
            rule("text", "aws.ecs", Input::Text("{}".to_owned())),
        ])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn each_rule_that_matches_sends_its_own_input() {
        let mut bus = bus();
        let event = json!({ "id": "1", "source": "aws.ecr", "detail": { "tag": "latest" } });
        let bodies: Vec<String> = bus.route(&event).into_iter().map(|routed| routed.body).collect();
        assert_eq!(bodies, [event.to_string(), "\"latest\"".to_owned()]);
        assert!(bus.switch("whole", false));
        assert_eq!(bus.route(&event).len(), 1);
        assert!(bus.route(&json!({ "source": "aws.rds" })).is_empty());
    }

    #[test]
    fn held_back_events_come_in_the_order_of_their_time() {
        let mut bus = bus();
        bus.disturb(Box::new(|event| match event["id"].as_str() {
            Some("late") => Mishap::HeldBack(SignedDuration::from_secs(20)),
            Some("twice") => Mishap::Duplicated { after: SignedDuration::from_secs(10), same_id: false },
            _ => Mishap::Lost,
        }));
        assert_eq!(bus.accept(&json!({ "id": "late" }), at(0)), Mishap::HeldBack(SignedDuration::from_secs(20)));
        assert!(matches!(bus.accept(&json!({ "id": "twice" }), at(0)), Mishap::Duplicated { .. }));
        assert_eq!(bus.accept(&json!({ "id": "gone" }), at(0)), Mishap::Lost);
        assert_eq!(bus.next_due(), Some(at(10)));
        assert!(bus.take_due(at(9)).is_empty());
        assert_eq!(bus.take_due(at(30)), [json!({ "id": "twice-copy" }), json!({ "id": "late" })]);
        assert_eq!(bus.next_due(), None);
    }
}

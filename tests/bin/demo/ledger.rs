//! What happened, counted: events, messages, invocations, calls, alerts. Expectations are asked of it.

use std::collections::BTreeMap;

use lab::sns::Published;
use serde_json::Value;

/// One invocation of a function.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// The function: `deploy`, `migrate`, `heal`, `snapshot`.
    pub(crate) function: String,
    /// `Service:Operation` of each AWS call, in order.
    pub(crate) calls: Vec<String>,
    /// Its decision records, as logged.
    pub(crate) records: Vec<Value>,
}

/// What happened since a point in the story.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// `ECR Image Action` events on the bus.
    pub(crate) image_events: Vec<Value>,
    /// What ECS says of a service by itself, as `cluster/service EVENT_NAME`; its steady states aside.
    pub(crate) said: Vec<String>,
    /// Steward's own events between its functions: their detail types.
    pub(crate) asked: Vec<String>,
    /// Messages that a rule put into the function's queue because of an image.
    pub(crate) image_messages: usize,
    pub(crate) works: Vec<Work>,
    pub(crate) alerts: Vec<Published>,
    /// Tasks that ended with a code other than 0, by service.
    pub(crate) crashed: BTreeMap<String, usize>,
}

impl Work {
    /// The word for what woke the function.
    pub(crate) fn trigger(&self) -> &str {
        self.records.first().and_then(|record| record["trigger"].as_str()).unwrap_or_default()
    }
}

impl Ledger {
    /// How many AWS calls were made.
    pub(crate) fn calls(&self) -> usize {
        self.works.iter().map(|work| work.calls.len()).sum()
    }

    /// Every call that could change something.
    pub(crate) fn writes(&self) -> Vec<&str> {
        let calls = self.works.iter().flat_map(|work| &work.calls).map(String::as_str);
        calls.filter(|call| is_write(call)).collect()
    }

    /// Decisions on this service, in order, of invocations woken by `trigger`.
    pub(crate) fn decisions(&self, trigger: &str, service: &str) -> Vec<&str> {
        let records = self.works.iter().flat_map(|work| &work.records);
        let mine = records.filter(|record| record["trigger"] == trigger && record["subject"] == service);
        mine.filter_map(|record| record["decision"].as_str()).collect()
    }

    /// All records of a function on this service, in order.
    pub(crate) fn records<'a>(
        &'a self,
        function: &'a str,
        service: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Value> {
        let records = self.works.iter().flat_map(|work| &work.records);
        records.filter(move |record| record["function"] == function && record["subject"] == service)
    }

    /// Every call of one function.
    pub(crate) fn calls_of(&self, function: &str) -> impl Iterator<Item = &str> {
        let works = self.works.iter().filter(move |work| work.function == function);
        works.flat_map(|work| &work.calls).map(String::as_str)
    }

    /// Alerts of this kind about this service.
    pub(crate) fn alerts(&self, kind: &str, service: &str) -> usize {
        let is = |alert: &Published, name: &str, value: &str| alert.attributes.get(name).is_some_and(|v| v == value);
        self.alerts.iter().filter(|alert| is(alert, "kind", kind) && is(alert, "subject", service)).count()
    }
}

/// Whether a call, as `service:Operation`, could change something.
pub(crate) fn is_write(call: &str) -> bool {
    let operation = call.split(':').next_back().unwrap_or_default();
    !["Describe", "Get", "List", "BatchGet", "Query"].iter().any(|prefix| operation.starts_with(prefix))
}

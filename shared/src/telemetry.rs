//! Logs: flat JSON lines with time, level, request id and event id.
//!
//! The runtime's own subscriber leaves out the time and nests fields; a flat line can be asked directly in CloudWatch Logs
//! Insights (`filter decision = "held"`), and Lambda's own level filter finds `timestamp` and `level` where it looks.

use std::io::Write;
use std::sync::Mutex;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::Clock;

/// What is logged at the level that the operator chose; everything else only when something is wrong with it.
const OWN: [&str; 7] =
    ["shared", "deploy", "heal", "migrate", "snapshot", "Lambda runtime invoke", "lambda_runtime"];

/// Starts logging to standard output. Called once, at start-up; a second call changes nothing.
pub fn start(level: Level, clock: Clock) {
    let own = OWN.map(|target| (target, level));
    let filter = Targets::new().with_default(Level::WARN).with_targets(own);
    let lines = JsonLines { clock, out: Mutex::new(std::io::stdout()) };
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

/// A layer that writes each event as one flat JSON object.
#[derive(Debug)]
pub struct JsonLines<W> {
    clock: Clock,
    out: Mutex<W>,
}

impl<W: Write> JsonLines<W> {
    /// A layer that writes to `out`.
    pub fn new(clock: Clock, out: W) -> Self {
        Self { clock, out: Mutex::new(out) }
    }
}

/// Fields of a span or an event, as JSON.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        // A decision record comes as one field and is laid out flat.
        if field.name() == "record"
            && let Value::String(text) = &value
            && let Ok(Value::Object(record)) = serde_json::from_str(text)
        {
            self.0.extend(record);
        } else {
            self.0.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: Write + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        line.0.insert("timestamp".to_owned(), self.clock.now().to_string().into());
        line.0.insert("level".to_owned(), event.metadata().level().as_str().into());
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        event.record(&mut line);
        if let Ok(mut out) = self.out.lock() {
            // There is nowhere to report a log that cannot be written.
            let _ = writeln!(out, "{}", Value::Object(line.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_flat_and_carries_time_level_ids_and_the_record() {
        let buffer = Buffer::default();
        let layer = JsonLines::new(Clock::system(), buffer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _request = tracing::info_span!("Lambda runtime invoke", requestId = "r-1").entered();
            let _event = tracing::info_span!("event", event_id = "e-1").entered();
            crate::record::Record::new("deploy", "sweep", "shop/backend", "held", "load test").log();
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        for (name, value) in [
            ("level", "INFO"),
            ("requestId", "r-1"),
            ("event_id", "e-1"),
            ("decision", "held"),
            ("subject", "shop/backend"),
        ] {
            assert_eq!(line[name], value, "{text}");
        }
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(line.as_object().unwrap().values().all(|value| !value.is_object()));
    }
}

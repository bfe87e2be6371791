//! Alerts: what people are told, through one SNS topic, as plain text or for Amazon Q Developer in chat applications.

mod amazon_q;
mod limit;
mod text;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use serde::{Deserialize, Serialize};

use crate::aws::Lazy;
use crate::config::AlertFormat;
use crate::failure::CallFailure;

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it in working hours.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl Severity {
    /// The word that filter policies match on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One alert. It can be kept in the state table until it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The function that tells it.
    pub function: String,
    /// What it is about, as a stable word; there is a runbook of that name.
    pub kind: String,
    /// How urgent it is.
    pub severity: Severity,
    /// One line that says it all.
    pub title: String,
    /// The service or database, as people speak of it.
    pub subject: String,
    /// Its ARN.
    pub resource: String,
    /// What happened and why, in plain sentences.
    pub body: String,
    /// What the reader may do now.
    pub next_steps: Vec<String>,
    /// Names and values worth seeing: image, digest, deployment.
    pub facts: Vec<(String, String)>,
    /// Lists under a heading: what changed, the last lines of a log.
    #[serde(default)]
    pub sections: Vec<Section>,
    /// Alerts with the same id are shown as one thread.
    pub thread: String,
    /// The team's own runbook, from the tag `steward:runbook`.
    pub runbook: Option<String>,
}

/// A list under a heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The list. Where it is too long, the end is what is shown.
    pub lines: Vec<String>,
    /// Whether the lines are somebody else's, such as a log, and shown letter by letter.
    pub verbatim: bool,
}

/// The topic that alerts go to.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Lazy<Client>,
    arn: String,
    format: AlertFormat,
}

/// What SNS is given for an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// At most 99 printable ASCII characters.
    pub subject: String,
    /// At most 256 KiB.
    pub body: String,
}

impl Alert {
    /// The alert in the given format, within the limits of SNS.
    pub fn message(&self, format: AlertFormat) -> Message {
        let subject = limit::subject(&format!("[Steward] {}", self.title));
        let body = match format {
            AlertFormat::Text => text::render(self),
            AlertFormat::AmazonQ => amazon_q::render(self),
        };
        Message { subject, body }
    }

    /// Attributes for filter policies: subscribers choose what they want to hear.
    fn attributes(&self) -> [(&'static str, String); 4] {
        [
            ("function", self.function.clone()),
            ("kind", self.kind.clone()),
            ("severity", self.severity.as_str().to_owned()),
            ("subject", self.subject.clone()),
        ]
    }
}

impl Topic {
    /// The topic with this ARN, alerts written in this format.
    pub fn new(client: Lazy<Client>, arn: String, format: AlertFormat) -> Self {
        Self { client, arn, format }
    }

    /// Publishes an alert.
    ///
    /// # Errors
    /// The failed call. The caller must not take the alert for told.
    pub async fn publish(&self, alert: &Alert) -> Result<(), CallFailure> {
        let message = alert.message(self.format);
        let mut request = self.client.publish().topic_arn(&self.arn).subject(message.subject).message(message.body);
        for (name, value) in alert.attributes() {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            if let Ok(attribute) = attribute {
                request = request.message_attributes(name, attribute);
            }
        }
        request.send().await.map_err(|error| CallFailure::new("sns:Publish", &self.arn, &error))?;
        tracing::info!(
            function = alert.function,
            kind = alert.kind,
            subject = alert.subject,
            title = alert.title,
            "alert published"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! The state table: keys `pk` and `sk`, every write conditional on what was read.
//!
//! An item is one JSON document with a version. A write names the version that it was decided on; if somebody has written
//! since, it fails as [`FailureKind::Conflict`] and the message is handled anew from what is true then.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::aws::Lazy;
use crate::failure::{CallFailure, FailureKind};

/// Most keys that DynamoDB takes in one BatchGetItem.
const BATCH: usize = 100;

/// Key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key, for example `SERVICE#arn:aws:ecs:...`.
    pub pk: String,
    /// Sort key, for example `ROLLOUT`.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    fn attributes(&self) -> HashMap<String, AttributeValue> {
        let text = |value: &String| AttributeValue::S(value.clone());
        [("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))].into()
    }
}

/// An item with the version that it was read at; 0 means that there is none yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versioned<T> {
    /// The document; its default when there is none yet.
    pub item: T,
    /// What a write must still find.
    pub version: u64,
}

/// The state table.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) client: Lazy<Client>,
    pub(crate) name: String,
}

impl Table {
    /// The table called `name`.
    pub fn new(client: Lazy<Client>, name: String) -> Self {
        Self { client, name }
    }

    /// Reads one item, consistently.
    ///
    /// # Errors
    /// The failed call, or an item that this version of Steward cannot read.
    pub async fn get<T: DeserializeOwned + Default>(&self, key: &Key) -> Result<Versioned<T>, CallFailure> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let answer = request.set_key(Some(key.attributes())).send().await;
        let answer = answer.map_err(|error| CallFailure::new("dynamodb:GetItem", &self.name, &error))?;
        answer.item.map_or_else(|| Ok(Versioned::default()), |item| self.read(key, &item))
    }

    /// Reads many items, consistently, a hundred a call. Keys without an item are left out; an item that this version of
    /// Steward cannot read stands as a failure of its own and spoils no other.
    ///
    /// # Errors
    /// The failed call.
    pub async fn get_all<T: DeserializeOwned + Default>(
        &self,
        keys: &[Key],
    ) -> Result<HashMap<Key, Result<Versioned<T>, CallFailure>>, CallFailure> {
        let mut found = HashMap::new();
        for chunk in keys.chunks(BATCH) {
            let wanted = KeysAndAttributes::builder().consistent_read(true);
            let wanted = wanted.set_keys(Some(chunk.iter().map(Key::attributes).collect())).build();
            let mut request = wanted.ok().map(|wanted| HashMap::from([(self.name.clone(), wanted)]));
            // DynamoDB may return a part and name the rest. Each round is one call and ends in fewer keys or an error.
            while let Some(items) = request.take().filter(|items| !items.is_empty()) {
                let answer = self.client.batch_get_item().set_request_items(Some(items)).send().await;
                let answer = answer.map_err(|error| CallFailure::new("dynamodb:BatchGetItem", &self.name, &error))?;
                for item in answer.responses.unwrap_or_default().into_values().flatten() {
                    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
                    let key = Key::new(text("pk").unwrap_or_default(), text("sk").unwrap_or_default());
                    let versioned = self.read(&key, &item);
                    found.insert(key, versioned);
                }
                request = answer.unprocessed_keys;
            }
        }
        Ok(found)
    }

    /// An item of any kind, as [`Table::get_all`] of raw JSON gives it, as `T`.
    ///
    /// # Errors
    /// When this version of Steward cannot read it.
    pub fn decode<T: DeserializeOwned>(&self, key: &Key, raw: Versioned<Value>) -> Result<Versioned<T>, CallFailure> {
        let item = serde_json::from_value(raw.item).map_err(|error| self.unreadable(key, &error))?;
        Ok(Versioned { item, version: raw.version })
    }

    /// Writes an item over the version that it was read at, and counts its version up.
    ///
    /// # Errors
    /// [`FailureKind::Conflict`] when somebody has written since; else the failed call.
    pub async fn put<T: Serialize>(
        &self,
        key: &Key,
        value: &mut Versioned<T>,
        expires: Option<Timestamp>,
    ) -> Result<(), CallFailure> {
        let data = serde_json::to_string(&value.item).map_err(|error| self.unreadable(key, &error))?;
        let number = |n: u64| AttributeValue::N(n.to_string());
        let mut item = key.attributes();
        item.insert("data".to_owned(), AttributeValue::S(data));
        item.insert("version".to_owned(), number(value.version + 1));
        if let Some(expires) = expires {
            item.insert("expires".to_owned(), AttributeValue::N(expires.as_second().to_string()));
        }
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item));
        let request = match value.version {
            0 => request.condition_expression("attribute_not_exists(pk)"),
            version => request
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", number(version)),
        };
        request
            .send()
            .await
            .map_err(|error| CallFailure::new("dynamodb:PutItem", format_args!("{}/{}", key.pk, key.sk), &error))?;
        value.version += 1;
        Ok(())
    }

    pub(crate) fn read<T: DeserializeOwned + Default>(
        &self,
        key: &Key,
        item: &HashMap<String, AttributeValue>,
    ) -> Result<Versioned<T>, CallFailure> {
        let version = item.get("version").and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
        let data = item.get("data").and_then(|value| value.as_s().ok());
        let (Some(version), Some(data)) = (version, data) else {
            return Err(self.unreadable(key, &"it has no data or no version"));
        };
        let item = serde_json::from_str(data).map_err(|error| self.unreadable(key, &error))?;
        Ok(Versioned { item, version })
    }

    /// An item that cannot be read is not treated as absent: what it remembers may be why something must not be done.
    fn unreadable(&self, key: &Key, error: &dyn std::fmt::Display) -> CallFailure {
        CallFailure {
            operation: "dynamodb:GetItem",
            resource: format!("{} ({}/{})", self.name, key.pk, key.sk),
            kind: FailureKind::Invalid,
            code: "UnreadableItem".to_owned(),
            message: format!("the item cannot be read: {error}; correct or delete it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
    use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
    use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    use super::*;

    fn table(rule: &Rule) -> Table {
        Table::new(mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [rule]).into(), "steward".into())
    }

    fn key() -> Key {
        Key::new("SERVICE#a", "ROLLOUT")
    }

    #[tokio::test]
    async fn a_first_write_must_find_nothing_and_a_later_one_its_own_version() {
        let first = mock!(Client::put_item)
            .match_requests(|request| request.condition_expression() == Some("attribute_not_exists(pk)"))
            .then_output(|| PutItemOutput::builder().build());
        let mut value = Versioned { item: "text".to_owned(), version: 0 };
        table(&first).put(&key(), &mut value, None).await.unwrap();
        assert_eq!(value.version, 1);
        let later = mock!(Client::put_item)
            .match_requests(|request| {
                let expected = request.expression_attribute_values().and_then(|values| values.get(":version"));
                request.condition_expression() == Some("#version = :version")
                    && expected == Some(&AttributeValue::N("1".into()))
            })
            .then_output(|| PutItemOutput::builder().build());
        table(&later).put(&key(), &mut value, None).await.unwrap();
        assert_eq!(value.version, 2);
    }

    #[tokio::test]
    async fn a_write_over_what_somebody_else_wrote_is_a_conflict_and_the_version_stays() {
        let rule = mock!(Client::put_item).then_error(|| {
            let meta =
                aws_sdk_dynamodb::error::ErrorMetadata::builder().code("ConditionalCheckFailedException").build();
            PutItemError::ConditionalCheckFailedException(ConditionalCheckFailedException::builder().meta(meta).build())
        });
        let mut value = Versioned { item: 1, version: 4 };
        let failure = table(&rule).put(&key(), &mut value, None).await.unwrap_err();
        assert_eq!((failure.kind, value.version), (FailureKind::Conflict, 4));
    }

    #[tokio::test]
    async fn an_item_that_cannot_be_read_is_an_error_and_never_taken_for_absent() {
        let rule = mock!(Client::get_item).then_output(|| {
            let text = |text: &str| AttributeValue::S(text.into());
            let item = [("data", text("{")), ("version", AttributeValue::N("3".into()))];
            let item = item.map(|(name, value)| (name.to_owned(), value)).into();
            GetItemOutput::builder().set_item(Some(item)).build()
        });
        let failure = table(&rule).get::<String>(&key()).await.unwrap_err();
        assert!(failure.to_string().contains("cannot be read"), "{failure}");
    }
}

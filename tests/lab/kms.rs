//! The key service (KMS), as far as others need to look at keys: `DescribeKey`, in each region.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::Account;
use crate::context::{ACCOUNT_ID, arn_in, epoch};
use crate::input::text;
use crate::service::unknown_operation;
use crate::wire::{ApiError, Call, Outcome, Reply};

/// Alias of the key that RDS uses when it is given none.
const RDS_ALIAS: &str = "alias/aws/rds";

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) arn: String,
    id: String,
    region: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`...
    pub(crate) state: String,
    /// `AWS` or `CUSTOMER`.
    pub(crate) manager: &'static str,
    aliases: Vec<String>,
    created_at: Timestamp,
}

/// All keys of the account, by ARN. The AWS managed key of RDS is in every region, unless it was taken away.
#[derive(Debug, Default)]
pub(crate) struct Kms {
    keys: BTreeMap<String, Key>,
    without_rds: Vec<String>,
}

impl Kms {
    /// Answers one call.
    pub(crate) fn call(&self, call: &Call) -> Outcome {
        match call.operation.as_str() {
            "DescribeKey" => {
                let asked = text(&call.input, "KeyId").unwrap_or_default();
                let key = self.find(call.region(), asked).ok_or_else(|| not_found(asked))?;
                Ok(Reply::Json(json!({ "KeyMetadata": described(&key) })))
            }
            _ => unknown_operation(call),
        }
    }

    /// The key with this id, ARN or alias, as this region knows it.
    pub(crate) fn find(&self, region: &str, asked: &str) -> Option<Key> {
        let own = arn_in(region, "kms", "");
        let name = if asked.starts_with("arn:") { asked.strip_prefix(own.as_str())? } else { asked };
        if name == RDS_ALIAS {
            return (!self.without_rds.iter().any(|other| other == region)).then(|| managed(region));
        }
        if name.starts_with("alias/") {
            let mut keys = self.keys.values().filter(|key| key.region == region);
            return keys.find(|key| key.aliases.iter().any(|alias| alias == name)).cloned();
        }
        let id = name.strip_prefix("key/").unwrap_or(name);
        let rds = Some(managed(region)).filter(|key| key.id == id && !self.without_rds.contains(&key.region));
        rds.or_else(|| self.keys.get(&arn_in(region, "kms", &format!("key/{id}"))).cloned())
    }

    /// The AWS managed key of RDS in a region.
    pub(crate) fn of_rds(region: &str) -> String {
        managed(region).arn
    }
}

fn managed(region: &str) -> Key {
    let id = crate::fifo::id_for(&format!("kms/{region}/aws/rds"), 1);
    Key {
        arn: arn_in(region, "kms", &format!("key/{id}")),
        id,
        region: region.to_owned(),
        state: "Enabled".to_owned(),
        manager: "AWS",
        aliases: vec![RDS_ALIAS.to_owned()],
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn described(key: &Key) -> Value {
    json!({
        "AWSAccountId": ACCOUNT_ID,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": epoch(key.created_at),
        "Enabled": key.state == "Enabled",
        "Description": "",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state,
        "Origin": "AWS_KMS",
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    })
}

fn not_found(asked: &str) -> ApiError {
    ApiError::client("NotFoundException", format!("Key '{asked}' does not exist"))
}

impl Account {
    /// Makes a customer managed key with aliases (`alias/...`) in a region; answers its ARN.
    pub fn key(&self, region: &str, aliases: &[&str]) -> String {
        let mut state = self.lock();
        let id = state.context.ids.uuid();
        let arn = arn_in(region, "kms", &format!("key/{id}"));
        let key = Key {
            arn: arn.clone(),
            id,
            region: region.to_owned(),
            state: "Enabled".to_owned(),
            manager: "CUSTOMER",
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            created_at: state.context.now,
        };
        state.kms.keys.insert(arn.clone(), key);
        arn
    }

    /// Sets the `KeyState` of a customer managed key; false when there is no such key.
    pub fn key_state(&self, arn: &str, to: &str) -> bool {
        let mut state = self.lock();
        state.kms.keys.get_mut(arn).map(|key| to.clone_into(&mut key.state)).is_some()
    }

    /// Takes away the AWS managed key of RDS in a region, which was never used there.
    pub fn without_rds_key(&self, region: &str) {
        self.lock().kms.without_rds.push(region.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;

    fn described_in(account: &Account, region: &str, key: &str) -> Result<Value, String> {
        let call = Call {
            service: "kms".to_owned(),
            region: region.to_owned(),
            operation: "DescribeKey".to_owned(),
            input: json!({ "KeyId": key }),
            caller: String::new(),
            attempt: 1,
            invocation: String::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        match account.lock().kms.call(&call) {
            Ok(Reply::Json(value)) => Ok(value["KeyMetadata"].clone()),
            Ok(Reply::Xml(xml)) => panic!("{xml}"),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn a_key_is_found_by_arn_id_and_alias_in_its_region_only() {
        let account = Account::new(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
        let arn = account.key("eu-central-1", &["alias/backups"]);
        let id = arn.rsplit('/').next().unwrap();
        let alias_arn = format!("arn:aws:kms:eu-central-1:{ACCOUNT_ID}:alias/backups");
        for asked in [arn.as_str(), id, "alias/backups", &alias_arn] {
            let found = described_in(&account, "eu-central-1", asked).unwrap();
            assert_eq!((&found["Arn"], &found["KeyManager"]), (&json!(arn), &json!("CUSTOMER")), "{asked}");
            assert_eq!(described_in(&account, "eu-west-1", asked), Err("NotFoundException".to_owned()), "{asked}");
        }
        assert!(account.key_state(&arn, "PendingDeletion"));
        let found = described_in(&account, "eu-central-1", &arn).unwrap();
        assert_eq!((&found["KeyState"], &found["Enabled"]), (&json!("PendingDeletion"), &json!(false)));
        assert!(!account.key_state("arn:aws:kms:eu-central-1:123456789012:key/none", "Enabled"));
    }

    #[test]
    fn each_region_has_its_own_managed_key_of_rds_until_it_is_taken_away() {
        let account = Account::new(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
        let here = described_in(&account, "eu-west-1", RDS_ALIAS).unwrap();
        let there = described_in(&account, "eu-central-1", RDS_ALIAS).unwrap();
        assert_eq!((&here["KeyManager"], &here["KeyState"]), (&json!("AWS"), &json!("Enabled")));
        assert_ne!(here["Arn"], there["Arn"]);
        assert_eq!(described_in(&account, "eu-west-1", here["Arn"].as_str().unwrap()), Ok(here.clone()));
        account.without_rds_key("eu-west-1");
        described_in(&account, "eu-west-1", RDS_ALIAS).unwrap_err();
        described_in(&account, "eu-west-1", here["Arn"].as_str().unwrap()).unwrap_err();
        assert_eq!(described_in(&account, "eu-central-1", RDS_ALIAS), Ok(there));
    }
}

//! RDS as its SDK sees it.

mod copies;
mod creating;
mod deleting;
mod events;
mod lists;
mod people;
mod restorable;
mod sharing;

use aws_sdk_rds::Client;
use aws_sdk_rds::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_rds::error::ProvideErrorMetadata;
use aws_sdk_rds::types::Tag;
use jiff::SignedDuration;
use serde_json::Value;

use super::*;
use crate::account::Account;
use crate::clock::VirtualClock;

const HOME: &str = "eu-west-1";
const FAR: &str = "eu-central-1";

/// An account with an instance `shop` and an Aurora cluster `crm` of two members.
fn account() -> Account {
    let account = Account::new(VirtualClock::starting_at("2026-01-05T09:00:00Z".parse().unwrap()));
    account.rds().instance("shop").tag("steward:snapshot", "daily:7").tag("team", "web").create();
    account.rds().aurora("crm", 2).create();
    account
}

/// A client as a function has it, of one region.
fn client(account: &Account, region: &'static str) -> Client {
    let config = aws_sdk_rds::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(Credentials::for_tests())
        .http_client(account.http_client())
        .time_source(account.time())
        .sleep_impl(account.time())
        .build();
    Client::from_conf(config)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Code of an error, or `-`.
fn code<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    result.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_else(|| "-".to_owned())
}

/// Numbers and sources of the events of this region since the last look.
fn told(account: &Account) -> Vec<String> {
    said(&account.take_events())
}

fn said(events: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |event: &Value| {
        let detail = &event["detail"];
        format!("{} {}", text(&detail["EventID"]).trim_start_matches("RDS-EVENT-"), text(&detail["SourceIdentifier"]))
    };
    events.iter().map(line).collect()
}

/// Takes a snapshot of `shop` and waits for it.
async fn available(account: &Account, id: &str) {
    client(account, HOME)
        .create_db_snapshot()
        .db_instance_identifier("shop")
        .db_snapshot_identifier(id)
        .send()
        .await
        .unwrap();
    account.advance(minutes(7));
    assert_eq!(account.rds().snapshot(id).unwrap().status, "available");
}

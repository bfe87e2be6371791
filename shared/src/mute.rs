//! Mutes: a person silences alerts or healing for a while, for one service or all. Each ends by itself.
//!
//! `heal` writes them; `deploy` reads them before it rolls back, so that a mute stops healing at the last moment too.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::arn::ServiceArn;
use crate::event::steward::{MuteRequested, Muted};
use crate::state::Key;

/// All mutes of the account: the item `HEAL` / `MUTES`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mutes(Vec<Mute>);

/// One mute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// The service; `None` is all of them.
    pub service: Option<ServiceArn>,
    /// What is silenced.
    pub what: Muted,
    /// When it ends.
    pub until: Timestamp,
    /// Why.
    pub why: String,
    /// Who asked.
    pub by: Option<String>,
}

impl Mutes {
    /// Key of the item.
    pub fn key() -> Key {
        Key::new("HEAL", "MUTES")
    }

    /// Takes a request in: it replaces the mute of the same service, and one of no minutes only lifts it. What has ended
    /// is forgotten.
    pub fn request(&mut self, request: &MuteRequested, now: Timestamp) {
        self.0.retain(|mute| mute.until > now && mute.service != request.service);
        if request.minutes > 0 {
            self.0.push(Mute {
                service: request.service.clone(),
                what: request.what,
                until: now + SignedDuration::from_mins(i64::from(request.minutes.min(MuteRequested::LONGEST))),
                why: request.why.clone(),
                by: request.requested_by.clone(),
            });
        }
    }

    /// The mute by which alerts about a service are silent.
    pub fn of_alerts(&self, service: Option<&ServiceArn>, now: Timestamp) -> Option<&Mute> {
        self.active(now).find(|mute| mute.what == Muted::Everything && mute.concerns(service))
    }

    /// The mute by which healing of a service is off.
    pub fn of_healing(&self, service: &ServiceArn, now: Timestamp) -> Option<&Mute> {
        self.active(now).find(|mute| mute.concerns(Some(service)))
    }

    /// All that have not ended.
    pub fn active(&self, now: Timestamp) -> impl Iterator<Item = &Mute> {
        self.0.iter().filter(move |mute| mute.until > now)
    }
}

impl Mute {
    fn concerns(&self, service: Option<&ServiceArn>) -> bool {
        self.service.is_none() || self.service.as_ref() == service
    }

    /// For records: `shop/backend until 2026-11-21T14:00:00Z: load test`.
    pub fn summary(&self) -> String {
        let whom = self.service.as_ref().map_or("all", |service| service.short());
        let what = if self.what == Muted::Healing { "healing of " } else { "" };
        format!("{what}{whom} until {}: {}", self.until.strftime("%Y-%m-%dT%H:%M:%SZ"), self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(service: Option<&str>, minutes: u32, what: Muted) -> MuteRequested {
        let service = service.map(|name| format!("arn:aws:ecs:eu-west-1:123456789012:service/shop/{name}"));
        let service: Option<ServiceArn> = service.map(|arn| arn.parse().unwrap());
        MuteRequested { all: service.is_none(), service, minutes, what, why: "load test".into(), requested_by: None }
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    #[test]
    fn a_mute_ends_by_itself_and_a_new_one_replaces_it() {
        let one = request(Some("api"), 30, Muted::Everything);
        let service = one.service.clone().unwrap();
        let mut mutes = Mutes::default();
        mutes.request(&one, at(0));
        assert!(mutes.of_alerts(Some(&service), at(29)).is_some());
        assert!(mutes.of_alerts(Some(&service), at(30)).is_none());
        mutes.request(&request(Some("api"), 10, Muted::Healing), at(0));
        assert!(mutes.of_alerts(Some(&service), at(1)).is_none() && mutes.of_healing(&service, at(1)).is_some());
        mutes.request(&request(Some("api"), 0, Muted::Everything), at(1));
        assert_eq!(mutes.active(at(1)).count(), 0);
    }

    #[test]
    fn a_mute_of_all_concerns_every_service_and_one_of_a_service_no_other() {
        let other = request(Some("web"), 5, Muted::Everything).service.unwrap();
        let mut mutes = Mutes::default();
        mutes.request(&request(Some("api"), 30, Muted::Everything), at(0));
        assert!(mutes.of_alerts(Some(&other), at(1)).is_none());
        mutes.request(&request(None, 30, Muted::Everything), at(0));
        assert!(mutes.of_alerts(Some(&other), at(1)).is_some() && mutes.of_alerts(None, at(1)).is_some());
        assert_eq!(mutes.active(at(1)).count(), 2);
    }
}

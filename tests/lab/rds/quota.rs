//! How many manual snapshots there may be, and `DescribeAccountAttributes`.

use super::Rds;
use super::kind::Kind;
use super::model::Region;
use super::view;
use crate::wire::ApiError;

/// Manual snapshots of a kind in a region, until somebody asks AWS for more.
const USUAL: usize = 100;

impl Region {
    fn quota(&self, kind: Kind) -> usize {
        self.quotas.get(&kind).copied().unwrap_or(USUAL)
    }

    /// How many manual snapshots there are, whatever their status.
    fn used(&self, kind: Kind) -> usize {
        self.snapshots(kind).values().filter(|snapshot| snapshot.taken_by == "manual").count()
    }

    /// Refuses one more snapshot when there are as many as may be.
    pub(super) fn check_quota(&self, kind: Kind) -> Result<(), ApiError> {
        let quota = self.quota(kind);
        if self.used(kind) < quota {
            return Ok(());
        }
        let message = format!("Cannot create more than {quota} manual snapshots");
        Err(ApiError::client("SnapshotQuotaExceeded", message))
    }
}

impl Rds {
    pub(super) fn account_attributes(&mut self, region: &str) -> String {
        let stands = self.region(region);
        let databases = |kind| stands.databases(kind).values().count();
        let quotas = [
            ("DBInstances", databases(Kind::Instance), 40),
            ("ManualSnapshots", stands.used(Kind::Instance), stands.quota(Kind::Instance)),
            ("DBClusters", databases(Kind::Cluster), 40),
            ("ManualClusterSnapshots", stands.used(Kind::Cluster), stands.quota(Kind::Cluster)),
        ];
        let mut xml = "<AccountQuotas>".to_owned();
        for (name, used, most) in quotas {
            xml.push_str("<AccountQuota>");
            view::leaf(&mut xml, "AccountQuotaName", name);
            view::leaf(&mut xml, "Used", &used.to_string());
            view::leaf(&mut xml, "Max", &most.to_string());
            xml.push_str("</AccountQuota>");
        }
        xml + "</AccountQuotas>"
    }
}

//! `ListTagsForResource`, `AddTagsToResource` and `RemoveTagsFromResource`, of databases and snapshots.

use jiff::Timestamp;

use super::kind::{Kind, refused};
use super::model::Tags;
use super::{Asked, Rds, form, view};
use crate::input::text;
use crate::wire::ApiError;

/// What an ARN names.
struct Named {
    region: String,
    kind: Kind,
    snapshot: bool,
    id: String,
}

impl Named {
    /// Reads the ARN of a database or snapshot of the account.
    fn read(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(7, ':').skip(3);
        let (region, _, what, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let id = id.to_ascii_lowercase();
        let (kind, snapshot) = match what {
            "db" => (Kind::Instance, false),
            "cluster" => (Kind::Cluster, false),
            "snapshot" => (Kind::Instance, true),
            "cluster-snapshot" => (Kind::Cluster, true),
            _ => return None,
        };
        let whole = if snapshot { kind.snapshot_arn(region, &id) } else { kind.database_arn(region, &id) };
        (whole == arn.to_ascii_lowercase()).then(|| Self { region: region.to_owned(), kind, snapshot, id })
    }

    fn missing(&self) -> ApiError {
        if self.snapshot { self.kind.no_snapshot(&self.id) } else { self.kind.no_database(&self.id) }
    }
}

impl Asked<'_> {
    /// What the call names; it has to be in the region that is asked.
    fn named(&self) -> Result<Named, ApiError> {
        let arn = text(&self.call.input, "ResourceName").unwrap_or_default();
        let named = Named::read(arn).filter(|named| named.region == self.call.region());
        named.ok_or_else(|| refused(format!("The specified resource name is not valid: {arn}")))
    }
}

impl Rds {
    fn tags_of(&mut self, named: &Named) -> Result<&Tags, ApiError> {
        let region = self.region(&named.region);
        let tags = if named.snapshot {
            region.snapshots(named.kind).get(&named.id).map(|it| &it.tags)
        } else {
            region.databases(named.kind).get(&named.id).map(|it| &it.tags)
        };
        tags.ok_or_else(|| named.missing())
    }

    fn retag(&mut self, now: Timestamp, named: &Named, tags: Tags) -> Result<(), ApiError> {
        let lag = self.lag;
        let region = self.region(&named.region);
        let done = if named.snapshot {
            region.snapshots_mut(named.kind).edit(now, lag, &named.id, |it| it.tags = tags)
        } else {
            region.databases_mut(named.kind).edit(now, lag, &named.id, |it| it.tags = tags)
        };
        done.ok_or_else(|| named.missing())
    }

    pub(super) fn list_tags(&mut self, asked: &mut Asked<'_>) -> Result<String, ApiError> {
        let named = asked.named()?;
        let mut xml = String::new();
        view::tag_list(&mut xml, self.tags_of(&named)?);
        Ok(xml)
    }

    pub(super) fn add_tags(&mut self, asked: &mut Asked<'_>) -> Result<String, ApiError> {
        let named = asked.named()?;
        let mut tags = self.tags_of(&named)?.clone();
        tags.extend(form::tags(&asked.call.input)?);
        form::room_for(&tags)?;
        self.retag(asked.context.now, &named, tags).map(|()| String::new())
    }

    pub(super) fn remove_tags(&mut self, asked: &mut Asked<'_>) -> Result<String, ApiError> {
        let named = asked.named()?;
        let gone = form::list(&asked.call.input, "TagKeys.member");
        let mut tags = self.tags_of(&named)?.clone();
        tags.retain(|key, _| !gone.contains(&key.as_str()));
        self.retag(asked.context.now, &named, tags).map(|()| String::new())
    }

    /// Sets a tag (or takes it away) beside the API; false when there is nothing with this ARN.
    pub(super) fn set_tag(&mut self, now: Timestamp, arn: &str, key: &str, value: Option<&str>) -> bool {
        let Some(named) = Named::read(arn) else { return false };
        let Ok(mut tags) = self.tags_of(&named).cloned() else { return false };
        match value {
            Some(value) => tags.insert(key.to_owned(), value.to_owned()),
            None => tags.remove(key),
        };
        self.retag(now, &named, tags).is_ok()
    }
}

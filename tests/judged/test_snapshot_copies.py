"""The real binary of `snapshot` against moto, further: copies into another region with a key of that region, shares, a request, a database that is
stopped, what nobody can read. Days and retention are in `test_snapshot.py`. The quotas, which moto does not have, come from a
stand-in in AWS's own shape."""

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from events import ACCOUNT, REGION, batch, event

BEGIN = datetime(2037, 3, 6, 2, 0, tzinfo=timezone.utc)
ELSEWHERE, FRIEND = "eu-central-1", "210987654321"
KINDS = {"orders": ("db_snapshot", "DBSnapshot", "db"), "records": ("db_cluster_snapshot", "DBClusterSnapshot", "cluster")}


@pytest.fixture(scope="module")
def account(aws):
    """An instance and an Aurora cluster whose snapshots are copied, and a cluster that is stopped; a key in the other region."""
    rds, far = aws.client("rds"), aws.client("rds", region_name=ELSEWHERE)
    common = {"MasterUsername": "root", "MasterUserPassword": "not-a-secret", "StorageEncrypted": True}
    policy = {"Key": "steward:snapshot", "Value": "daily:2"}
    tags = [policy, {"Key": "steward:copy", "Value": ELSEWHERE}]
    instance = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "Engine": "postgres"}
    rds.create_db_instance(DBInstanceIdentifier="orders", Tags=tags, **instance, **common)
    rds.create_db_cluster(DBClusterIdentifier="records", Engine="aurora-postgresql", Tags=tags, **common)
    rds.create_db_cluster(DBClusterIdentifier="archive", Engine="aurora-postgresql", Tags=[policy], **common)
    rds.stop_db_cluster(DBClusterIdentifier="archive")
    key = aws.client("kms", region_name=ELSEWHERE).create_key()["KeyMetadata"]["Arn"]
    return SimpleNamespace(rds=rds, far=far, key=key)


def quotas(_):
    """What moto has no answer for: 70 of 100 manual snapshots are in use."""
    used = "".join(
        f"<AccountQuota><AccountQuotaName>{name}</AccountQuotaName><Used>70</Used><Max>100</Max></AccountQuota>"
        for name in ("ManualSnapshots", "ManualClusterSnapshots")
    )
    result = f"<DescribeAccountAttributesResult><AccountQuotas>{used}</AccountQuotas></DescribeAccountAttributesResult>"
    root = '<DescribeAccountAttributesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">'
    return f"{root}{result}<ResponseMetadata><RequestId>a</RequestId></ResponseMetadata></DescribeAccountAttributesResponse>"


def snapshots(rds, database):
    kind, name, _ = KINDS[database]
    found = getattr(rds, f"describe_{kind}s")(SnapshotType="manual")[f"{name}s"]
    return [it for it in found if database in it[f"{name}Identifier"]]


@pytest.fixture(scope="module")
def story(aws, account, stack, start):
    """Three sweeps, a request, the event that tells of its snapshot."""
    variables = {"STEWARD_SNAPSHOT_SHARE_ACCOUNTS": FRIEND, "STEWARD_SNAPSHOT_KMS_KEYS": account.key}
    stand_in = {"rds:DescribeAccountAttributes": quotas}
    function, told = start("snapshot", stand_in, **variables), SimpleNamespace()

    def wake(minutes, source, kind, resources=(), **detail):
        at = BEGIN + timedelta(minutes=minutes)
        aws.set_clock(at)
        return function.invoke(event(at, source, kind, detail, resources))["decisions"]

    told.sweeps = [wake(minutes, "steward", "Sweep") for minutes in (0, 15, 30)]
    orders = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders"
    told.asked = wake(31, "steward", "Snapshot Requested", database=orders, request="release-142", **{"requested-by": "ana"})
    (made,) = [it for it in snapshots(account.rds, "orders") if "-req-" in it["DBSnapshotIdentifier"]]
    what = {"EventID": "RDS-EVENT-0042", "EventCategories": ["creation"], "Message": "Manual snapshot created"}
    what |= {"SourceType": "SNAPSHOT", "SourceArn": made["DBSnapshotArn"], "SourceIdentifier": made["DBSnapshotIdentifier"]}
    told.there = wake(32, "aws.rds", "RDS DB Snapshot Event", [made["DBSnapshotArn"]], **what, Date="2037-03-06T02:32:00Z")
    told.here = {database: snapshots(account.rds, database) for database in KINDS}
    told.far = {database: snapshots(account.far, database) for database in KINDS}
    told.unreadable, told.dead = function.invoke(batch("{ not json")), stack.dead()
    told.schedules = stack.scheduler.list_schedules(GroupName="steward-later")["Schedules"]
    told.put, told.refused = function.recorder.answered(), function.recorder.refused()
    return told


def tags(snapshot):
    return {tag["Key"]: tag["Value"] for tag in snapshot["TagList"]}


@pytest.mark.parametrize("database", KINDS)
def test_a_copy_is_in_the_other_region_with_its_key_and_says_where_it_is_from(story, account, database):
    name = f"{KINDS[database][1]}Identifier"
    (copy,) = story.far[database]
    (source,) = [it for it in story.here[database] if it[name] == copy[name]]
    assert copy["KmsKeyId"] == account.key != source["KmsKeyId"]
    assert tags(copy) == tags(source) | {"steward:copied-from": REGION}


@pytest.mark.parametrize("database", KINDS)
def test_what_was_taken_by_the_policy_is_shared_with_whom_the_stack_names_and_with_nobody_else(story, account, database):
    kind, name, _ = KINDS[database]
    for snapshot in story.here[database]:
        named = {f"{name}Identifier": snapshot[f"{name}Identifier"]}
        answer = getattr(account.rds, f"describe_{kind}_attributes")(**named)[f"{name}AttributesResult"]
        (restore,) = [it for it in answer[f"{name}Attributes"] if it["AttributeName"] == "restore"]
        assert restore["AttributeValues"] == ([FRIEND] if "steward:slot" in tags(snapshot) else []), named


def test_what_was_asked_for_is_taken_and_announced(story):
    (asked,) = story.asked
    assert asked["taken"].startswith("steward-orders-req-release-142-")
    assert "events:PutEvents" in story.put


def test_a_stopped_database_without_a_backup_is_looked_at_again_later(story):
    words = [{record["subject"]: record["decision"] for record in sweep}["archive"] for sweep in story.sweeps]
    assert set(words) == {"waiting"} and story.schedules, words


def test_what_nobody_can_read_goes_to_the_dead_letters(story):
    assert story.unreadable == {"batchItemFailures": []} and story.dead == ["{ not json"]


def test_nothing_fails_where_the_quotas_are_known(story):
    words = [record["decision"] for sweep in story.sweeps for record in sweep]
    assert "failed" not in words, words


def test_moto_refuses_none_of_its_calls(story):
    assert story.refused == set()

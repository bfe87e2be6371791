"""The real binary of `snapshot` against moto, an emulator that nobody here wrote: its RDS, DynamoDB and SNS parse what the SDK
sends, and the SDK parses what they answer.

What moto does not do, so that nothing is shown of it here (`deviations.py` holds it to that):
- DescribeAccountAttributes: quotas. The function must go on without, and says so: `test_nothing_fails_but_the_quotas`.
- A snapshot is available at once: `creating`, `failed`, patience, and the events of RDS are for the lab.
- All DB instances have one and the same DbiResourceId: only one can opt in here.
- Permissions are not evaluated.

Copies, shares and requests are in `test_snapshot_copies.py`.
"""

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

ACCOUNT, REGION = "123456789012", "eu-west-1"
# The function follows the time of events forward only: ahead of any real clock, and always the same weekdays.
FIRST = datetime(2037, 3, 6, 2, 0, tzinfo=timezone.utc)  # a Friday
NIGHTS = 6
POLICY = "daily:2 weekly:2"


@pytest.fixture(scope="module")
def account(aws):
    """A DB instance and an Aurora cluster that have opted in, one instance that has not, and what the function needs."""
    rds = aws.client("rds")
    tags = [{"Key": "steward:snapshot", "Value": POLICY}, {"Key": "team", "Value": "shop"}]
    common = {"MasterUsername": "root", "MasterUserPassword": "not-a-secret"}
    instance = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "Engine": "postgres"} | common
    rds.create_db_instance(DBInstanceIdentifier="orders", Tags=tags, **instance)
    rds.create_db_cluster(DBClusterIdentifier="records", Engine="aurora-postgresql", Tags=tags, **common)
    rds.create_db_cluster(DBClusterIdentifier="search", Engine="aurora-postgresql", **common)
    rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="before-the-migration")
    by_hand = [{"Key": "steward:owner", "Value": "steward"}, {"Key": "steward:class", "Value": "scheduled"}]
    rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="steward-orders-by-hand", Tags=by_hand)
    rds.create_db_cluster_snapshot(DBClusterIdentifier="search", DBClusterSnapshotIdentifier="search-2019")
    return SimpleNamespace(rds=rds)


@pytest.fixture(scope="module")
def function(aws, account, start):
    runtime = start("snapshot")
    return lambda at: sweep(aws, runtime, at)


def sweep(aws, runtime, at):
    """Invokes a sweep of this moment, directly."""
    aws.set_clock(at)
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return runtime.invoke(
        {
            "version": "0",
            "id": f"sweep-{time}",
            "source": "steward",
            "detail-type": "Sweep",
            "account": ACCOUNT,
            "region": REGION,
            "time": time,
            "resources": [],
            "detail": {},
        }
    )


def snapshots(rds):
    """All manual snapshots: name, and kind, database, tags."""
    found = {}
    for page in rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual"):
        for it in page["DBSnapshots"]:
            found[it["DBSnapshotIdentifier"]] = ("instance", it["DBInstanceIdentifier"], tags(it))
    for page in rds.get_paginator("describe_db_cluster_snapshots").paginate(SnapshotType="manual"):
        for it in page["DBClusterSnapshots"]:
            found[it["DBClusterSnapshotIdentifier"]] = ("cluster", it["DBClusterIdentifier"], tags(it))
    return found


def tags(snapshot):
    return {tag["Key"]: tag["Value"] for tag in snapshot["TagList"]}


def slots(rds, database):
    """Days of the slots of the function's own snapshots of a database."""
    own = [tags["steward:slot"] for _, of, tags in snapshots(rds).values() if of == database and "steward:slot" in tags]
    return sorted(slot[5:10] for slot in own)


@pytest.fixture(scope="module")
def nights(function, account):
    """All nights, each with its two sweeps: what both returned, and what there was between them."""
    lived = []
    for night in range(NIGHTS):
        at = FIRST + timedelta(days=night)
        took = function(at)
        between = snapshots(account.rds)
        lived.append(SimpleNamespace(took=took, between=between, after=function(at + timedelta(minutes=15))))
    return lived


def test_a_night_takes_one_snapshot_of_each_kind_with_the_tags_of_the_database(nights):
    own = {name: it for name, it in nights[0].between.items() if "steward:slot" in it[2]}
    assert sorted((kind, of) for kind, of, _ in own.values()) == [("cluster", "records"), ("instance", "orders")]
    for name, (_, of, tags) in own.items():
        assert name.startswith(f"steward-{of}-20370306t0200-"), name
        expected = {"steward:owner": "steward", "steward:class": "scheduled", "steward:policy": POLICY, "team": "shop"}
        assert expected.items() <= tags.items() and tags["steward:slot"] == "2037-03-06T02:00:00Z"
        assert "steward:snapshot" not in tags, "a database restored from it would opt in by itself"


def test_a_second_look_takes_nothing_and_finds_what_was_taken(nights):
    for night in nights:
        took = [record["taken"].split() for record in night.took["decisions"] if "taken" in record]
        assert sorted(map(len, took)) == [1, 1]
        words = {record["subject"]: record["decision"] for record in night.after["decisions"]}
        assert words["orders"] == words["records"] == "up-to-date", words
        assert not any("taken" in record for record in night.after["decisions"])


def test_both_kinds_are_pruned_to_what_the_policy_keeps(nights, account):
    # The last night is that to Wednesday: two days are kept, and of the week before its last, Sunday.
    assert slots(account.rds, "orders") == slots(account.rds, "records") == ["03-08", "03-10", "03-11"]
    rows = [row for night in nights for report in (night.took, night.after) for row in report["snapshots"]]
    gone = sorted((row["database"], row["moment"][5:10]) for row in rows if row["verdict"] == "delete")
    assert gone == [(of, day) for of in ("orders", "records") for day in ("03-06", "03-07", "03-09")]
    # A policy is a day old before anything is deleted by it.
    assert all(row["verdict"] != "delete" for row in nights[0].took["snapshots"] + nights[0].after["snapshots"])


def test_what_others_have_stays(nights, account):
    left = snapshots(account.rds)
    assert {"before-the-migration", "steward-orders-by-hand", "search-2019"} <= set(left)
    assert not any(of == "search" for name, (_, of, _) in left.items() if name != "search-2019")


def test_nothing_fails_but_the_quotas(nights):
    """Moto has no DescribeAccountAttributes. Should this fail, it has it now: strike it from the list above."""
    failed = {
        record["subject"]
        for night in nights
        for report in (night.took, night.after)
        for record in report["decisions"]
        if record["decision"] == "failed"
    }
    assert failed == {f"quotas of {REGION}"}

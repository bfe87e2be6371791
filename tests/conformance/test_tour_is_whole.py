"""What the two tours came past, against all that the lab serves. Only of a run of the whole folder, after the tours."""


def test_botocore_was_asked_for_all_that_the_lab_serves(served, asked):
    assert len(served) > 80, served
    assert asked.by_boto3 - served == set(), "the lab says that it does not have this"
    assert served - asked.by_boto3 == set()


def test_the_cli_was_asked_for_all_that_the_lab_serves(served, asked):
    assert asked.by_cli - served == set(), "the lab says that it does not have this"
    assert served - asked.by_cli == set()

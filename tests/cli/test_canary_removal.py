"""`batchgate doctor --canary` removes what it made: after Ctrl-C, refusals and lost responses."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from batchgate_cli.local.services import LocalServices, running_services
from s3batch_emulator import Delays
from tests.cli.canary_stage import canary_stage, facts_of


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """The local AWS; each canary has an emulator of its own."""
    with running_services() as running:
        yield running


def lines_of_a_whole_canary(services: LocalServices) -> list[str]:
    """What one says from its beginning to its end."""
    with canary_stage(services) as stage:
        stage.observe()
        return stage.said


def interrupting_at(number: int) -> Callable[[str], None]:
    """Ctrl-C at the line of this number, counted from 1."""
    left = iter(range(number, 0, -1))

    def at(_: str) -> None:
        if next(left, 0) == 1:
            raise KeyboardInterrupt

    return at


def test_ctrl_c_at_any_moment_leaves_nothing_behind(services: LocalServices) -> None:
    """While things are made, jobs run, events are awaited, and while it removes."""
    said = lines_of_a_whole_canary(services)
    assert len(said) > 30
    for number in range(1, len(said) + 1, 4):
        with canary_stage(services) as stage:
            stage.at = interrupting_at(number)
            outcome = stage.observe()
            assert (outcome.exit_code, outcome.left, stage.left()) == (130, [], []), said[number - 1]


CREATING = [
    ("sqs", "CreateQueue", 1),
    ("events", "PutRule", 1),
    ("events", "PutTargets", 1),
    ("iam", "CreateRole", 1),
    ("iam", "PutRolePolicy", 1),
    ("s3", "CreateBucket", 1),
    ("s3", "PutPublicAccessBlock", 1),
    ("s3", "PutObject", 5),
    ("s3-control", "CreateJob", 1),
    ("s3-control", "CreateJob", 2),
    ("s3-control", "DescribeJob", 1),
    ("sqs", "ReceiveMessage", 2),
]


@pytest.mark.parametrize("when", ["before-call", "after-call"])
@pytest.mark.parametrize(("service", "operation", "number"), CREATING)
def test_a_refusal_at_any_moment_leaves_nothing_behind(
    services: LocalServices, service: str, operation: str, number: int, when: str
) -> None:
    """Whether the call had its effect or not: what failed is said, with the exit code."""
    with canary_stage(services) as stage, stage.failing(when, service, operation, number):
        outcome = stage.observe()
        assert (outcome.exit_code, outcome.left, stage.left()) == (1, [], [])
        assert operation in outcome.error
        assert "AccessDenied" in outcome.error


REMOVING = {
    ("sqs", "DeleteQueue"): "queue",
    ("events", "DeleteRule"): "rule",
    ("iam", "DeleteRole"): "role",
    ("s3", "DeleteBucket"): "bucket",
}


@pytest.mark.parametrize(("service", "operation"), REMOVING)
def test_what_cannot_be_removed_is_named_with_the_command_that_removes_it(
    services: LocalServices, service: str, operation: str
) -> None:
    """And all else is removed."""
    with canary_stage(services) as stage:
        with stage.failing("before-call", service, operation, 1):
            outcome = stage.observe()
        (thing,) = outcome.left
        assert (outcome.exit_code, thing.what) == (1, f"{REMOVING[service, operation]} {stage.place.name}")
        assert thing.command.startswith("aws ")
        assert stage.place.name in thing.command
        (left,) = stage.left()
        assert left.startswith(REMOVING[service, operation])
        thing.remove()
        assert stage.left() == []


def test_a_job_that_cannot_be_cancelled_is_named_with_the_command_that_cancels_it(services: LocalServices) -> None:
    """A service control policy may deny UpdateJobStatus; the bucket goes all the same."""
    with canary_stage(services) as stage:
        with stage.failing("before-call", "s3-control", "UpdateJobStatus", 1, times=1000):
            outcome = stage.observe()
        assert outcome.exit_code == 1
        assert "UpdateJobStatus" in outcome.error
        ids = [job.job_id for job in outcome.seen.jobs]
        assert sorted(thing.what for thing in outcome.left) == sorted(f"job {job_id}" for job_id in ids)
        assert all(job_id in " ".join(thing.command for thing in outcome.left) for job_id in ids)
        assert sorted(stage.left()) == sorted(f"job {job_id}" for job_id in ids)


@pytest.mark.parametrize(
    ("service", "operation", "fact"),
    [
        ("s3-control", "GetJobTagging", "untagged_answer_lacks_tags"),
        ("s3-control", "ListJobs", "newest_first"),
        ("cloudtrail", "LookupEvents", "create_job_record"),
    ],
)
def test_what_it_may_not_ask_is_not_shown_and_the_rest_is(
    services: LocalServices, service: str, operation: str, fact: str
) -> None:
    """A missing permission to read costs one line of the report."""
    with canary_stage(services) as stage:
        with stage.failing("before-call", service, operation, 1, times=1000):
            outcome = stage.observe()
        assert (outcome.exit_code, outcome.left, stage.left()) == (0, [], [])
    facts = facts_of(outcome)
    assert fact not in facts
    assert facts["reason_survives"] is True


def test_a_job_that_is_not_registered_yet_is_asked_for_again(services: LocalServices) -> None:
    """S3 may answer that it knows no such job just after it was created."""
    with canary_stage(
        services, delays=Delays(registered=timedelta(seconds=3), preparing=timedelta(seconds=5))
    ) as stage:
        outcome = stage.observe()
        assert (outcome.exit_code, stage.left()) == (0, [])
    assert facts_of(outcome)["suspended_date_survives"] is True

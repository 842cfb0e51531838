"""`batchgate doctor --canary`: it finds how S3 behaves, whichever way that is, and leaves nothing behind."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from batchgate_cli.local.services import LocalServices, running_services
from batchgate_cli.operating.canary_facts import ACCEPTED
from s3batch_emulator import Delays, ManifestKind, Switches, Vocabulary
from tests.cli.canary_stage import BEHIND, canary_stage, facts_of

DEFAULT = Switches()
KINDS = {"csv": ManifestKind.CSV, "generated": ManifestKind.GENERATED, "inventory": ManifestKind.INVENTORY}
ERRORS = {
    Vocabulary.MODEL: ("NotFoundException", "BadRequestException"),
    Vocabulary.GUIDE: ("NoSuchJobException", "BadRequestException"),
    Vocabulary.RECORDED: ("NoSuchJobException", "InvalidRequest"),
}


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """The local AWS; each canary has an emulator of its own."""
    with running_services() as running:
        yield running


def variants() -> Iterator[Any]:
    """The default, and every switch with each of its other values."""
    yield pytest.param(DEFAULT, id="default")
    for each in fields(Switches):
        default = getattr(DEFAULT, each.name)
        match default:
            case bool():
                others: list[Any] = [not default]
            case Vocabulary():
                others = [other for other in Vocabulary if other is not default]
            case _:
                others = [frozenset[ManifestKind](), *(default - {kind} for kind in ManifestKind)]
        for number, other in enumerate(others):
            yield pytest.param(replace(DEFAULT, **{each.name: other}), id=f"{each.name}-{number}")


def truth(switches: Switches) -> dict[str, Any]:
    """What a canary has to find of an S3 with these switches: all facts but the events' delay."""
    unknown = "zero" if switches.unknown_total_as_zero else "absent"
    missing, bad = ERRORS[switches.vocabulary]
    early = switches.ready_while_preparing
    announced = {"Active", "Cancelled", "Complete", "Completing", "New", "Preparing", "Ready"}
    found: dict[str, Any] = {
        "suspended_event": switches.suspended_event,
        "event_statuses": sorted(announced | ({"Suspended"} if switches.suspended_event else set())),
        "suspended_date_survives": switches.suspension_remembered,
        "suspended_cause": "AWAITING_CONFIRMATION" if switches.cause_in_capitals else "AwaitingConfirmation",
        "total_while_preparing": unknown,
        "reason_survives": switches.reason_survives,
        "ready_in_preparing": ACCEPTED if early else "JobStatusException",
        "confirmation_required_shown": switches.confirmation_shown,
        "omitted_confirmation_shown": switches.omitted_confirmation_shown,
        "untagged_answer_lacks_tags": switches.untagged_lacks_tags,
        "termination_listed": switches.termination_listed,
        "timers_listed": switches.timers_listed,
        "newest_first": switches.newest_first,
        "missing_job_error": missing,
        "bad_request_error": bad,
        "error_document": "Error" if switches.bare_errors else "ErrorResponse",
        "error_namespace": switches.error_namespace,
    }
    if not early:
        found["omitted_confirmation_waits"] = True
    for name, kind in KINDS.items():
        if kind is not ManifestKind.GENERATED or not early:  # confirmed early, it is never Suspended
            found[f"total_at_suspended_{name}"] = "known" if kind in switches.total_known_at_suspended else unknown
    return found


@pytest.mark.parametrize("switches", list(variants()))
def test_it_finds_how_s3_behaves(services: LocalServices, switches: Switches) -> None:
    """Whichever way each switch is set: that fact is found, all others stay, and nothing is left behind."""
    with canary_stage(services, switches) as stage:
        outcome = stage.fly()
        assert (outcome.exit_code, outcome.error, outcome.left, stage.left()) == (0, "", [], [])
    facts = facts_of(outcome)
    late = facts.pop("suspended_event_seconds", None)
    assert facts == truth(switches)
    assert (late is not None) is switches.suspended_event
    if late is not None:
        assert BEHIND.total_seconds() - 120 < late < BEHIND.total_seconds() + 120


# --- Nothing is left behind -----------------------------------------------------------------------------


def lines_of_a_whole_canary(services: LocalServices) -> list[str]:
    """What one says from its beginning to its end."""
    with canary_stage(services) as stage:
        stage.fly()
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
    for number in range(1, len(said) + 1):
        with canary_stage(services) as stage:
            stage.at = interrupting_at(number)
            outcome = stage.fly()
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
        outcome = stage.fly()
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
            outcome = stage.fly()
        (thing,) = outcome.left
        assert (outcome.exit_code, thing.what) == (1, f"{REMOVING[service, operation]} {stage.place.name}")
        assert thing.command.startswith("aws ")
        assert stage.place.name in thing.command
        (left,) = stage.left()
        assert left.startswith(REMOVING[service, operation])
        thing.remove()
        assert stage.left() == []


def test_a_job_that_cannot_be_cancelled_is_named_with_the_command_that_cancels_it(services: LocalServices) -> None:
    """A guard rail may deny UpdateJobStatus; the bucket goes all the same."""
    with canary_stage(services) as stage:
        with stage.failing("before-call", "s3-control", "UpdateJobStatus", 1, times=1000):
            outcome = stage.fly()
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
            outcome = stage.fly()
        assert (outcome.exit_code, outcome.left, stage.left()) == (0, [], [])
    facts = facts_of(outcome)
    assert fact not in facts
    assert facts["reason_survives"] is True


def test_a_job_that_is_not_registered_yet_is_asked_for_again(services: LocalServices) -> None:
    """S3 may answer that it knows no such job just after it was created."""
    with canary_stage(
        services, delays=Delays(registered=timedelta(seconds=3), preparing=timedelta(seconds=5))
    ) as stage:
        outcome = stage.fly()
        assert (outcome.exit_code, stage.left()) == (0, [])
    assert facts_of(outcome)["suspended_date_survives"] is True

"""How the calls of reviews, sweeps and people's decisions fail, and what happens to message, job and ledger.

Each row is executed by test_errors_table.py. `python -m tests.flow.errors_table` prints docs/errors.md.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import timedelta
from io import StringIO
from typing import Any, Final, TypeAlias

from batchgate.gate.ports import CircuitBreaker, Pause
from batchgate.gate.state import RequestedAction
from batchgate.jobs.model import JobRef
from s3batch_emulator import Effect, SteppedClock
from tests.flow.stage import CANCEL_ALL, HOLD_ALL, KIM, UP_TO_THREE
from tests.flow.troubled import BROKEN, DENIED, GARBLED, LOST, RESET, THROTTLED, Trouble, World

Happens: TypeAlias = Callable[[World, JobRef], object]

AGAIN: Final = "is redelivered"
DONE: Final = "is deleted"

WANTS_TAG: Final = """
version: 1
cancel_grace: 0s
policies:
  - name: ticketed
    match: [{operation: S3PutObjectTagging}]
    require: [{tags: {ticket: {present: true}}}]
    on_violation: cancel
"""
WITHIN_BUDGET: Final = """
version: 1
budgets: [{name: daily, per: day, timezone: UTC, jobs: 1}]
policies:
  - name: within-budget
    match: [{operation: S3PutObjectTagging}]
    require: [{budget: daily}]
"""
WANTS_SMALL_MANIFEST: Final = """
version: 1
cancel_grace: 0s
policies:
  - name: small-manifests
    match: [{operation: S3PutObjectTagging}]
    require: [{manifest: {bytes: {at_most: 40}}}]
    on_violation: cancel
"""
WANTS_OUR_BUCKETS: Final = """
version: 1
cancel_grace: 0s
policies:
  - name: our-buckets
    match: [{operation: S3PutObjectTagging}]
    require: [{source_buckets: {only: [data]}}]
    on_violation: cancel
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One way in which one call fails, in a review that began with an event.

    Attributes:
        call: The API's name of the call, or a name for it.
        fails: How it fails.
        happens: What makes it fail; called with a Suspended job, which `policy` approves unless the row says otherwise.
        message: What happens to the message.
        job: S3's status right after.
        ledger: What the ledger holds right after.
        counted: The metrics that were counted, sorted, except the time to the decision.
        ends: approved, cancelled or held, once the fault is over and the sweep has run.
        policy: The policies in force; if empty, those that approve up to three objects.
        tags: The job's.
        deliveries: How often the message was delivered, this time included.
    """

    call: str
    fails: str
    happens: Happens
    message: str
    job: str
    ledger: str
    counted: str
    ends: str
    policy: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    deliveries: int = 1

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.call} {self.fails}"


def _s3(
    operation: str, effect: Effect, code: str = "InternalServiceException", *, after_change: bool = False
) -> Happens:
    return lambda world, ref: world.s3control(operation, effect, code, after_change=after_change)


def _aws(operation: str, trouble: Trouble) -> Happens:
    return lambda world, ref: world.aws(operation, trouble)


def _item(operation: str, containing: str) -> Happens:
    return lambda world, ref: world.aws(operation, BROKEN, containing=containing)


def _before(operation: str, action: Happens) -> Happens:
    return lambda world, ref: world.before(operation, lambda: action(world, ref))


def _policies_gone(world: World, ref: JobRef) -> None:
    world.stage.source.enforced = None


def _paused(world: World, ref: JobRef) -> None:
    pause = Pause("arn:aws:iam::123456789012:user/kim", "an incident", world.stage.clock.now())
    world.ledger.set_pause(pause, replacing=None)


def _stopped_by_breaker(world: World, ref: JobRef) -> None:
    world.stage.breaker = CircuitBreaker(1, timedelta(minutes=10))
    _deliver_another(world, 6)


def _a_faster_job(world: World, ref: JobRef) -> None:
    _deliver_another(world, 2)


def _deliver_another(world: World, rows: int) -> None:
    """Review another job; its metrics, which are printed, are not those of the row."""
    with redirect_stdout(StringIO()):
        world.deliver(world.job(rows))


def _cancelled_by_a_person(world: World, ref: JobRef) -> None:
    world.stage.update_as_a_person(ref, "Cancelled")


def _another_review(world: World, ref: JobRef) -> None:
    world.deliver(ref)


def _dated(seconds: float) -> Happens:
    def happens(world: World, ref: JobRef) -> None:
        world.stage.emulator.dates = SteppedClock(world.stage.clock.now() + timedelta(seconds=seconds))

    return happens


def _new_member(world: World, ref: JobRef) -> None:
    world.stage.emulator.add_member(ref.job_id, ("Operation", "S3PutObjectTagging", "NewMember"), "true")


def _tags_left_out(world: World, ref: JobRef) -> None:
    service = world.stage.emulator._service
    service.switches = replace(service.switches, untagged_lacks_tags=True)


def _of_another_version(world: World, ref: JobRef) -> None:
    world.write_item_of_another_version(ref)


def _unknown(world: World, ref: JobRef) -> None:
    world.s3control("DescribeJob", Effect.ERROR, "NoSuchJobException")


def _unlisted(world: World, ref: JobRef) -> None:
    world.requester = ""


def _created_by_kim(world: World, ref: JobRef) -> None:
    world.requester = KIM


_S3_TROUBLES: Final = (
    ("is denied", Effect.ERROR, "AccessDenied", "Errors"),
    ("is throttled", Effect.ERROR, "SlowDown", "Errors, Throttled"),
    ("returns a 5xx error", Effect.ERROR, "InternalServiceException", "Errors"),
    ("connection is reset", Effect.RESET, "InternalServiceException", "Errors"),
    ("times out", Effect.HANG, "InternalServiceException", "Errors"),
    ("response is cut short", Effect.HALF_ANSWER, "InternalServiceException", "Errors"),
    ("response is not the expected document", Effect.WRONG_XML, "InternalServiceException", "Errors"),
    ("response is empty", Effect.EMPTY_ANSWER, "InternalServiceException", "Errors"),
    ("returns an error with status 200", Effect.ERROR_IN_200, "InternalServiceException", "Errors"),
    ("returns another call's document", Effect.OTHER_DOCUMENT, "InternalServiceException", "Errors"),
)
_AWS_TROUBLES: Final = (
    ("is denied", DENIED),
    ("is throttled", THROTTLED),
    ("returns a 5xx error", BROKEN),
    ("connection is reset", RESET),
    ("response is not the expected document", GARBLED),
)


def _rows() -> Iterator[Row]:
    yield Row(
        "policies",
        "cannot be loaded",
        _policies_gone,
        AGAIN,
        "Suspended",
        "nothing",
        "Errors, PolicyLoadErrors",
        "approved",
    )
    for fails, effect, code, counted in _S3_TROUBLES:
        yield Row(
            "DescribeJob", fails, _s3("DescribeJob", effect, code), AGAIN, "Suspended", "nothing", counted, "approved"
        )
    for fails, date in (
        ("response is dated 32 s before the gate's clock", -32),
        ("response is dated 33 s after the gate's clock", 33),
    ):
        yield Row("DescribeJob", fails, _dated(date), AGAIN, "Suspended", "nothing", "Errors", "approved")
    yield Row("DescribeJob", "response has an unknown member", _new_member, DONE, "Suspended", "held", "Held", "held")
    yield Row("DescribeJob", "returns NoSuchJob", _unknown, AGAIN, "Suspended", "nothing", "", "approved")
    yield Row(
        "DescribeJob",
        "returns NoSuchJob at the third delivery",
        _unknown,
        DONE,
        "Suspended",
        "nothing",
        "EventsDropped",
        "approved",
        deliveries=3,
    )
    for fails, effect, code, counted in _S3_TROUBLES:
        denied = code == "AccessDenied"
        yield Row(
            "GetJobTagging",
            fails,
            _s3("GetJobTagging", effect, code),
            DONE if denied else AGAIN,
            "Suspended",
            "held" if denied else "nothing",
            "Held" if denied else counted,
            "approved",
            policy=WANTS_TAG,
            tags=(("ticket", "CHG-1"),),
        )
    yield Row(
        "GetJobTagging",
        "omits Tags, and untagged_answer_lacks_tags is unknown",
        _tags_left_out,
        DONE,
        "Suspended",
        "held",
        "Held",
        "held",
        policy=WANTS_TAG,
    )
    yield Row(
        "GetJobTagging",
        "returns NotFoundException, but DescribeJob succeeds",
        _s3("GetJobTagging", Effect.ERROR, "NotFoundException"),
        DONE,
        "Suspended",
        "held",
        "Held",
        "approved",
        policy=WANTS_TAG,
        tags=(("ticket", "CHG-1"),),
    )
    yield from _manifest_rows()
    yield from _content_rows()
    yield from _requester_rows()
    yield from _ledger_rows()
    yield from _update_rows()
    yield from _announce_rows()
    yield Row(
        "PutItem of when an event last came",
        "fails",
        _item("PutItem", "EVENTS"),
        DONE,
        "Ready",
        "settled applied",
        "Approved, Errors",
        "approved",
    )
    yield Row(
        "Lambda",
        "has too little time left",
        lambda world, ref: world.little_time(),
        AGAIN,
        "Suspended",
        "nothing",
        "Errors",
        "approved",
    )


def _manifest_rows() -> Iterator[Row]:
    def row(fails: str, happens: Happens, message: str, ledger: str, counted: str) -> Row:
        return Row(
            "HeadObject", fails, happens, message, "Suspended", ledger, counted, "approved", policy=WANTS_SMALL_MANIFEST
        )

    yield row("is denied", _aws("HeadObject", Trouble("", 403, body=b"")), DONE, "held", "Held")
    yield row("returns 404", _aws("HeadObject", Trouble("", 404, body=b"")), DONE, "held", "Held")
    yield row("is throttled", _aws("HeadObject", Trouble("", 503, body=b"")), AGAIN, "nothing", "Errors")
    yield row("connection is reset", _aws("HeadObject", RESET), AGAIN, "nothing", "Errors")


def _content_rows() -> Iterator[Row]:
    def row(call: str, fails: str, happens: Happens, message: str, ledger: str, counted: str) -> Row:
        return Row(call, fails, happens, message, "Suspended", ledger, counted, "approved", policy=WANTS_OUR_BUCKETS)

    for fails, status in (("is denied", 403), ("returns 404", 404), ("returns 412: another ETag", 412)):
        yield row("GetObject", fails, _aws("GetObject", Trouble("", status, body=b"")), DONE, "held", "Held")
    yield row("GetObject", "is throttled", _aws("GetObject", Trouble("", 503, body=b"")), AGAIN, "nothing", "Errors")
    yield row("GetObject", "connection is reset", _aws("GetObject", RESET), AGAIN, "nothing", "Errors")
    for operation in ("GetItem", "PutItem"):
        for fails, trouble in (("is denied", DENIED), ("is throttled", THROTTLED), ("connection is reset", RESET)):
            happens = _item_of(operation, "READING", trouble)
            yield row(f"{operation} of a manifest's counts", fails, happens, AGAIN, "nothing", "Errors")


def _item_of(operation: str, containing: str, trouble: Trouble) -> Happens:
    return lambda world, ref: world.aws(operation, trouble, containing=containing)


def _requester_rows() -> Iterator[Row]:
    def row(fails: str, happens: Happens) -> Row:
        policy = f"{UP_TO_THREE}approvals: {{not_requester: true}}"
        return Row(
            "LookupEvents", fails, happens, DONE, "Ready", "settled applied", "Approved", "approved", policy=policy
        )

    for fails, trouble in _AWS_TROUBLES:
        yield row(fails, _aws("LookupEvents", trouble))
    yield row("does not list the CreateJob", _unlisted)


def _ledger_rows() -> Iterator[Row]:
    for fails, trouble in _AWS_TROUBLES:
        yield Row(
            "GetItem of STATE", fails, _aws("GetItem", trouble), AGAIN, "Suspended", "nothing", "Errors", "approved"
        )
    yield Row(
        "GetItem of STATE",
        "returns an item of another version",
        _of_another_version,
        AGAIN,
        "Suspended",
        "unreadable",
        "Errors",
        "approved",
    )
    for fails, trouble in _AWS_TROUBLES:
        yield Row(
            "TransactWriteItems of a claim",
            fails,
            _aws("TransactWriteItems", trouble),
            AGAIN,
            "Suspended",
            "nothing",
            "Errors",
            "approved",
        )
    yield Row(
        "TransactWriteItems of a claim",
        "is applied, but the response is lost",
        _aws("TransactWriteItems", LOST),
        AGAIN,
        "Suspended",
        "claimed",
        "Errors",
        "approved",
    )
    yield Row(
        "TransactWriteItems of a claim",
        "fails because another review was first",
        _before("TransactWriteItems", _another_review),
        DONE,
        "Ready",
        "settled applied",
        "Approved",
        "approved",
    )
    yield Row(
        "TransactWriteItems of a claim",
        "fails because the gate is paused",
        _paused,
        DONE,
        "Suspended",
        "held",
        "Held",
        "approved",
    )
    yield Row(
        "TransactWriteItems of a claim",
        "fails because of the circuit breaker",
        _stopped_by_breaker,
        DONE,
        "Suspended",
        "held",
        "CircuitBreakerHolds, Held",
        "cancelled",
        policy=CANCEL_ALL,
    )
    yield Row(
        "TransactWriteItems of a claim",
        "fails because a faster job used up the budget",
        _before("TransactWriteItems", _a_faster_job),
        DONE,
        "Suspended",
        "held",
        "BudgetUsed, Held",
        "held",
        policy=WITHIN_BUDGET,
    )
    for fails, trouble in _AWS_TROUBLES:
        yield Row(
            "BatchGetItem of what is used of budgets",
            fails,
            _aws("BatchGetItem", trouble),
            AGAIN,
            "Suspended",
            "nothing",
            "Errors",
            "approved",
            policy=WITHIN_BUDGET,
        )
    for fails, trouble in (*_AWS_TROUBLES, ("is applied, but the response is lost", LOST)):
        written = "held" if trouble is LOST else "nothing"
        yield Row(
            "TransactWriteItems of a hold",
            fails,
            _aws("TransactWriteItems", trouble),
            AGAIN,
            "Suspended",
            written,
            "Errors",
            "held",
            policy=HOLD_ALL,
        )
    for fails, trouble in _AWS_TROUBLES:
        yield Row(
            "PutItem of the outcome", fails, _aws("PutItem", trouble), AGAIN, "Ready", "claimed", "Errors", "approved"
        )
    yield Row(
        "PutItem of the outcome",
        "is applied, but the response is lost",
        _aws("PutItem", LOST),
        AGAIN,
        "Ready",
        "settled applied, not announced",
        "Errors",
        "approved",
    )


def _update_rows() -> Iterator[Row]:
    def row(
        fails: str, happens: Happens, message: str, job: str, ledger: str, counted: str, ends: str = "approved"
    ) -> Row:
        return Row("UpdateJobStatus", fails, happens, message, job, ledger, counted, ends)

    def fault(effect: Effect, code: str = "InternalServiceException", *, after_change: bool = False) -> Happens:
        return _s3("UpdateJobStatus", effect, code, after_change=after_change)

    approved = "Approved"
    yield row("is denied", fault(Effect.ERROR, "AccessDenied"), AGAIN, "Suspended", "held", "Errors, Held")
    yield row("is throttled", fault(Effect.ERROR, "SlowDown"), AGAIN, "Suspended", "held", "Errors, Held, Throttled")
    yield row("is refused", fault(Effect.ERROR, "JobStatusException"), AGAIN, "Suspended", "held", "Errors, Held")
    yield row(
        "is refused because a person was first",
        _before("TransactWriteItems", _cancelled_by_a_person),
        DONE,
        "Cancelled",
        "settled superseded",
        "Superseded",
        "cancelled",
    )
    for fails, effect in (
        ("returns a 5xx error", Effect.ERROR),
        ("connection is reset", Effect.RESET),
        ("times out", Effect.HANG),
    ):
        yield row(f"{fails}, not applied", fault(effect), DONE, "Suspended", "claimed", "OutcomeUnknown")
        yield row(f"{fails}, applied", fault(effect, after_change=True), DONE, "Ready", "settled applied", approved)
    yield row("response is cut short", fault(Effect.HALF_ANSWER), DONE, "Ready", "settled applied", approved)
    for fails, effect in (
        ("response is not the expected document", Effect.WRONG_XML),
        ("response is empty", Effect.EMPTY_ANSWER),
        ("returns an error with status 200", Effect.ERROR_IN_200),
        ("returns another call's document", Effect.OTHER_DOCUMENT),
    ):
        yield row(fails, fault(effect), DONE, "Ready", "settled applied", approved)

    def unclear_and_blind(world: World, ref: JobRef) -> None:
        world.before("TransactWriteItems", lambda: world.s3control("DescribeJob", Effect.ERROR, "AccessDenied"))
        world.s3control("UpdateJobStatus", Effect.RESET, after_change=True)

    yield row(
        "connection is reset, and the DescribeJob after it is denied",
        unclear_and_blind,
        AGAIN,
        "Ready",
        "claimed",
        "Errors",
    )


def _announce_rows() -> Iterator[Row]:
    for fails, trouble in _AWS_TROUBLES:
        yield Row(
            "PutEvents of a decision",
            fails,
            _aws("PutEvents", trouble),
            AGAIN,
            "Ready",
            "settled applied, not announced",
            "Errors",
            "approved",
        )
    yield Row(
        "PutEvents of a hold",
        "fails",
        _aws("PutEvents", BROKEN),
        DONE,
        "Suspended",
        "held",
        "Held",
        "held",
        policy=HOLD_ALL,
    )


ROWS: Final = tuple(_rows())


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One way in which one call fails in a sweep that finds one new job, and one held job that is due.

    Attributes:
        raises: Whether the sweep function fails, and nothing more is done in this minute.
        decided: Which of the two jobs are decided all the same.
        counted: Of the metrics Errors, NoticesFailed, PolicyLoadErrors, SweepErrors and Throttled, those above zero.
    """

    call: str
    fails: str
    happens: Happens
    raises: bool
    decided: str
    counted: str

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.call} {self.fails}"


def _sweep_rows() -> Iterator[SweepRow]:
    yield SweepRow(
        "policies", "cannot be loaded", _policies_gone, False, "none", _with_sweep_troubles("Errors, PolicyLoadErrors")
    )
    for fails, effect, code, counted in _S3_TROUBLES[:5]:
        happens = _s3("ListJobs", effect, code)
        yield SweepRow("ListJobs of Suspended", fails, happens, False, "the due one", _with_sweep_troubles(counted))
    yield SweepRow("ListJobs of New to Paused", "fails", _second_listing_fails, False, "both", "Errors, SweepErrors")
    for fails, trouble in _AWS_TROUBLES:
        yield SweepRow("PutItem of the sweep's lease", fails, _aws("PutItem", trouble), True, "none", "Errors")
    yield SweepRow("PutItem of the sweep's lease", "another sweep is running", _other_sweep, False, "none", "")
    yield SweepRow("Query of open jobs", "fails", _aws("Query", BROKEN), True, "none", "Errors")
    yield SweepRow(
        "Query of open jobs",
        "returns an item of another version",
        _of_another_version,
        False,
        "the due one",
        "Errors, SweepErrors",
    )
    yield SweepRow("BatchGetItem of settled jobs", "fails", _ended_unknown, True, "none", "Errors")
    failed = "Errors, NoticesFailed"
    yield SweepRow("GetItem of what the notices cover", "fails", _item("GetItem", "DIGEST"), False, "both", failed)
    yield SweepRow("Query of cancelled jobs", "fails", _item("Query", "decided_at"), False, "both", failed)
    yield SweepRow("Publish of a notice", "fails", _aws("Publish", BROKEN), False, "both", failed)
    yield SweepRow("PutItem of what the notices cover", "fails", _item("PutItem", "DIGEST"), False, "both", failed)
    yield SweepRow("GetItem of the heartbeat", "fails", _item("GetItem", "HEARTBEAT"), False, "both", "Errors")
    yield SweepRow("PutItem of the heartbeat", "fails", _item("PutItem", "HEARTBEAT"), False, "both", "Errors")
    for call, operation in (
        ("GetParameter of the deployed gate", "GetParameter"),
        ("GetTopicAttributes of the topic", "GetTopicAttributes"),
    ):
        for fails, trouble in (("is denied", DENIED), ("fails", BROKEN)):
            yield SweepRow(call, fails, _aws(operation, trouble), False, "both", "Errors")
    yield SweepRow("DeleteItem of the sweep's lease", "fails", _aws("DeleteItem", BROKEN), True, "both", "Errors")
    yield SweepRow(
        "a review",
        "fails",
        _s3("DescribeJob", Effect.ERROR, "SlowDown"),
        False,
        "one",
        "Errors, SweepErrors, Throttled",
    )


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What happens to an approval or a cancellation by a person.

    Attributes:
        action: Which of the two.
        fails: Why it is not simply done.
        happens: What makes it so; called with a Suspended job that the person was shown and `policy` holds.
        result: The error that is raised, or the action of the review.
        job: S3's status right after.
        ledger: What the ledger holds right after.
        recorded: Whether it holds an approval.
        ends: approved, cancelled or held, once the fault is over and the sweep has run.
        policy: The policies in force.
    """

    action: RequestedAction
    fails: str
    happens: Happens
    result: str
    job: str
    ledger: str
    recorded: bool
    ends: str
    policy: str = HOLD_ALL

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.action} {self.fails}"


def _person_rows() -> Iterator[PersonRow]:
    approve, cancel = RequestedAction.APPROVE, RequestedAction.CANCEL

    def row(fails: str, happens: Happens, result: str, ledger: str, ends: str, **changes: Any) -> PersonRow:
        said: dict[str, Any] = {"action": approve, "job": "Suspended", "recorded": False}
        return PersonRow(fails=fails, happens=happens, result=result, ledger=ledger, ends=ends, **(said | changes))

    nothing, held, claimed = "nothing", "held", "claimed"
    throttled = _s3("DescribeJob", Effect.ERROR, "SlowDown")
    for action in RequestedAction:
        elsewhere = {"action": action, "job": "Cancelled"}
        yield row(
            "somebody cancelled the job in S3",
            _cancelled_by_a_person,
            "RefusedError",
            nothing,
            "cancelled",
            **elsewhere,
        )
        yield row("the job has changed", _retagged, "ChangedError", nothing, held, action=action)
        yield row("the ledger can't be read", _aws("GetItem", BROKEN), "LedgerError", nothing, held, action=action)
        yield row("DescribeJob is throttled", throttled, "JobsApiThrottledError", nothing, held, action=action)
    yield row("this person's approval does not count", _nothing, "NotAllowedError", nothing, held, policy=_BY_OTHERS)
    for fails, happens in (
        ("this person created the job", _created_by_kim),
        *((f"LookupEvents {fails}", _aws("LookupEvents", trouble)) for fails, trouble in _AWS_TROUBLES),
        ("LookupEvents does not list the CreateJob", _unlisted),
    ):
        what = f"{fails}, and the requester's approval does not count"
        yield row(what, happens, "NotAllowedError", nothing, held, policy=_NOT_BY_REQUESTER)
    yield row("the policies cannot be loaded", _policies_gone, "PolicyUnavailableError", nothing, held)
    yield row("PutItem of the approval fails", _aws("PutItem", BROKEN), "LedgerError", nothing, held)
    kept = {"recorded": True}
    lost = _aws("PutItem", LOST)
    yield row("the response of PutItem of the approval is lost", lost, "LedgerError", held, "approved", **kept)
    blind = _before("PutItem", throttled)
    yield row(
        "DescribeJob of the review after it is throttled", blind, "JobsApiThrottledError", held, "approved", **kept
    )
    no_claim = _aws("TransactWriteItems", BROKEN)
    yield row("the claim can't be written", no_claim, "LedgerError", held, "approved", **kept)
    yield row("more approvals are wanted", _nothing, held, held, held, policy=_BY_TWO, **kept)
    yield row("the gate is paused", _paused, held, held, "approved", **kept)
    yield row("a review has claimed the job to approve it", _claimed, "pending", claimed, "approved", **kept)
    reset = _s3("UpdateJobStatus", Effect.RESET)
    yield row("UpdateJobStatus gets no response", reset, "pending", claimed, "approved", **kept)
    done = {"action": cancel, "job": "Cancelled"}
    applied = "settled applied"
    yield row("the policies cannot be loaded", _policies_gone, "cancelled", applied, "cancelled", **done)
    yield row("the claim can't be written", no_claim, "LedgerError", nothing, held, action=cancel)
    yield row("the gate is paused", _paused, "RefusedError", nothing, held, action=cancel)
    yield row(
        "a review has claimed the job to approve it", _claimed, "RefusedError", claimed, "approved", action=cancel
    )
    yield row("UpdateJobStatus gets no response", reset, "pending", claimed, held, action=cancel)


_BY_OTHERS: Final = HOLD_ALL.replace("required", "{by: ['*:assumed-role/prod-owner/*']}")
_BY_TWO: Final = HOLD_ALL.replace("required", "{at_least: 2}")
_NOT_BY_REQUESTER: Final = HOLD_ALL.replace("required", "{not_requester: true}")


def _nothing(world: World, ref: JobRef) -> None:
    """It is as the policies have it."""


def _retagged(world: World, ref: JobRef) -> None:
    tags = [{"Key": "team", "Value": "web"}]
    world.stage.person.put_job_tagging(AccountId=ref.account_id, JobId=ref.job_id, Tags=tags)


def _claimed(world: World, ref: JobRef) -> None:
    world.stage.enforce(UP_TO_THREE)
    world.s3control("UpdateJobStatus", Effect.RESET)
    world.deliver(ref)


PERSON_ROWS: Final = tuple(_person_rows())


def _with_sweep_troubles(counted: str) -> str:
    return ", ".join(sorted([*counted.split(", "), "SweepErrors"]))


def _second_listing_fails(world: World, ref: JobRef) -> None:
    world.before("Query", lambda: world.stage.script.before("list_jobs", lambda: None, _list_fails(world)))


def _list_fails(world: World) -> Callable[[], object]:
    return lambda: world.s3control("ListJobs", Effect.RESET)


def _other_sweep(world: World, ref: JobRef) -> None:
    world.ledger.begin_sweep("another", world.stage.clock.now() + timedelta(minutes=5))


def _ended_unknown(world: World, ref: JobRef) -> None:
    world.stage.create(2, ConfirmationRequired=False, until="Active")
    world.aws("BatchGetItem", BROKEN)


SWEEP_ROWS: Final = tuple(_sweep_rows())

ALARMS: Final = {
    "CircuitBreakerHolds": "circuit-breaker",
    "Errors": "gate-errors",
    "EventsDropped": "events-dropped",
    "NoticesFailed": "notices-failed",
    "PolicyLoadErrors": "policy-not-loadable",
    "SweepErrors": "sweep-errors",
    "Throttled": "throttled-by-s3",
}
"""The alarm on each metric."""


def _alarms_of(row: Row) -> str:
    rings = [ALARMS[name] for name in row.counted.split(", ") if name in ALARMS]
    if row.message == AGAIN and row.counted:
        rings.append("unreviewed-events")
    if row.happens is _paused:
        rings.append("paused")
    return _quoted(rings)


def _alarms_of_sweep(row: SweepRow) -> str:
    rings = [ALARMS[name] for name in row.counted.split(", ") if name in ALARMS]
    return _quoted([*rings, *(["sweep-fails", "no-sweep"] if row.raises else [])])


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


# --- The document -------------------------------------------------------------------------------------

_HEAD = """# When a call fails

The calls of a review, a sweep and a person's decision: how each can fail, and what then happens to the message, the job
and the ledger. Each row is a test; this page is generated from the same table (`python -m tests.flow.errors_table`).

These calls are not in the tables:

* calls that only show something (the API's GET routes);
* calls of the function that reads large manifests ([manifest-contents.md](manifest-contents.md#what-can-fail)), and the
  StartExecution with which a review has a manifest read;
* DescribeTable, with which a review finds out whether a job is older than the gate;
* the calls of AppConfig with which a sweep finds the last push.

The rule behind the rows: an error of the gate never decides a job. botocore repeats a call that changes nothing a few
times, with timeouts that fit Lambda. After that the message goes back to its queue, the job stays `Suspended`, and the
sweep finds it again. UpdateJobStatus is sent only once. If it is not certain whether S3 refused or applied it, the
claim ([glossary](glossary.md#how-each-job-gets-one-decision)) is kept until its lease ends, and the job is evaluated
again after that. After five deliveries a message becomes a dead letter. No job depends on messages, because the sweep
does not need them.

The metrics are those of the namespace `batchgate` ([decisions.md](decisions.md)) that are counted for this job, except
SecondsToDecision. The alarms are raised if the error persists. If a message is delivered more than three times,
`events-retried` is raised, too. [operations.md](operations.md#alarms) has what to do then. A message for a job that S3
does not know yet is redelivered without being counted as an error.

## In a review that began with an event

The last column is the decision once the error is over and the sweep has run.

"""
_SWEEP_HEAD = """
## In a sweep

The sweep finds one new job, and one held job that is due. If the function fails, the sweep of the next minute starts
from the beginning. If that persists, the alarm `no-sweep` is raised.

"""


_PEOPLE_HEAD = """
## When a person approves or cancels

The job is Suspended, the policies hold it for an approval, and no review has seen it. The result is what the caller of
`record_approval` or `cancel_for` gets: an error, or the action of the review. The next review counts an approval that
is recorded, and giving it again does no harm. The last column is the decision once the error is over and the sweep
has run.

"""
_PEOPLE_DO: Final = {RequestedAction.APPROVE: "approve", RequestedAction.CANCEL: "cancel"}


def document() -> str:
    """docs/errors.md."""
    reviews = [
        (row.call, row.fails, row.message, row.job, row.ledger, row.counted or "none", _alarms_of(row), row.ends)
        for row in ROWS
    ]
    sweeps = [
        (
            row.call,
            row.fails,
            "fails" if row.raises else "continues",
            row.decided,
            row.counted or "none",
            _alarms_of_sweep(row),
        )
        for row in SWEEP_ROWS
    ]
    people = [
        (
            _PEOPLE_DO[row.action],
            row.fails,
            f"`{row.result}`" if row.result.endswith("Error") else row.result,
            row.job,
            row.ledger,
            "yes" if row.recorded else "no",
            row.ends,
        )
        for row in sorted(PERSON_ROWS, key=lambda row: row.action)
    ]
    person_names = ("what", "what happens", "result", "job status", "ledger", "approval recorded", "decision")
    names = ("call", "how it fails", "message", "job status", "ledger", "metrics", "alarms", "decision")
    sweep_names = ("call", "how it fails", "function", "jobs decided nevertheless", "metrics", "alarms")
    return (
        _HEAD
        + _table(names, reviews)
        + _SWEEP_HEAD
        + _table(sweep_names, sweeps)
        + _PEOPLE_HEAD
        + _table(person_names, people)
    )


def _table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [" | ".join(names), "|".join("---" for _ in names)]
    before = ""
    for row in rows:
        lines.append(" | ".join((f"**{row[0]}**" if row[0] != before else "", *row[1:])))
        before = row[0]
    return "".join(f"| {line} |\n" if "---" not in line else f"|{line}|\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(document())

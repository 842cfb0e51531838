"""Every call that the gate makes, every way in which it fails, and what becomes of the message, the job and the ledger.

Each row is executed by test_errors_table.py. `python -m tests.flow.errors_table` prints docs/errors.md.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

from batchgate.gate.ports import CircuitBreaker, Pause
from batchgate.jobs.model import JobRef
from s3batch_emulator import Effect, SteppedClock
from tests.flow.stage import CANCEL_ALL, HOLD_ALL
from tests.flow.troubled import BROKEN, DENIED, GARBLED, LOST, RESET, THROTTLED, Trouble, World

Happens: TypeAlias = Callable[[World, JobRef], object]

AGAIN: Final = "comes again"
DONE: Final = "is done"

WANTS_TAG: Final = """
version: 1
cancel_grace: 0s
policies:
  - name: ticketed
    match: [{operation: S3PutObjectTagging}]
    require: [{tags: {ticket: {present: true}}}]
    on_violation: cancel
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


@dataclass(frozen=True, slots=True)
class Row:
    """One way in which one call fails, in a review that began with an event.

    Attributes:
        call: The API's name for it, or what stands for it.
        fails: How.
        happens: What makes it fail; it is given a Suspended job, which `policy` approves where nothing else is said.
        message: What becomes of the message.
        job: S3's status right after.
        ledger: What the ledger has right after.
        counted: The metrics that were counted, sorted, but for how long the decision took.
        ends: approved, cancelled or held: when the trouble is over and the sweep has come by.
        policy: The policies in force; those that approve up to three objects if empty.
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


def _before(operation: str, action: Happens) -> Happens:
    return lambda world, ref: world.before(operation, lambda: action(world, ref))


def _policies_gone(world: World, ref: JobRef) -> None:
    world.stage.source.enforced = None


def _paused(world: World, ref: JobRef) -> None:
    pause = Pause("arn:aws:iam::123456789012:user/kim", "an incident", world.stage.clock.now())
    world.ledger.set_pause(pause, replacing=None)


def _stopped_by_breaker(world: World, ref: JobRef) -> None:
    world.stage.breaker = CircuitBreaker(1, timedelta(minutes=10))
    world.deliver(world.job(6))


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


_S3_TROUBLES: Final = (
    ("is denied", Effect.ERROR, "AccessDenied", "Errors"),
    ("is throttled", Effect.ERROR, "SlowDown", "Errors, Throttled"),
    ("fails with a 5xx", Effect.ERROR, "InternalServiceException", "Errors"),
    ("breaks off", Effect.RESET, "InternalServiceException", "Errors"),
    ("times out", Effect.HANG, "InternalServiceException", "Errors"),
    ("is cut short", Effect.HALF_ANSWER, "InternalServiceException", "Errors"),
    ("answers something else", Effect.WRONG_XML, "InternalServiceException", "Errors"),
    ("answers nothing", Effect.EMPTY_ANSWER, "InternalServiceException", "Errors"),
    ("answers an error with status 200", Effect.ERROR_IN_200, "InternalServiceException", "Errors"),
    ("answers another call's document", Effect.OTHER_DOCUMENT, "InternalServiceException", "Errors"),
)
_AWS_TROUBLES: Final = (
    ("is denied", DENIED),
    ("is throttled", THROTTLED),
    ("fails with a 5xx", BROKEN),
    ("breaks off", RESET),
    ("answers something else", GARBLED),
)


def _rows() -> Iterator[Row]:
    yield Row(
        "policies",
        "can't be had",
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
    for fails, date in (("is dated 32 s earlier than the clock says", -32), ("is dated 33 s later", 33)):
        yield Row("DescribeJob", fails, _dated(date), AGAIN, "Suspended", "nothing", "Errors", "approved")
    yield Row("DescribeJob", "has a member that nobody knows", _new_member, DONE, "Suspended", "held", "Held", "held")
    yield Row("DescribeJob", "knows no such job", _unknown, AGAIN, "Suspended", "nothing", "", "approved")
    yield Row(
        "DescribeJob",
        "knows no such job, at the third delivery",
        _unknown,
        DONE,
        "Suspended",
        "nothing",
        "",
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
        "leaves out the tags, which nobody has verified",
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
        "knows no such job, which DescribeJob does",
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
    yield from _ledger_rows()
    yield from _update_rows()
    yield from _announce_rows()
    yield Row(
        "Lambda",
        "leaves too little time",
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
    yield row("finds no object", _aws("HeadObject", Trouble("", 404, body=b"")), DONE, "held", "Held")
    yield row("is throttled", _aws("HeadObject", Trouble("", 503, body=b"")), AGAIN, "nothing", "Errors")
    yield row("breaks off", _aws("HeadObject", RESET), AGAIN, "nothing", "Errors")


def _ledger_rows() -> Iterator[Row]:
    for fails, trouble in _AWS_TROUBLES:
        yield Row(
            "GetItem of STATE", fails, _aws("GetItem", trouble), AGAIN, "Suspended", "nothing", "Errors", "approved"
        )
    yield Row(
        "GetItem of STATE",
        "answers an item of another version",
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
        "is carried out, and its answer lost",
        _aws("TransactWriteItems", LOST),
        AGAIN,
        "Suspended",
        "claimed",
        "Errors",
        "approved",
    )
    yield Row(
        "TransactWriteItems of a claim",
        "finds that another review was first",
        _before("TransactWriteItems", _another_review),
        DONE,
        "Ready",
        "settled applied",
        "Approved",
        "approved",
    )
    yield Row(
        "TransactWriteItems of a claim", "finds the gate paused", _paused, DONE, "Suspended", "held", "Held", "approved"
    )
    yield Row(
        "TransactWriteItems of a claim",
        "finds too many cancellations",
        _stopped_by_breaker,
        DONE,
        "Suspended",
        "held",
        "Cancelled, CircuitBreakerHolds, Held",
        "cancelled",
        policy=CANCEL_ALL,
    )
    for fails, trouble in (*_AWS_TROUBLES, ("is carried out, and its answer lost", LOST)):
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
            "PutItem of the end", fails, _aws("PutItem", trouble), AGAIN, "Ready", "claimed", "Errors", "approved"
        )
    yield Row(
        "PutItem of the end",
        "is carried out, and its answer lost",
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
        "is refused, for a person was first",
        _before("TransactWriteItems", _cancelled_by_a_person),
        DONE,
        "Cancelled",
        "settled superseded",
        "Superseded",
        "cancelled",
    )
    for fails, effect in (("fails with a 5xx", Effect.ERROR), ("breaks off", Effect.RESET), ("times out", Effect.HANG)):
        yield row(f"{fails}, not carried out", fault(effect), DONE, "Suspended", "claimed", "Left")
        yield row(f"{fails}, carried out", fault(effect, after_change=True), DONE, "Ready", "settled applied", approved)
    yield row("is cut short", fault(Effect.HALF_ANSWER), DONE, "Ready", "settled applied", approved)
    for fails, effect in (
        ("answers something else", Effect.WRONG_XML),
        ("answers nothing", Effect.EMPTY_ANSWER),
        ("answers an error with status 200", Effect.ERROR_IN_200),
        ("answers another call's document", Effect.OTHER_DOCUMENT),
    ):
        yield row(fails, fault(effect), DONE, "Ready", "settled applied", approved)

    def unclear_and_blind(world: World, ref: JobRef) -> None:
        world.before("TransactWriteItems", lambda: world.s3control("DescribeJob", Effect.ERROR, "AccessDenied"))
        world.s3control("UpdateJobStatus", Effect.RESET, after_change=True)

    yield row("breaks off, and DescribeJob after it is denied", unclear_and_blind, AGAIN, "Ready", "claimed", "Errors")


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
        counted: Of the metrics Errors, PolicyLoadErrors, SweepTroubles and Throttled, those above zero.
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
        "policies", "can't be had", _policies_gone, False, "none", _with_sweep_troubles("Errors, PolicyLoadErrors")
    )
    for fails, effect, code, counted in _S3_TROUBLES[:5]:
        happens = _s3("ListJobs", effect, code)
        yield SweepRow("ListJobs of Suspended", fails, happens, False, "the due one", _with_sweep_troubles(counted))
    yield SweepRow("ListJobs of New to Paused", "fails", _second_listing_fails, False, "both", "Errors, SweepTroubles")
    for fails, trouble in _AWS_TROUBLES:
        yield SweepRow("PutItem of the sweep's lease", fails, _aws("PutItem", trouble), True, "none", "Errors")
    yield SweepRow("PutItem of the sweep's lease", "finds another sweep at it", _other_sweep, False, "none", "")
    yield SweepRow("Query of what is open", "fails", _aws("Query", BROKEN), True, "none", "Errors")
    yield SweepRow(
        "Query of what is open",
        "has an item of another version",
        _of_another_version,
        False,
        "the due one",
        "Errors, SweepTroubles",
    )
    yield SweepRow("BatchGetItem of what has ended", "fails", _ended_unknown, True, "none", "Errors")
    yield SweepRow("Publish of a digest", "fails", _aws("Publish", BROKEN), False, "both", "Errors")
    yield SweepRow("DeleteItem of the sweep's lease", "fails", _aws("DeleteItem", BROKEN), True, "both", "Errors")
    yield SweepRow(
        "a review",
        "fails",
        _s3("DescribeJob", Effect.ERROR, "SlowDown"),
        False,
        "one",
        "Errors, SweepTroubles, Throttled",
    )


def _with_sweep_troubles(counted: str) -> str:
    return ", ".join(sorted([*counted.split(", "), "SweepTroubles"]))


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
    "PolicyLoadErrors": "policy-not-loadable",
    "SweepTroubles": "sweep-errors",
    "Throttled": "throttled-by-s3",
}
"""Which alarm looks at which metric."""


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

_HEAD = """# When something fails

Every call that the gate makes, every way in which it fails, and what becomes of the message, the job and the ledger.
Each row is a test; this page is printed from their table (`python -m tests.flow.errors_table`).

The rule behind the rows: own trouble decides nothing. A call that changes nothing is repeated by botocore a few times,
within timeouts made for Lambda; then the message goes back to its queue, the job stays `Suspended`, and the sweep finds
it again. UpdateJobStatus is sent once: what is not surely refused and not surely done is left to the claim's lease,
and evaluated again after it. After five deliveries a message goes to the dead letters; no job waits for that, for the
sweep does not need messages.

Metrics are those of the namespace `batchgate` ([decisions.md](decisions.md)); the time that a decision took is left
out. The alarms ring when the trouble goes on: what to do then is in [operations.md](operations.md). A message for a job
that S3 does not know yet comes again without counting as an error.

## In a review that began with an event

The last column is what the job comes to when the trouble is over and the sweep has come by.

"""
_SWEEP_HEAD = """
## In a sweep

It finds one new job, and one held job that is due. Where the function fails, the next minute's sweep begins afresh; the
alarm "no sweep in 10 minutes" rings when that goes on.

"""


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
            "fails" if row.raises else "goes on",
            row.decided,
            row.counted or "none",
            _alarms_of_sweep(row),
        )
        for row in SWEEP_ROWS
    ]
    names = ("call", "how it fails", "the message", "the job", "the ledger", "metrics", "alarms", "ends")
    sweep_names = ("call", "how it fails", "the function", "jobs decided all the same", "metrics", "alarms")
    return _HEAD + _table(names, reviews) + _SWEEP_HEAD + _table(sweep_names, sweeps)


def _table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [" | ".join(names), "|".join("---" for _ in names)]
    before = ""
    for row in rows:
        lines.append(" | ".join((f"**{row[0]}**" if row[0] != before else "", *row[1:])))
        before = row[0]
    return "".join(f"| {line} |\n" if "---" not in line else f"|{line}|\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(document())

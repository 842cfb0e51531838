"""Random histories: a setting and a list of steps, all from one seed; any step may be left out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeAlias

from batchgate.jobs.model import DateSurvives
from s3batch_emulator import Delays, ManifestKind, Switches, Vocabulary
from tests.verification.soak.people import CALLERS
from tests.verification.soak.policy_pool import random_budgets, random_policy, random_wishes

KILLS = ("killed before", "killed after")
FAILURES = ("fails before", "fails after", "goes astray", "refused")
SLOW = ("slow before", "slow after")
KINDS = (*KILLS, *FAILURES, *FAILURES, *SLOW)
PORTS = {
    "update_status": 8,
    "claim": 4,
    "write settled": 4,
    "write held": 4,
    "announce": 3,
    "describe": 4,
    "snapshot": 2,
    "read": 2,
    "list_jobs": 2,
    "policies": 1,
    "size": 1,
    "open_items": 1,
    "ended": 0.5,
    "opened_at": 0.5,
    "pause": 0.3,
    "begin_sweep": 0.3,
    "end_sweep": 0.3,
    "cancelled": 0.1,
    "notified": 0.1,
    "set_notified": 0.1,
    "heartbeat": 0.1,
    "last_event_at": 0.1,
    "set_heartbeat": 0.1,
    "note_event": 0.1,
    "notice": 0.1,
    "subscribers": 0.1,
    "deployed": 0.1,
}
"""The gate's calls, and how often trouble is wanted there."""

REQUESTER = "requester"
"""Another; its trouble is drawn where people decide."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What lies in wait for one of the gate's calls, by whichever invocation.

    Attributes:
        port: Which call.
        skip: How many of these calls it lets pass.
        kind: One of `KINDS`; each port makes of it what can happen there.
        how: From 0 to 1, for whatever more there is to choose.
    """

    port: str
    skip: int
    kind: str
    how: float


@dataclass(frozen=True, slots=True)
class Invoke:
    """An invocation of the gate.

    Attributes:
        what: event, sweep or person.
        picks: Which of the queue's events, or which job.
        requested_action: Of a person: approve or cancel.
        who: Of a person: which caller.
        as_before: This person decides the job as somebody was shown it before.
        skew: How many seconds its clock is ahead.
    """

    what: str
    picks: tuple[int, ...] = ()
    requested_action: str = ""
    troubles: tuple[Trouble, ...] = ()
    seed: int = 0
    skew: float = 0.0
    who: int = 0
    as_before: bool = False


@dataclass(frozen=True, slots=True)
class Do:
    """Something that happens in the world.

    Attributes:
        what: create, tick, newer (S3 says a member of a job that nobody knows), console, tag, priority,
            enforce, pause, resume, drop, repeat, forget, hide, show.
        number: Which job, or which of several ways.
        text: A status, a policy's name, or how a job is made.
        seconds: Of a tick; of one to the `edge`, how long before the next half hour it ends.
    """

    what: str
    number: int = 0
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Together:
    """Several at once, interleaved at every call."""

    parts: "tuple[Invoke | Do, ...]"
    seed: int


Step: TypeAlias = Invoke | Do | Together


@dataclass(frozen=True, slots=True)
class Setting:
    """What does not change during a history.

    Attributes:
        opened_after: How long after the start the ledger is opened; jobs before are older than the gate.
        survives: What the deployment's setting says of SuspendedDate: nothing, or the truth.
        slow_tasks: Jobs that run go on running.
        untagged_known: The gate is told whether S3 leaves tags out for a job without any.
    """

    start: datetime
    switches: Switches
    delays: Delays
    opened_after: timedelta
    adopts: bool
    survives: DateSurvives
    breaker: int
    page: int
    slow_tasks: bool
    policy: str
    ends_paused: bool
    untagged_known: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """One history."""

    seed: int
    setting: Setting
    steps: tuple[Step, ...] = field(default=())


STARTS = (
    datetime(2026, 3, 27, 12, 0, tzinfo=UTC),
    datetime(2026, 3, 28, 23, 50, tzinfo=UTC),  # the night of Berlin's spring gap
    datetime(2026, 10, 24, 23, 40, tzinfo=UTC),  # and of its autumn repeat
    datetime(2026, 6, 1, 3, 59, 40, tzinfo=UTC),  # closing time
    datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC),
    datetime(2026, 5, 5, 10, 29, 49, tzinfo=UTC),
)
TICKS = (1, 3, 4, 5, 6, 20, 29, 60, 70, 100, 300, 600, 890, 900, 960, 1750, 1800, 3600, 10_800, 86_400)
LONG_TICKS = (86_400 * 2, 86_400 * 8, 86_400 * 21, 86_400 * 29.5)


def random_history(seed: int) -> History:
    """The history of a seed."""
    rng = Random(seed)
    setting = random_setting(rng)
    steps: list[Step] = [random_create(rng), Do("tick", seconds=5)]
    length = rng.randrange(8, 26)
    while len(steps) < length:
        steps += random_plot(rng) if rng.random() < PLOTS else [random_step(rng)]
    return _within_budgets(_as_people_decide(_as_s3_may_answer(History(seed, setting, tuple(steps)))))


def _as_s3_may_answer(history: History) -> History:
    """Tags left out, members that nobody knows, functions whose clocks are off; drawn beside all else."""
    rng = Random(f"answers of {history.seed}")
    switches = replace(history.setting.switches, untagged_lacks_tags=rng.random() < 0.3)
    steps = list(history.steps)
    if rng.random() < 0.1:
        for _ in range(rng.choice([1, 1, 3])):
            steps.insert(rng.randrange(1, len(steps) + 1), Do("newer", rng.randrange(40)))
    if rng.random() < 0.2:
        steps = [_with_clock(step, rng) for step in steps]
    setting = replace(history.setting, switches=switches, untagged_known=rng.random() < 0.7)
    return replace(history, setting=setting, steps=tuple(steps))


def _as_people_decide(history: History) -> History:
    """Who they are, what the policies want of them, and what they do about one job; drawn beside all else."""
    rng = Random(f"people of {history.seed}")
    wishes = random_wishes(rng) if rng.random() < 0.5 else ""
    steps = [_with_people(step, wishes, rng) for step in history.steps]
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        at = rng.randrange(1, len(steps) + 1)
        steps[at:at] = rng.choice((_one_by_one, _one_by_one, _at_once, _while_claimed))(rng)
    setting = replace(history.setting, policy=_wishing(history.setting.policy, wishes))
    return replace(history, setting=setting, steps=tuple(steps))


def _with_people(step: Step, wishes: str, rng: Random) -> Step:
    if isinstance(step, Together):
        return replace(step, parts=tuple(_with_person(part, wishes, rng) for part in step.parts))
    return _with_person(step, wishes, rng)


def _with_person(step: Invoke | Do, wishes: str, rng: Random) -> Invoke | Do:
    match step:
        case Invoke(what="person"):
            return replace(step, who=rng.randrange(len(CALLERS)), as_before=rng.random() < 0.15)
        case Do(what="enforce") if step.text:
            return replace(step, text=_wishing(step.text, wishes))
        case _:
            return step


def _wishing(policy: str, wishes: str) -> str:
    return policy + wishes if policy else policy


BUDGETED = (4, 2)
"""Of so many histories the one with this remainder has budgets; the others are what they were without."""


def _within_budgets(history: History) -> History:
    """What may be approved at most, and what happens at the limit; drawn beside all else."""
    rng = Random(f"budgets of {history.seed}")
    every, remainder = BUDGETED
    if history.seed % every != remainder:
        return history
    flags = random_budgets(rng)
    steps = [_with_budgets(step, flags, rng) for step in history.steps]
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(1, len(steps) + 1)
        steps[at:at] = [
            _with_budgets(step, flags, rng)
            for step in rng.choice((_at_the_limit, _at_the_limit, _across_periods, _given_back, _after_people))(rng)
        ]
    setting = replace(history.setting, policy=_wishing(history.setting.policy, flags))
    return replace(history, setting=setting, steps=tuple(steps))


def _with_budgets(step: Step, flags: str, rng: Random) -> Step:
    if isinstance(step, Do) and step.what == "enforce" and step.text and rng.random() < 0.9:
        return replace(step, text=step.text + (flags if rng.random() < 0.8 else random_budgets(rng)))
    return step


SKEWS = (33, -33, 60, -60, 400, -400, 86_400, -86_400)
"""Farther from S3's than a review may be; what is nearer changes nothing that is decided."""


def _with_clock(step: Step, rng: Random) -> Step:
    match step:
        case Invoke() if rng.random() < 0.3:
            return replace(step, skew=rng.choice(SKEWS))
        case Together(parts=parts):
            return replace(
                step,
                parts=tuple(
                    replace(part, skew=rng.choice(SKEWS)) if isinstance(part, Invoke) and rng.random() < 0.3 else part
                    for part in parts
                ),
            )
        case _:
            return step


def random_setting(rng: Random) -> Setting:
    """Every switch both ways, and what a deployment chooses."""

    def often(share: float) -> bool:
        return rng.random() < share

    registered = timedelta(seconds=rng.choice([0, 0, 0, 0, 0, 2, 40]))
    policy = random_policy(rng) or "1//"
    remembered = often(0.6)
    says = rng.choice([DateSurvives.UNKNOWN, DateSurvives.TRUE if remembered else DateSurvives.FALSE])
    return Setting(
        start=rng.choice(STARTS),
        switches=Switches(
            suspended_event=often(0.6),
            total_known_at_suspended=frozenset(each for each in ManifestKind if often(0.8)),
            unknown_total_as_zero=often(0.5),
            reason_survives=often(0.6),
            ready_while_preparing=often(0.4),
            suspension_remembered=remembered,
            confirmation_shown=often(0.3),
            omitted_confirmation_shown=often(0.3),
            cause_in_capitals=often(0.3),
            termination_listed=often(0.3),
            timers_listed=often(0.3),
            newest_first=often(0.7),
            error_namespace=often(0.3),
            vocabulary=rng.choice(list(Vocabulary)),
        ),
        delays=Delays(
            registered=registered,
            new=timedelta(seconds=rng.choice([1, 1, 1, 30])),
            preparing=timedelta(seconds=rng.choice([2, 2, 2, 2, 100])),
            ready=timedelta(seconds=rng.choice([1, 400])),
            cancelling=timedelta(seconds=rng.choice([1, 300])),
        ),
        opened_after=timedelta(seconds=rng.choice([-3600, -3600, -3600, 60])),
        adopts=often(0.3),
        survives=says,
        breaker=rng.choice([1, 2, 20, 20]),
        page=rng.choice([2, 1000, 1000]),
        slow_tasks=often(0.6),
        policy=policy,
        ends_paused=often(0.2),
    )


def random_create(rng: Random) -> Do:
    """A job of some kind."""
    asked = rng.choice(["true", "true", "true", "omitted", "omitted", "false"])
    kind = rng.choice(["csv", "csv", "csv", "csv", "generated", "broken"])
    operation = rng.choice(["S3PutObjectTagging", "S3PutObjectTagging", "S3DeleteObjectTagging", "S3ReplicateObject"])
    tags = rng.choice(["", "", "ticket=CHG-1", "frozen=yes", "urgent=now"])
    return Do("create", rng.randrange(1, 7), f"{asked} {kind} {operation} {rng.choice([1, 1, 5])} {tags}")


def random_troubles(rng: Random) -> tuple[Trouble, ...]:
    """Mostly none or one; sometimes several."""
    count = rng.choice([0, 0, 1, 1, 1, 2, 3])
    ports = rng.choices(list(PORTS), weights=list(PORTS.values()), k=count)
    return tuple(Trouble(port, rng.choice([0, 0, 0, 1, 2]), rng.choice(KINDS), rng.random()) for port in ports)


def random_invoke(rng: Random) -> Invoke:
    """An invocation with its troubles."""
    what = rng.choice(["event", "event", "event", "sweep", "sweep", "person"])
    picks = tuple(rng.randrange(40) for _ in range(rng.choice([1, 1, 1, 2, 4])))
    requested_action = rng.choice(["approve", "cancel"]) if what == "person" else ""
    return Invoke(what, picks, requested_action, random_troubles(rng), rng.getrandbits(32))


def _tick(rng: Random) -> Do:
    seconds = rng.choice(LONG_TICKS) if rng.random() < 0.06 else rng.choice(TICKS)
    return Do("tick", seconds=seconds + rng.choice([0, 0, 0.5, -0.5]))


def _edge(rng: Random) -> Do:
    return Do("tick", text="edge", seconds=rng.choice([0, 0.5, 1, 2, 3, 4, 4.9, 5, 5.1, 6, 8]))


def _console(rng: Random) -> Do:
    return Do("console", rng.randrange(8), rng.choice(["Ready", "Cancelled"]))


def _tag(rng: Random) -> Do:
    return Do("tag", rng.randrange(8), rng.choice(["", "ticket=CHG-2", "frozen=no", "urgent=", "ticket=none"]))


def _hide(rng: Random) -> Do:
    return Do("hide", rng.randrange(8), rng.choice(["describe", "describe", "listing"]))


def _enforce(rng: Random) -> Do:
    return Do("enforce", text=random_policy(rng) or "")


def _plain(what: str) -> Callable[[Random], Do]:
    return lambda rng: Do(what, rng.randrange(40))


_WORLD: tuple[Callable[[Random], Do], ...] = (
    *[_tick] * 10,
    _edge,
    *[_console] * 2,
    *[_tag] * 2,
    *[_enforce] * 3,
    *[random_create] * 2,
    _plain("pause"),
    *[_plain("resume")] * 3,
    _plain("drop"),
    _plain("repeat"),
    _plain("forget"),
    _hide,
    *[_plain("show")] * 2,
)


def random_step(rng: Random) -> Step:
    """One step."""
    chosen = rng.random()
    if chosen < 0.5:
        return random_invoke(rng)
    if chosen < 0.65:
        parts: list[Invoke | Do] = [random_invoke(rng) for _ in range(rng.choice([2, 2, 2, 3]))]
        parts += [rng.choice(_WORLD)(rng) for _ in range(rng.choice([0, 0, 1, 2]))]
        return Together(tuple(parts), rng.getrandbits(32))
    return rng.choice(_WORLD)(rng)


# --- Plots: what chance alone would bring about too rarely ------------------------------------------

PLOTS = 0.18
"""The share of steps that are the beginning of one."""


def _invoked(rng: Random, what: str, *troubles: Trouble, requested_action: str = "") -> Invoke:
    return Invoke(what, (rng.randrange(40),), requested_action, troubles, rng.getrandbits(32))


def _somebody(rng: Random, *troubles: Trouble) -> Invoke:
    what = rng.choice(["event", "sweep", "person"])
    return _invoked(
        rng, what, *troubles, requested_action=rng.choice(["approve", "cancel"]) if what == "person" else ""
    )


def _trouble(rng: Random, port: str, *kinds: str) -> Trouble:
    return Trouble(port, 0, rng.choice(kinds or KINDS), rng.random())


def _astray(rng: Random) -> list[Step]:
    """An update goes astray; others act; the lease runs out; the update comes, or does not."""
    steps: list[Step] = [
        random_create(rng),
        Do("tick", seconds=5),
        _invoked(rng, "sweep", _trouble(rng, "update_status", "goes astray", "fails before", "killed before")),
    ]
    if rng.random() < 0.6:
        steps.append(rng.choice([_console, _tag, _enforce])(rng))
    steps.append(Do("tick", seconds=rng.choice([30, 340, 340, 400, 600])))
    if rng.random() < 0.3:
        steps.append(rng.choice([_console, _tag, _enforce])(rng))
    steps += [_somebody(rng), Do("tick", seconds=rng.choice([60, 300, 900])), _somebody(rng)]
    return steps


def _late_cancel(rng: Random) -> list[Step]:
    """A cancel goes astray, somebody confirms the job, and the cancel arrives while it runs."""
    astray = Trouble("update_status", 0, "goes astray", rng.uniform(0.4, 1))
    return [
        Do("enforce", text="3//"),
        Do("create", 5, "true csv S3PutObjectTagging 1 "),
        Do("tick", seconds=5),
        _invoked(rng, "sweep", astray),
        Do("console", -1, "Ready"),
        Do("tick", seconds=rng.choice([60, 340, 400])),
        _somebody(rng),
        _invoked(rng, "sweep"),
        Do("tick", seconds=900),
    ]


def _ungated(rng: Random) -> list[Step]:
    """A job that did not ask, where such jobs may be cancelled."""
    operation = rng.choice(["S3ReplicateObject", "S3PutObjectTagging"])
    if rng.random() < 0.4:  # cancelled with an update that is lost, and again
        lost = _trouble(rng, "update_status", "fails before", "goes astray", "killed before")
        return [
            Do("enforce", text="14//c"),
            Do("create", rng.randrange(1, 7), "false csv S3PutObjectTagging 5 "),
            Do("tick", seconds=rng.choice([5, 5, 2])),
            _invoked(rng, "sweep", lost),
            Do("tick", seconds=rng.choice([60, 340, 400])),
            _invoked(rng, "sweep", *random_troubles(rng)),
            Do("tick", seconds=900),
        ]
    return [
        Do("enforce", text=f"{rng.randrange(16)}//c{rng.choice(['', 'u', 'u'])}"),
        Do("create", rng.randrange(1, 7), f"false csv {operation} 1 "),
        Do("tick", seconds=rng.choice([0, 2, 5])),
        _invoked(rng, rng.choice(["sweep", "event"]), *random_troubles(rng)),
        _invoked(rng, "sweep"),
    ]


def _in_shadow(rng: Random) -> list[Step]:
    """Held in shadow, or as older than the gate, for longer than a hold may last; then in earnest."""
    main = rng.randrange(16)
    return [
        Do("enforce", text=f"{main}//s{rng.choice(['', 'e', 'ue'])}"),
        random_create(rng),
        Do("tick", seconds=5),
        _invoked(rng, rng.choice(["sweep", "event"])),
        Do("tick", seconds=rng.choice([86_400, 90_000, 86_400 * 3])),
        Do("enforce", text=f"{rng.choice([main, 0, 1])}//e"),
        _invoked(rng, "sweep", *random_troubles(rng)),
        rng.choice([_tag, _tick, _enforce])(rng),
        _invoked(rng, "sweep"),
    ]


def _expiring(rng: Random) -> list[Step]:
    """Held for as long as a hold may last."""
    return [
        Do("enforce", text=f"{rng.randrange(16)}//{rng.choice(['e', 'ue', 'ce'])}"),
        random_create(rng),
        Do("tick", seconds=5),
        _invoked(rng, "sweep"),
        Do("tick", seconds=rng.choice([86_399, 86_400, 90_000])),
        _invoked(rng, "sweep", *random_troubles(rng)),
        rng.choice([_tag, _edge, _enforce, _console])(rng),
        _invoked(rng, "sweep"),
    ]


def _at_the_edge(rng: Random) -> list[Step]:
    """Evaluated while a window closes, or opens."""
    return [
        Do("enforce", text=f"{rng.choice([8, 9, 15])}//{rng.choice(['', 'e', 'u'])}"),
        random_create(rng),
        Do("tick", seconds=5),
        _edge(rng),
        _invoked(
            rng, "sweep", *([_trouble(rng, rng.choice(("claim", "snapshot")), *SLOW)] if rng.random() < 0.5 else ())
        ),
    ]


def _hidden(rng: Random) -> list[Step]:
    """A job that was held, or claimed, is not found for a while, and then it is."""
    created = random_create(rng)
    shown: list[Step] = [Do("show"), _invoked(rng, "sweep"), Do("hide", -1, "listing")] if rng.random() < 0.2 else []
    return [
        Do("enforce", text=rng.choice(["4//", "4//", "5//"])),
        Do(created.what, created.number, f"true csv {created.text.split(' ', 2)[2]}"),
        Do("tick", seconds=140),
        _invoked(rng, "sweep"),
        Do("tick", seconds=rng.choice([3600, 86_400, 90_000, 90_000, 90_000])),
        Do("hide", -1, rng.choice(["describe", "describe", "listing", "listing", "listing"])),
        _invoked(rng, "sweep"),
        *shown,
        Do("tick", seconds=rng.choice([60, 590, 600, 700, 700])),
        _invoked(rng, "sweep", *(random_troubles(rng) if rng.random() < 0.3 else [])),
        *([Do("enforce", text=rng.choice(["0//", "3//"]))] if rng.random() < 0.5 else []),
        Do("show"),
        Do("tick", seconds=rng.choice([1, 299, 300, 1000, 1000])),
        _somebody(rng),
        _invoked(rng, "sweep"),
    ]


def _hidden_after_an_update(rng: Random) -> list[Step]:
    """The same after an update that was lost; nobody may doubt the end."""
    return [
        Do("enforce", text=rng.choice(["0//", "3//"])),
        Do("create", rng.randrange(1, 7), "true csv S3PutObjectTagging 1 "),
        Do("tick", seconds=140),
        _invoked(rng, "sweep", _trouble(rng, "update_status", "fails before", "goes astray")),
        Do("tick", seconds=90_000),
        Do("hide", -1, "listing"),
        _invoked(rng, "sweep"),
        Do("tick", seconds=700),
        _invoked(rng, "sweep"),
        Do("show"),
        Do("tick", seconds=rng.choice([1, 1000])),
        _somebody(rng),
        _invoked(rng, "sweep"),
    ]


def _many(rng: Random) -> list[Step]:
    """Several jobs at once, and everybody at work on them."""
    steps: list[Step] = [random_create(rng) for _ in range(3)]
    steps.append(Do("tick", seconds=5))
    parts = [_invoked(rng, "sweep", *random_troubles(rng)), _invoked(rng, "event"), _somebody(rng)]
    return [*steps, Together(tuple(parts), rng.getrandbits(32))]


# --- People -----------------------------------------------------------------------------------------


def _person(rng: Random, requested_action: str = "approve", *troubles: Trouble, as_before: bool = False) -> Invoke:
    return Invoke(
        "person",
        (-1,),
        requested_action,
        troubles,
        rng.getrandbits(32),
        who=rng.randrange(len(CALLERS)),
        as_before=as_before,
    )


def _troubles_of_people(rng: Random) -> tuple[Trouble, ...]:
    chosen = rng.random()
    if chosen < 0.15:
        return (_trouble(rng, REQUESTER),)
    return random_troubles(rng) if chosen < 0.5 else ()


def _held_for_people(rng: Random) -> list[Step]:
    """A job under policies that hold it, whatever they want of people."""
    flags = f"{rng.choice(['', '', 's', 'u', 'g'])}{random_wishes(rng)}"
    main = rng.choice([1, 4, 4, 5, 8, 12, 2, 6])
    return [
        Do("enforce", text=f"{main}//{flags}"),
        Do("create", rng.randrange(1, 7), f"true csv {rng.choice(['S3PutObjectTagging', 'S3ReplicateObject'])} 1 "),
        Do("tick", seconds=rng.choice([5, 5, 140])),
    ]


def _change(rng: Random) -> Do:
    """Something of the job, and sometimes back; or something else."""
    if rng.random() < 0.6:
        return rng.choice(
            [
                Do("tag", -1, rng.choice(["ticket=CHG-2", "frozen=no", ""])),
                Do("priority", -1, rng.choice(["1", "2", "7"])),
                Do("newer", -1, ""),
            ]
        )
    return rng.choice(
        [
            _console(rng),
            _enforce(rng),
            Do("tick", seconds=rng.choice([5, 70, 400, 1000])),
            Do(rng.choice(["pause", "resume"])),
        ]
    )


def _one_by_one(rng: Random) -> list[Step]:
    """Several people, and what changes between them."""
    steps = _held_for_people(rng)
    if rng.random() < 0.6:
        steps.append(_invoked(rng, "sweep"))
    for _ in range(rng.choice([1, 2, 2, 3, 4])):
        if rng.random() < 0.5:
            steps.append(_change(rng))
        requested_action = "cancel" if rng.random() < 0.12 else "approve"
        steps.append(_person(rng, requested_action, *_troubles_of_people(rng), as_before=rng.random() < 0.4))
    if rng.random() < 0.5:
        steps += [Do("tick", seconds=rng.choice([60, 400, 1000])), _invoked(rng, "sweep")]
    return steps


def _at_once(rng: Random) -> list[Step]:
    """The same, all at once."""
    steps = [*_held_for_people(rng), _invoked(rng, "sweep"), _person(rng)]
    parts: list[Invoke | Do] = [_person(rng, "approve", *_troubles_of_people(rng)), _person(rng)]
    parts += rng.sample(
        [_person(rng, "cancel"), _invoked(rng, "sweep"), _invoked(rng, "event"), _change(rng)], rng.choice([0, 1, 2])
    )
    return [*steps, Together(tuple(parts), rng.getrandbits(32))]


def _while_claimed(rng: Random) -> list[Step]:
    """People approve a job while a review has claimed it, and its update takes long, or comes to nothing."""
    lasts = _trouble(rng, "update_status", "slow before", "slow after", "refused", "refused", "fails before", *KILLS)
    slow = Trouble("update_status", 0, "slow before", rng.random())
    sweep = _invoked(rng, "sweep", *rng.choice([(lasts,), (slow, lasts)]))
    parts: list[Invoke | Do] = [sweep, _person(rng), _person(rng, rng.choice(["approve", "approve", "cancel"]))]
    return [
        Do("enforce", text=f"{rng.choice([0, 0, 3])}//g{random_wishes(rng).replace('m', '')}"),
        Do("create", rng.randrange(1, 7), "true csv S3PutObjectTagging 1 "),
        Do("tick", seconds=rng.choice([5, 140])),
        Together(tuple(parts), rng.getrandbits(32)),
        Do("tick", seconds=rng.choice([5, 70, 400])),
        *([Do("enforce", text=rng.choice(["3//g", "4//", "0//"]))] if rng.random() < 0.4 else []),
        _invoked(rng, "sweep"),
    ]


def _two_jobs(rng: Random) -> list[Step]:
    """Two jobs that policies without any other objection approve."""
    return [
        Do("enforce", text="0//g"),
        Do("create", rng.randrange(1, 7), "true csv S3PutObjectTagging 1 ticket=CHG-1"),
        Do("create", rng.randrange(1, 7), "true csv S3PutObjectTagging 1 ticket=CHG-1"),
        Do("tick", seconds=5),
    ]


def _at_the_limit(rng: Random) -> list[Step]:
    """Two jobs at once, for each of which there is room."""
    kinds = ("slow before", "slow after", "refused", "fails before", "goes astray", *KILLS)
    troubles = ((), (), (_trouble(rng, "update_status", *kinds),))
    parts: list[Invoke | Do] = [
        Invoke("event", (at,), "", rng.choice(troubles), rng.getrandbits(32)) for at in (-1, -2, -3, -4, -5)
    ]
    return [
        *_two_jobs(rng),
        Together(tuple(parts), rng.getrandbits(32)),
        Do("tick", seconds=rng.choice([5, 400, 900])),
        _invoked(rng, "sweep"),
    ]


def _across_periods(rng: Random) -> list[Step]:
    """A claim of one period whose update comes, or whose end is found, in another."""
    kinds = ("goes astray", "fails before", "killed before", "killed after", "fails after")
    trouble = _trouble(rng, rng.choice(["update_status", "update_status", "write settled"]), *kinds)
    return [
        *_two_jobs(rng),
        _invoked(rng, "sweep", trouble),
        Do("tick", seconds=rng.choice([600, 86_400, 86_400, 86_400 * 8])),
        *([rng.choice([_console, _tag])(rng)] if rng.random() < 0.3 else []),
        _invoked(rng, "sweep", *rng.choice([(), (_trouble(rng, "update_status", *kinds, "refused"),)])),
        Do("tick", seconds=rng.choice([400, 86_400])),
        _somebody(rng),
    ]


def _given_back(rng: Random) -> list[Step]:
    """Updates that come to nothing, and people in the console who are faster, or slower."""
    first = _invoked(rng, "sweep", _trouble(rng, "update_status", "refused", "refused", "goes astray", "fails before"))
    return [
        *_two_jobs(rng),
        Together((first, _console(rng)), rng.getrandbits(32)) if rng.random() < 0.5 else first,
        *([_console(rng)] if rng.random() < 0.4 else []),
        Do("tick", seconds=rng.choice([60, 400, 400])),
        _invoked(rng, "sweep", *rng.choice([(), (_trouble(rng, "update_status", "refused"),)])),
        Do("tick", seconds=400),
        _invoked(rng, "sweep"),
    ]


def _after_people(rng: Random) -> list[Step]:
    """People approve beyond a limit, with an update that is lost; then the job changes, or the limit."""
    lost = _trouble(rng, "update_status", "goes astray", "fails before", "killed before", "refused")
    return [
        *_two_jobs(rng),
        _invoked(rng, "sweep"),
        _person(rng, "approve", *rng.choice([(), (lost,)])),
        *([_change(rng)] if rng.random() < 0.6 else []),
        Do("tick", seconds=rng.choice([60, 400])),
        *([Do("enforce", text="0//g")] if rng.random() < 0.5 else []),
        _invoked(rng, "sweep"),
    ]


def random_plot(rng: Random) -> list[Step]:
    """A few steps that belong together; each may be left out all the same."""
    plots = [_in_shadow, _expiring, _at_the_edge, _many, _hidden_after_an_update]
    plots += [_astray, _late_cancel, _ungated, _hidden] * 2
    return rng.choice(plots)(rng)

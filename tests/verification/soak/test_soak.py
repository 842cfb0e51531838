"""The whole gate through random histories, each of them checked against the protocol's promises."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.verification.soak import planted, soak
from tests.verification.soak.history import KINDS, PORTS, Do, Invoke, Together, Trouble, random_history
from tests.verification.soak.oracle import violations
from tests.verification.soak.over_http import over_http
from tests.verification.soak.people import CALLERS
from tests.verification.soak.policy_pool import REQUIREMENTS, document
from tests.verification.soak.world import World, on_stage

small = st.integers(0, 7)
shares = st.floats(0, 1, exclude_max=True)
troubles = st.lists(
    st.builds(Trouble, st.sampled_from(sorted(PORTS)), st.integers(0, 2), st.sampled_from(sorted(set(KINDS))), shares),
    max_size=3,
).map(tuple)
invocations = st.builds(
    Invoke,
    st.sampled_from(["event", "sweep", "person"]),
    st.lists(small, min_size=1, max_size=4).map(tuple),
    st.sampled_from(["approve", "cancel"]),
    troubles,
    st.integers(0, 2**32),
    who=st.integers(0, len(CALLERS) - 1),
    as_before=st.booleans(),
)
policies = st.builds(
    lambda main, guard, flags: f"{main}/{guard}/{''.join(sorted(flags))}",
    st.integers(0, len(REQUIREMENTS) - 1),
    st.just("") | st.integers(0, len(REQUIREMENTS) - 1),
    st.frozensets(st.sampled_from("sucenx2brtm")),
)
others = (
    st.builds(Do, st.just("console"), small, st.sampled_from(["Ready", "Cancelled"]))
    | st.builds(Do, st.just("tag"), small, st.sampled_from(["", "ticket=CHG-2", "frozen=no", "urgent="]))
    | st.builds(Do, st.just("priority"), small, st.sampled_from(["1", "5"]))
    | st.builds(Do, st.just("enforce"), st.just(0), st.just("") | policies)
    | st.builds(Do, st.sampled_from(["pause", "resume", "drop", "repeat", "forget", "show"]), small)
    | st.builds(Do, st.just("hide"), small, st.sampled_from(["describe", "listing"]))
)
ticks = st.sampled_from([1, 5, 30, 95, 340, 900, 1800, 86_400, 86_400 * 8]) | st.floats(0, 1000)


class Gate(RuleBasedStateMachine):
    """Jobs, people, policies, clocks and faults in any order; at the end one sweep puts everything right."""

    world: World

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        """A world with the setting of one of the soak's histories."""
        self.world = World(random_history(seed).setting, seed)

    def take(self, step: Any) -> None:
        """One step on the stage."""
        with on_stage(self.world):
            self.world.take(step)

    @rule(
        rows=st.integers(1, 6),
        asked=st.sampled_from(["true", "omitted", "false"]),
        kind=st.sampled_from(["csv", "generated", "broken"]),
        operation=st.sampled_from(["S3PutObjectTagging", "S3DeleteObjectTagging", "S3ReplicateObject"]),
        tag=st.sampled_from(["", "ticket=CHG-1", "frozen=yes", "urgent=now"]),
    )
    def create(self, rows: int, asked: str, kind: str, operation: str, tag: str) -> None:
        """A job of some kind, Suspended by now or soon."""
        self.take(Do("create", rows, f"{asked} {kind} {operation} 1 {tag}"))
        self.take(Do("tick", seconds=5))

    @rule(seconds=ticks)
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.take(Do("tick", seconds=seconds))

    @rule(seconds=st.floats(0, 10))
    def wait_for_the_half_hour(self, seconds: float) -> None:
        """Until shortly before windows open and close."""
        self.take(Do("tick", text="edge", seconds=seconds))

    @rule(invocation=invocations)
    def invoke(self, invocation: Invoke) -> None:
        """One invocation, with its troubles."""
        self.take(invocation)

    @rule(parts=st.lists(invocations | others, min_size=2, max_size=4), seed=st.integers(0, 2**32))
    def at_once(self, parts: Sequence[Invoke | Do], seed: int) -> None:
        """Several, interleaved at every call."""
        self.take(Together(tuple(parts), seed))

    @rule(step=others)
    def something_else(self, step: Do) -> None:
        """People, policies, lost events."""
        self.take(step)

    def teardown(self) -> None:
        """No promise was broken on the way, and everything has come to rest."""
        if not hasattr(self, "world"):
            return
        with on_stage(self.world):
            self.world.come_to_rest()
        assert [str(each) for each in violations(self.world.evidence())] == []


TestGate = Gate.TestCase
TestGate.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_hundred_histories_keep_every_promise() -> None:
    """The first of those that `make soak` plays by the thousand; they reach what they are meant to reach."""
    tally = soak.play_seeds(range(100))
    assert tally.failures == []
    assert tally.histories == 100
    for reached in (
        "written: settled applied",
        "written: settled superseded",
        "sent Ready: done, moved",
        "sent Cancelled: done, moved",
        "sent Ready: unclear",
        "announced: held",
        "announced: ungated",
        "announced: ungated_or_confirmed_elsewhere",
        "announced: lapsed",
        "opened again",
        "announced: with an alarm",
        "came late: Ready, moved",
        "people: approve, approved",
        "people: approve, held",
        "people: approve, /problems/job-changed",
        "people: approve, /problems/may-not-approve",
        "people: approve, /problems/not-decidable",
        "people: cancel, cancelled",
        "people: requester found",
        "people: requester not known",
        "killed",
        "killed at its deadline",
        "interleaved",
    ):
        assert tally.counts[reached] > 0, reached


def test_a_history_depends_on_its_seed_alone() -> None:
    """Played twice it is the same to the last count, threads or no threads."""
    for seed in range(5, 9):
        assert soak.play(random_history(seed)) == soak.play(random_history(seed))


def test_every_policy_of_the_pool_is_valid() -> None:
    """Whatever its flags."""
    for main in range(len(REQUIREMENTS)):
        for flags in ("", "s", "ucenx", "ucex", "e", "2brtm", "m", "r"):
            assert document(f"{main}/{main}/{flags}")["version"] == 1


def test_a_failure_is_told_with_the_least_of_its_steps_and_the_command_that_repeats_it() -> None:
    """A bug is planted; what is left of the history breaks the same promise, by that command's arguments."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        planted.PLANTS["forget_to_announce"](patch)
        seed = next(seed for seed in range(20) if soak.play(random_history(seed))[0])
        assert not soak.explain(seed, "", said.append)
        command = said[-1]
        assert command.startswith(f"reproduce: make soak HISTORIES=1 SEED={seed} KEEP=")
        keep = command.rpartition("=")[2]
        assert len(keep.split(",")) < len(random_history(seed).steps)
        again: list[str] = []
        assert not soak.explain(seed, keep, again.append)
    assert again[-1] == command
    assert soak.explain(seed, keep, again.append)


def test_a_few_histories_over_http_keep_every_promise(local_s3: str) -> None:
    """A real server, and the ledger on the local AWS's DynamoDB."""
    with over_http(local_s3) as ledger:
        for seed in range(200, 206):
            found, counts = soak.play(random_history(seed), ledger)
            assert [str(each) for each in found] == []
            assert counts["calls of S3"] > 0

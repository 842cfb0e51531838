"""Deliberate bugs in the gate, planted one at a time: the oracle catches each of them."""

from collections.abc import Iterable

import pytest

from tests.soak import soak
from tests.soak.history import random_history
from tests.soak.planted import PLANTS

SEEDS = {
    "a_new_claim_id_each_time": 4,
    "a_reason_without_end": 2,
    "adopt_existing": 8,
    "announce_only_once_tried": 14,
    "approve_on_unknown": 2,
    "cancel_ungated_jobs_for_no_violation": 67,
    "claim_in_shadow": 73,
    "confirm_before_suspended": 9,
    "cancel_for_age_on_resume": 93,
    "cancel_in_the_grace": 9,
    "count_what_was_not_known": 33,
    "decide_by_the_event_alone": 1,
    "do_not_look_for_the_claim_id": 10,
    "do_not_look_for_what_vanished": 11,
    "expire_an_unmeasurable_hold": 33,
    "expire_at_once": 22,
    "finish_an_expired_approve_without_judging": 4,
    "forget_that_a_claim_may_have_been_sent": 4,
    "forget_to_announce": 0,
    "hold_for_ever": 1,
    "ignore_the_pause": 40,
    "judge_again_under_a_live_lease": 11,
    "look_at_no_clock_but_ones_own": 4,
    "look_only_at_what_is_new": 5,
    "pass_over_what_the_sdk_does_not_know": 150,
    "no_brake": 0,
    "record_facts_of_another_time": 4,
    "remember_tags": 32,
    "retry_an_unclear_update": 10,
    "send_though_the_claim_failed": 2,
    "send_whatever_the_clock_says": 4,
    "send_without_a_claim": 0,
    "settle_an_unclear_update_as_applied": 10,
    "settle_before_a_late_cancel_can_have_arrived": 99,
    "skip_the_end_of_the_window": 276,
    "skip_the_five_seconds": 4,
    "swallow_a_page_of_list_jobs": 56,
    "take_a_server_error_for_a_refusal": 10,
    "take_any_answer_for_one": 26,
    "the_gate_s_hand_moves_both_ways": 41,
    "withdraw_after_an_unclear_answer": 10,
    "write_over_what_others_wrote": 2,
}
"""Of a history that shows the bug; others are looked for only where that has changed."""

OTHERS = 300
CRASHED = "no crash"


def caught_by(seeds: Iterable[int], name: str) -> tuple[int, set[str]] | None:
    """The first history that breaks a promise with this bug in the gate, and the rules."""
    for seed in seeds:
        with pytest.MonkeyPatch.context() as patch:
            PLANTS[name](patch)
            found, _ = soak.play(random_history(seed))
        rules = {each.rule for each in found} - {CRASHED}  # a bug that only crashes is no test of the oracle
        if rules:
            return seed, rules
    return None


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_the_oracle_catches_a_planted_bug(name: str) -> None:
    """With the bug a promise is broken, and without it the same history breaks none."""
    caught = caught_by((SEEDS[name], *range(OTHERS)), name)
    assert caught is not None, f"{name} was not caught by {OTHERS} histories"
    seed, rules = caught
    assert rules
    found, _ = soak.play(random_history(seed))
    assert [str(each) for each in found] == []


def test_every_planted_bug_has_its_seed() -> None:
    """And no seed is left of one that is gone."""
    assert sorted(SEEDS) == sorted(PLANTS)

"""Deliberate bugs in the gate, planted one at a time: the oracle catches each of them."""

from collections.abc import Iterable

import pytest

from tests.verification.soak import soak
from tests.verification.soak.history import random_history
from tests.verification.soak.planted import PLANTS

pytestmark = pytest.mark.slow

SEEDS = {
    "a_new_claim_id_each_time": 9,
    "a_reason_without_end": 10,
    "adopt_existing": 15,
    "announce_only_once_tried": 25,
    "approve_on_unknown": 1,
    "approve_what_has_changed": 49,
    "approve_what_was_never_shown": 97,
    "believe_who_the_caller_says_that_calls": 0,
    "call_it_somebody_else_s_decision": 7,
    "cancel_for_age_on_resume": 2585,
    "cancel_in_the_grace": 9,
    "cancel_ungated_jobs_for_no_violation": 88,
    "cancel_what_may_have_been_confirmed_elsewhere": 7,
    "check_no_limit_in_the_claim": 42,
    "claim_in_shadow": 58,
    "confirm_before_suspended": 1,
    "count_a_stale_approval": 7,
    "count_from_the_first_time_that_a_job_was_not_found": 5,
    "count_in_the_period_of_the_settlement": 2,
    "count_nothing_of_people": 30,
    "count_one_person_twice": 5,
    "count_the_requester": 17,
    "count_what_was_not_known": 43,
    "count_while_nobody_knows_the_requester": 17,
    "count_whoever_calls": 50,
    "decide_by_the_event_alone": 0,
    "do_not_look_for_the_claim_id": 0,
    "do_not_look_for_what_vanished": 9,
    "end_a_lease_by_an_approval": 28,
    "evaluate_again_under_a_live_lease": 9,
    "expire_an_unmeasurable_hold": 67,
    "expire_at_once": 9,
    "finish_an_expired_approve_without_evaluating": 9,
    "forget_that_a_claim_may_have_been_sent": 9,
    "forget_to_announce": 0,
    "forget_who_was_seen_waiting": 40,
    "give_back_by_a_hold": 42,
    "give_back_what_may_have_been_approved": 102,
    "give_back_what_may_have_been_sent": 58,
    "give_nothing_back": 22,
    "hold_for_ever": 0,
    "ignore_the_pause": 60,
    "leave_the_people_out_of_the_record": 0,
    "let_an_approval_wait_for_the_next_review": 0,
    "lift_a_cancellation": 8,
    "lift_a_cancellation_in_its_grace": 11,
    "limit_people": 54,
    "look_at_no_clock_but_ones_own": 17,
    "look_for_ungated_jobs_only_before_they_run": 7,
    "look_only_at_what_is_new": 0,
    "lose_an_approval_of_the_time_of_a_lease": 125,
    "lose_approvals_by_a_hold": 5,
    "never_lift_what_shadow_holds": 68,
    "never_open_a_settled_job_again": 37,
    "no_circuit_breaker": 5,
    "one_no_such_job_is_final": 1,
    "open_a_settled_job_again_at_once": 46,
    "open_again_what_may_have_been_sent": 173,
    "pass_over_what_the_sdk_does_not_know": 7,
    "record_facts_of_another_time": 0,
    "remember_tags": 17,
    "reserve_with_each_claim": 18,
    "retry_an_unclear_update": 0,
    "send_though_the_claim_failed": 0,
    "send_whatever_the_clock_says": 9,
    "send_without_a_claim": 0,
    "settle_an_unclear_update_as_applied": 10,
    "settle_before_a_late_cancel_can_have_arrived": 1475,
    "skip_the_end_of_the_window": 132,
    "skip_the_five_seconds": 61,
    "swallow_a_page_of_list_jobs": 130,
    "take_a_job_for_gone_that_is_listed": 36,
    "take_a_missing_date_for_no_whatever_the_setting_says": 7,
    "take_a_server_error_for_a_refusal": 21,
    "take_an_ungated_job_s_claim_for_one_of_a_job_that_waits": 261,
    "take_any_answer_for_one": 7,
    "take_what_people_approved_for_what_fits": 218,
    "ask_for_one_action_after_the_other": 28,
    "withdraw_after_an_unclear_answer": 0,
    "write_over_what_others_wrote": 8,
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

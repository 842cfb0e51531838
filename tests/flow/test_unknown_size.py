"""A size that S3 does not say never approves a size limit and never cancels by it."""

from datetime import timedelta

import pytest

from s3batch_emulator import Delays, ManifestKind, Switches
from tests.flow.stage import Stage

SIZE_RULES = {
    "at most, cancelling": "{total_tasks: {at_most: 3}}",
    "at most nothing, cancelling": "{total_tasks: {at_most: 0}}",
    "at least, cancelling": "{total_tasks: {at_least: 1}}",
    "at least nothing, cancelling": "{total_tasks: {at_least: 0}}",
    "not at most, cancelling": "{total_tasks: {not: {at_most: 3}}}",
    "not at least, cancelling": "{total_tasks: {not: {at_least: 3}}}",
    "either, cancelling": "{any: [{total_tasks: {at_most: 3}}, {total_tasks: {at_least: 4}}]}",
}


def policy(rule: str, *, where: str) -> str:
    """A policy with a size rule among its requirements, or in its match."""
    match = f"[{{operation: S3PutObjectTagging}}{f', {rule}' if where == 'match' else ''}]"
    require = f"[{rule}]" if where == "require" else "[]"
    return f"""
version: 1
cancel_grace: 0s
unmatched: {"cancel" if where == "match" else "hold"}
policies:
  - name: sized
    match: {match}
    require: {require}
    on_violation: cancel
"""


@pytest.mark.parametrize("where", ["require", "match"])
@pytest.mark.parametrize("rule", SIZE_RULES.values(), ids=SIZE_RULES)
@pytest.mark.parametrize("as_zero", [False, True], ids=["absent", "zero"])
@pytest.mark.parametrize("rows", [2, 5])
def test_a_suspended_job_of_unknown_size_is_held(rule: str, where: str, as_zero: bool, rows: int) -> None:
    """Whatever the rule, and however S3 does not say it."""
    switches = Switches(total_known_at_suspended=frozenset(), unknown_total_as_zero=as_zero)
    stage = Stage(policy(rule, where=where), switches=switches)
    ref = stage.create(rows)
    described = stage.person.describe_job(AccountId=ref.account_id, JobId=ref.job_id)["Job"]
    assert described["ProgressSummary"].get("TotalNumberOfTasks") == (0 if as_zero else None)
    assert stage.review(ref).action == "held"
    assert stage.count("UpdateJobStatus") == 0
    assert stage.status(ref) == "Suspended"


@pytest.mark.parametrize("as_zero", [False, True], ids=["absent", "zero"])
@pytest.mark.parametrize("rule", SIZE_RULES.values(), ids=SIZE_RULES)
@pytest.mark.parametrize("status", ["New", "Preparing"])
def test_a_job_without_confirmation_is_not_cancelled_for_a_size_that_is_not_counted_yet(
    rule: str, as_zero: bool, status: str
) -> None:
    """Only what is known to be violated cancels it."""
    text = policy(rule, where="require") + "ungated_jobs: cancel\n"
    stage = Stage(text, switches=Switches(unknown_total_as_zero=as_zero, confirmation_shown=True))
    ref = stage.create(5, until=status, ConfirmationRequired=False)
    assert stage.review(ref).action == "nothing"
    assert (stage.count("UpdateJobStatus"), stage.status(ref)) == (0, status)


@pytest.mark.parametrize("as_zero", [False, True], ids=["absent", "zero"])
def test_a_known_size_decides_by_the_same_rule(as_zero: bool) -> None:
    """So that the holds above are for the unknown size, and nothing else."""
    for rows, action in ((2, "approved"), (5, "cancelled")):
        switches = Switches(total_known_at_suspended=frozenset({ManifestKind.CSV}), unknown_total_as_zero=as_zero)
        stage = Stage(policy(SIZE_RULES["at most, cancelling"], where="require"), switches=switches)
        assert stage.review(stage.create(rows)).action == action


def test_a_guardrail_on_an_unknown_size_holds_what_a_policy_would_approve() -> None:
    """The unknown is never taken for small."""
    stage = Stage(
        """
version: 1
cancel_grace: 0s
guardrails:
  - name: not-huge
    require: [{total_tasks: {at_most: 10_000_000}}]
    on_violation: cancel
policies:
  - name: anything
    match: [{operation: S3PutObjectTagging}]
    require: []
""",
        switches=Switches(total_known_at_suspended=frozenset()),
        delays=Delays.every(timedelta(milliseconds=20)),
    )
    ref = stage.create()
    review = stage.review(ref)
    assert review.action == "held"
    assert review.total_tasks is None
    assert "total_tasks" in review.reason

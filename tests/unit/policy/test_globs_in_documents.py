"""`{glob: ...}` wherever a pattern stands: read, refused, canonical, evaluated and shown."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from batchgate.errors import PolicyError
from batchgate.jobs.model import Job, Json
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Rule, evaluate_job
from batchgate.policy.facts import gather_facts
from batchgate.policy.reason import status_update_reason
from tests.unit.examples import Written, lint_findings

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
GRANTS = "S3PutObjectAcl.AccessControlPolicy.AccessControlList.Grants"
FORM = {"glob": "CC-[0-9][0-9][0-9][0-9]"}

WRITTEN_IN: Mapping[str, Written] = {
    "operation": {"operation": "?"},
    "a parameter": {"operation_parameters": {"LambdaInvoke.FunctionArn": "?"}},
    "a parameter, beside others": {
        "operation_parameters": {"S3NewOperation.Text": "?", "S3NewOperation.Other": [1, True]}
    },
    "a map's key": {"operation_parameters": {"LambdaInvoke.UserArguments.mode": "?"}},
    "elements": {"manifest_generator": {"Filter.KeyNameConstraint.MatchAnyPrefix": {"only": "?"}}},
    "elements, denied": {"manifest_generator": {"Filter.KeyNameConstraint.MatchAnySuffix": {"not": {"any": "?"}}}},
    "a member of an element": {"operation_parameters": {"S3PutObjectTagging.TagSet": {"none": {"Key": "?"}}}},
    "manifest bucket": {"manifest": {"bucket": "?"}},
    "manifest key": {"manifest": {"not": {"key": "?"}}},
    "any source bucket": {"source_buckets": {"any": "?"}},
    "only destination buckets": {"destination_buckets": {"only": "?"}},
    "no bucket, denied": {"source_buckets": {"not": {"none": "?"}}},
    "a tag": {"tags": {"cost-center": "?"}},
    "role": {"role": "?"},
    "description": {"description": "?"},
    "report bucket": {"report": {"bucket": "?"}},
    "report prefix": {"report": {"prefix": "?"}},
    "account": {"account": "?"},
    "region": {"region": "?"},
}
"""A condition for each place where a pattern stands."""


def put(value: object, here: object) -> object:
    """The same with `value` where there is a `?`."""
    if isinstance(here, dict):
        return {key: put(value, inner) for key, inner in here.items()}
    return value if here == "?" else here


def document(condition: object, **more: object) -> Written:
    """A document of one policy that requires this."""
    return {"version": 1, "policies": [{"name": "p", "require": [condition]}], **more}


@pytest.mark.parametrize("condition", WRITTEN_IN.values(), ids=WRITTEN_IN)
def test_a_glob_stands_wherever_a_pattern_does(condition: Written) -> None:
    """Alone, in a list, in a named list and (where texts are compared) inside `not`, all of the same meaning."""
    alone = compile_policies(document(put(FORM, condition)))
    in_list = compile_policies(document(put([FORM], condition)))
    named = compile_policies(document(put({"list": "forms"}, condition), lists={"forms": [FORM]}))
    plain = compile_policies(document(put(FORM["glob"], condition)))
    assert alone.version == in_list.version == named.version != plain.version
    assert alone.checks == in_list.checks == named.checks != plain.checks
    mixed = compile_policies(document(put(["x", FORM, "y"], condition)))
    assert mixed.version == compile_policies(document(put([FORM, "y", "x"], condition))).version


CLOSED: Mapping[str, Written] = {
    "manifest format": {"manifest": {"format": "?"}},
    "report scope": {"report": {"scope": "?"}},
    "a parameter": {"operation_parameters": {"S3PutObjectCopy.StorageClass": "?"}},
    "elements": {"manifest_generator": {"Filter.MatchAnyStorageClass": {"only": "?"}}},
    "a member of an element": {"operation_parameters": {GRANTS: {"any": {"Permission": "?"}}}},
}
"""A condition for each kind of place where S3 chooses from a closed set."""


@pytest.mark.parametrize("condition", CLOSED.values(), ids=CLOSED)
def test_a_glob_of_a_closed_set_matches_one_of_its_values(condition: Written) -> None:
    """Alone, in a list and in a named list."""
    for form in (FORM, [FORM], [{"glob": "[A-Z]*"}, FORM]):
        with pytest.raises(PolicyError, match='got "CC-'):
            compile_policies(document(put(form, condition)))
    with pytest.raises(PolicyError, match=r'the list forms: expected one of .*got "CC-'):
        compile_policies(document(put({"list": "forms"}, condition), lists={"forms": [{"glob": "[A-Z]*"}, FORM]}))
    for fine in ({"glob": "[A-Z]*"}, [{"glob": "[!a]*"}], {"list": "forms"}):
        compile_policies(document(put(fine, condition), lists={"forms": [{"glob": "*[A-Z0-9]*"}]}))


@pytest.mark.parametrize("condition", WRITTEN_IN.values(), ids=WRITTEN_IN)
@pytest.mark.parametrize("glob", ["x[0-9", "${owner}", "[9-0]"])
def test_a_malformed_glob_is_told_where_it_stands(condition: Written, glob: str) -> None:
    """In every place, with its path down to the glob."""
    for form in ({"glob": glob}, [{"glob": glob}]):
        with pytest.raises(PolicyError) as refused:
            compile_policies(document(put(form, condition)))
        [problem] = refused.value.problems
        assert problem.where.endswith(".glob")
        assert "expected" in problem.message


def test_a_malformed_glob_in_a_named_list_is_told_there() -> None:
    """Once, where it is written."""
    with pytest.raises(PolicyError, match=r"lists\.forms\[1\]\.glob: expected a \] to close"):
        compile_policies(document({"tags": {"a": {"list": "forms"}}}, lists={"forms": ["a", {"glob": "["}]}))


@pytest.mark.parametrize("window", [{"glob": "n*"}, ["nights", {"glob": "n*"}], {"not": {"glob": "n*"}}, {"list": "l"}])
def test_a_window_takes_no_glob(window: object) -> None:
    """Calendars are named, not matched."""
    calendars = {"nights": {"timezone": "UTC", "open": [{"days": ["mon"]}]}}
    with pytest.raises(PolicyError, match="a window takes calendars' names"):
        compile_policies(document({"window": window}, calendars=calendars, lists={"l": [{"glob": "n*"}]}))


def tagged(value: str | None, operation: str = "S3PutObjectTagging") -> Verdict:
    """What becomes of a job with this cost centre where a form is required."""
    job: dict[str, Json] = {
        "JobId": "j-12345",
        "JobArn": "arn:aws:s3:eu-central-1:111111111111:job/j-12345",
        "Status": "Suspended",
        "Operation": {operation: {}},
    }
    tags = {} if value is None else {"cost-center": value}
    policies = compile_policies(document({"tags": {"cost-center": FORM}}))
    return evaluate_job(policies, gather_facts(Job.from_description(job), NOW, tags=tags)).verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("CC-0042", Verdict.APPROVE),
        ("CC-042", Verdict.HOLD),
        ("CC-00421", Verdict.HOLD),
        ("cc-0042", Verdict.HOLD),
        ("CC-004x", Verdict.HOLD),
        ("CC-[0-9][0-9][0-9][0-9]", Verdict.HOLD),
        (None, Verdict.HOLD),
    ],
)
def test_a_tag_must_have_the_form(value: str | None, verdict: Verdict) -> None:
    """What a ticket number or a cost centre looks like can be asked for."""
    assert tagged(value) is verdict


def test_a_glob_names_no_operation_literally() -> None:
    """An operation that this version does not know is not approved by a glob, even one without a class."""
    job: dict[str, Json] = {
        "JobId": "j-12345",
        "JobArn": "arn:aws:s3:eu-central-1:111111111111:job/j-12345",
        "Status": "Suspended",
        "Operation": {"S3New": {}},
    }
    for operand, verdict in (
        ("S3New", Verdict.APPROVE),
        ({"glob": "S3New"}, Verdict.HOLD),
        ({"glob": "S3N[e]w"}, Verdict.HOLD),
    ):
        written = {"version": 1, "policies": [{"name": "p", "match": [{"operation": operand}], "require": []}]}
        decision = evaluate_job(compile_policies(written), gather_facts(Job.from_description(job), NOW))
        assert decision.verdict is verdict
        assert (verdict is Verdict.APPROVE) or [vote.rule for vote in decision.deciding] == [Rule.UNKNOWN_OPERATION]


def test_the_reason_shows_the_glob_with_the_jobs_own_account() -> None:
    """As it is written, placeholders filled in."""
    job: dict[str, Json] = {
        "JobId": "j-12345",
        "JobArn": "arn:aws:s3:eu-central-1:111111111111:job/j-12345",
        "Status": "Suspended",
        "Description": "x",
        "Operation": {"S3PutObjectTagging": {}},
    }
    policies = compile_policies(document({"description": {"glob": "${account}-[0-9]"}}))
    reason = status_update_reason(evaluate_job(policies, gather_facts(Job.from_description(job), NOW)))
    assert 'description is "x", want 111111111111-[0-9] [policy' in reason


@pytest.mark.parametrize(
    ("requirement", "found"),
    [
        ({"account": {"glob": "[0-9][0-9]"}}, "impossible-value"),
        ({"operation": {"glob": "S3[a-o]*"}}, "unknown-operation"),
        ({"role": {"not": {"glob": "*"}}}, "matches-nothing"),
        ({"region": {"glob": "**"}}, "repeats-match"),
    ],
)
def test_lint_sees_through_globs(requirement: object, found: str) -> None:
    """What no value can have is found as with plain patterns, and every glob is a pattern to it."""
    written: Written = {
        "version": 1,
        "policies": [{"name": "p", "match": [{"operation": "S3PutObjectTagging"}], "require": [requirement]}],
    }
    assert found in {finding.lint for finding in lint_findings(written, NOW.date())}


def test_a_function_that_only_classes_stand_for_is_not_named() -> None:
    """`[a-z]*` names any function; `clean-[0-9]:[0-9]` names functions and versions."""
    for glob, lints in (
        ("arn:aws:lambda:*:*:function:[a-z]*", {"lambda-without-function"}),
        ("arn:aws:lambda:*:*:function:clean-[0-9]", {"lambda-latest"}),
        ("arn:aws:lambda:*:*:function:clean-[0-9]:[0-9]", set()),
    ):
        written: Written = {
            "version": 1,
            "policies": [
                {
                    "name": "p",
                    "match": [{"operation": "LambdaInvoke"}],
                    "require": [{"operation_parameters": {"LambdaInvoke.FunctionArn": {"glob": glob}}}],
                }
            ],
        }
        assert {finding.lint for finding in lint_findings(written, NOW.date())} == lints

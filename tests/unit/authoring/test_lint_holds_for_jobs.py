"""What lint says of all jobs is true of random jobs, and what it says of patterns of all texts."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, product
from random import Random
from typing import Any

import pytest
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.errors import PolicyError
from batchgate.jobs.model import Json
from batchgate.policy import patterns
from batchgate.policy.checks import InWindow
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Kind, PolicySet, Verdict
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.trace import ConditionTrace, StatementTrace
from batchgate_cli.authoring.lint import Finding
from batchgate_cli.authoring.lint.absent_parameters import DEFAULTS, LIMITED_DATES
from batchgate_cli.authoring.lint.destinations import WITHOUT_DESTINATION
from batchgate_cli.authoring.lint.finding import Path
from batchgate_cli.authoring.lint.pattern_sets import all_within, any_meet
from tests.unit.examples import APPROVAL, Written, facts, lint_findings
from tests.unit.strategies import RICH_DIALECT, random_facts, randoms, written_with_all_lists
from tests.verification.oracle.random_documents import random_document

pytestmark = pytest.mark.slow

TODAY = date(2026, 3, 27)


def test_what_lint_says_of_every_job_holds_for_random_jobs() -> None:
    """No random job ever meets what none can meet, or fails what all meet."""
    held: Counter[str] = Counter()
    rng = Random(7)
    for _ in range(600):
        written = random_document(rng, RICH_DIALECT)
        policies = compile_policies(written)
        found = [finding for finding in lint_findings(written, TODAY) if finding.lint in SAYINGS]
        for job in (random_facts(rng, written) for _ in range(6 if found else 0)):
            # Lint counts on what every real job has.
            if job.role is None or job.source_buckets == frozenset() or isinstance(job.operation, Gap):
                continue
            traces = {(trace.kind, trace.name): trace for trace in evaluate_job(policies, job).trace}
            for finding in found:
                trace = trace_at(finding.path, written, traces)
                if trace is not None:
                    SAYINGS[finding.lint](finding, trace, job, held)
    assert set(held) == set(SAYINGS), held
    assert min(held.values()) > 10, held


def trace_at(path: Path, document: Written, traces: dict[tuple[Kind, str], StatementTrace]) -> StatementTrace | None:
    """The trace of the statement that a path leads into."""
    kind = {"policies": Kind.POLICY, "guardrails": Kind.GUARDRAIL}.get(str(path[0]))
    return traces[kind, document[str(path[0])][path[1]]["name"]] if kind else None


def says_nothing_meets(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """What stands in match never governs; what is required is never met."""
    if finding.path[2] == "match":
        assert trace.governs is not True, (finding, job)
    elif trace.governs and "alternative" not in finding.why:
        requirement = trace.requirements[int(finding.path[3])]
        condition = requirement.lifts[0].condition if "unless" in finding.path else requirement.own
        assert condition.result is not Result.MET, (finding, job)
    held[finding.lint] += bool(trace.governs) or finding.path[2] == "match"


def says_all_meet(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """What is required is met by every job that is governed."""
    if trace.governs:
        requirement = trace.requirements[int(finding.path[3])]
        condition = requirement.lifts[0].condition if "unless" in finding.path else requirement.own
        assert condition.result is Result.MET, (finding, job)
        held[finding.lint] += 1


def says_not_all_are_met(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """Some requirement of the statement is never met."""
    assert any(requirement.own.result is not Result.MET for requirement in trace.requirements), (finding, job)
    held[finding.lint] += 1


def says_nothing_objects(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """The policy governs whatever could be read, and nothing in it is violated."""
    assert trace.governs is not False, (finding, job)
    assert all(requirement.result is not Result.VIOLATED for requirement in trace.requirements), (finding, job)
    held[finding.lint] += 1


def checks_of(trace: ConditionTrace) -> Iterator[ConditionTrace]:
    """The single checks of a condition, at any depth."""
    for part in trace.parts:
        yield from checks_of(part)
    if not trace.joined:
        yield trace


def says_it_is_met_without_destination(
    finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]
) -> None:
    """A job that has no destination meets what is required of it."""
    if job.operation in WITHOUT_DESTINATION:
        checks = checks_of(trace.requirements[int(finding.path[3])].own)
        assert any(each.result is Result.MET for each in checks if each.kind == "destination_buckets"), (finding, job)
        held[finding.lint] += 1


SAYINGS = {
    "met-without-destination": says_it_is_met_without_destination,
    "matches-nothing": says_nothing_meets,
    "contradicts-match": says_nothing_meets,
    "repeats-match": says_all_meet,
    "contradicts-requirement": says_not_all_are_met,
    "approves-everything": says_nothing_objects,
}
"""What each lint about all jobs claims of one."""


@given(randoms(), st.integers(0, 9 * 365 * 24 * 60))
def test_a_calendar_that_never_opens_is_shut_at_any_instant(rng: Random, minutes: int) -> None:
    """The lint on calendars agrees with the calendars."""
    written = random_document(rng)
    policies = compile_policies(written)
    shut = {finding.path[1] for finding in lint_findings(written, TODAY) if finding.lint == "window-never-opens"}
    instant = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(minutes=minutes)
    for check in policies.checks:
        if isinstance(check.test, InWindow):
            for name, calendar in zip(sorted(check.test.names), check.test.calendars, strict=True):
                assert name not in shut or not calendar.is_open(instant)
                assert name in shut or calendar.next_opening(datetime(2026, 3, 27, tzinfo=UTC), 9)


@given(randoms(), st.integers(0, 366 * 24 * 60 - 1))
def test_a_calendar_that_adds_nothing_is_open_only_while_the_others_are(rng: Random, minutes: int) -> None:
    """The lint on several calendars agrees with the calendars, at any instant of the year that it looks at."""
    drawn: Any = random_document(rng).get("calendars", {})
    pairs = list(combinations(sorted(drawn), 2))
    require: list[Written] = [{"window": list(pair)} for pair in pairs]
    written: Written = {"version": 1, "guardrails": [{"name": "g", "require": require}], "calendars": drawn}
    if not require:
        return
    policies = compile_policies(written)
    instant = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(minutes=minutes)
    found = [finding for finding in lint_findings(written, TODAY) if finding.lint == "either-window"]
    tests = {test.names: test for check in policies.checks if isinstance(test := check.test, InWindow)}
    for finding in found:
        pair = frozenset(pairs[int(finding.path[3])])
        of = dict(zip(sorted(pair), tests[pair].calendars, strict=True))
        if "otherwise remove " in finding.instead:
            name = finding.instead.rpartition("otherwise remove ")[2]
            (other,) = pair - {name}
            assert not of[name].is_open(instant) or of[other].is_open(instant)


LIMITS_OF_TASKS = st.tuples(st.integers(1, 20), st.integers(1, 20)).map(
    lambda ends: {"total_tasks": {"at_least": min(ends), "at_most": max(ends)}}
)
GOVERNED: tuple[list[Written], ...] = ([], [{"account": "111111111111"}], [{"account": "*"}, {"region": "eu-*"}])


@given(st.lists(st.tuples(st.sampled_from(GOVERNED), LIMITS_OF_TASKS), min_size=2, max_size=4))
def test_statements_that_contradict_each_other_never_let_a_job_through(
    drawn: list[tuple[list[Written], Written]],
) -> None:
    """Of every number of tasks, one of the two objects to each job that both are said to govern."""
    written: Written = {
        "version": 1,
        "guardrails": [
            {"name": f"g{number}", "require": [limit], **({"match": match} if match else {})}
            for number, (match, limit) in enumerate(drawn)
        ],
    }
    policies = compile_policies(written)
    found = [finding for finding in lint_findings(written, TODAY) if finding.lint == "contradicts-statement"]
    for account, tasks in product("12", range(1, 21)):
        job = facts(
            JobArn=f"arn:aws:s3:eu-west-1:{account * 12}:job/00000000-0000-4000-8000-000000000000",
            ProgressSummary={"TotalNumberOfTasks": tasks},
        )
        traces = {trace.name: trace for trace in evaluate_job(policies, job).trace}
        for finding in found:
            one, other = traces[finding.why.split(" and ")[1].partition(",")[0]], traces[f"g{finding.path[1]}"]
            if one.governs and other.governs:
                assert Verdict.HOLD in (one.vote, other.vote)
    if len({str(match) for match, _ in drawn}) == 1:
        limits = [limit["total_tasks"] for _, limit in drawn]
        apart = any(a["at_most"] < b["at_least"] for a in limits for b in limits)
        assert bool(found) is apart


@given(st.sampled_from(["*", "arn:*", "arn:*:iam::*:role/*", "arn:aws:iam::*:role/*", "*:role/?*"]), randoms())
def test_what_is_lifted_for_everybody_is_lifted_for_any_job(role: str, rng: Random) -> None:
    """No random job with a role violates the requirement while the exception lasts."""
    end = {"expires": "2026-12-31", "because": "x"}
    exception = {"name": "e", "lifts": ["g"], "match": [{"role": role}], **end}
    guardrail = {"name": "g", "require": [{"total_tasks": {"at_most": 1}}]}
    written: Written = {"version": 1, "guardrails": [guardrail], "exceptions": [exception]}
    policies = compile_policies(written)
    found = any(finding.lint == "lifts-for-every-job" for finding in lint_findings(written, TODAY))
    assert found is (role != "arn:aws:iam::*:role/*")
    job = replace(random_facts(rng, written), now=datetime(2026, 6, 1, tzinfo=UTC))
    if found and job.role is not None and not isinstance(job.role, Gap):
        assert evaluate_job(policies, job).trace[0].requirements[0].result is Result.MET


# --- patterns ---------------------------------------------------------------------------------------------

ALPHABET = "abc~"  # the last is in no range of the globs below
TEXTS = [""]
for _ in range(5):
    TEXTS += [text + letter for text in TEXTS if len(text) == len(TEXTS[-1]) for letter in ALPHABET]
small_globs = st.lists(st.sampled_from([*"ab*?", "[a]", "[!a]", "[ab]", "[!ab]", "[a-b]", "[!b-z]"]), max_size=3).map(
    lambda parts: patterns.Glob("".join(parts))
)
small_patterns = st.lists(st.text("ab*?", max_size=3) | small_globs, min_size=1, max_size=3).map(frozenset)


@given(small_patterns, small_patterns)
def test_patterns_meet_exactly_where_a_text_matches_both(
    one: frozenset[patterns.Pattern], other: frozenset[patterns.Pattern]
) -> None:
    """Patterns of three characters each that meet at all meet in a text of five letters at most."""
    in_one, in_other = patterns.matcher(one), patterns.matcher(other)
    assert any_meet(one, other) is any(in_one(text) and in_other(text) for text in TEXTS)


@given(small_patterns, small_patterns)
def test_patterns_within_others_match_nothing_else(
    narrow: frozenset[patterns.Pattern], wide: frozenset[patterns.Pattern]
) -> None:
    """What matches the narrow ones matches a wide one too."""
    in_narrow, in_wide = patterns.matcher(narrow), patterns.matcher(wide)
    if all_within(narrow, wide):
        assert all(in_wide(text) for text in TEXTS if in_narrow(text))


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        ("lake-prod-*", "lake-*", True),
        ("lake-*", "lake-prod-*", False),
        ("a*b*c", "a*c", True),
        ("audit-${account}-*", "audit-*", True),
        ("audit-${account}", "audit-${account}", True),
        ("x-audit-${account}", "*-audit-${account}", True),
        ("audit-111111111111", "audit-${account}", False),
        ("audit-${account}", "audit-${region}", False),
        ("audit-${account}", "audit-????????????", False),
        ("?", "*", True),
        ("*", "?*", False),
        ("[a]", "[a]*", True),
    ],
)
def test_a_pattern_within_another_is_recognised(narrow: str, wide: str, expected: bool) -> None:
    """The usual shapes, placeholders among them, are recognized; in doubt the answer is no."""
    assert all_within(frozenset({narrow}), frozenset({wide})) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("audit-${account}", "audit-1*", True),
        ("audit-${account}", "audit-x", False),
        ("${region}", "eu-central-1", True),
        ("${region}", "EU", False),
        ("${partition}:a", "${account}:b", False),
    ],
)
def test_a_placeholder_meets_what_it_may_stand_for(one: str, other: str, expected: bool) -> None:
    """An account is digits, a Region lower-case words."""
    assert any_meet(frozenset({one}), frozenset({other})) is expected
    assert any_meet(frozenset({other}), frozenset({one})) is expected


def test_patterns_too_long_to_compare_are_taken_to_be_fine() -> None:
    """Thousands of wildcards neither hang nor are found wrong."""
    one, other = frozenset({"a*" * 3000}), frozenset({"b*" * 3000})
    assert any_meet(one, other)
    assert not all_within(one, other)


# --- single checks ------------------------------------------------------------------------------------------

OPERANDS_OF_DEFAULTS: dict[str, tuple[Any, ...]] = {
    path: (False, True, [False], {"not": True}, {"present": True}, {"not": False})
    if isinstance(default, bool)
    else (default, [default, "GLACIER"], f"{default}*", "*", {"glob": f"[{default[0]}]*"}, {"not": default})
    for path, default in DEFAULTS.items()
}
LIMITS = (
    {"within": "365d"},
    {"before": "2027-01-01"},
    {"after": "2020-01-01"},
    {"after": "2020-01-01", "within": "9d"},
)


def job_saying(path: str, value: Json) -> JobFacts:
    """Make a job of the parameter's operation that says it, or that does not where the value is None."""
    operation, *steps = path.split(".")
    said: Any = {}
    if value is not None:
        said = value
        for step in reversed(steps):
            said = {step: said}
    return facts(Operation={operation: said})


def with_requirement(path: str, operand: object) -> Written:
    """A guardrail that asks this of a parameter."""
    test = {"operation_parameters": {path: operand}}
    return {"version": 1, "guardrails": [{"name": "g", "require": [test]}]}


def compiled(written: Written) -> PolicySet | None:
    """The policies; None where S3's model refuses the operand."""
    try:
        return compile_policies(written)
    except PolicyError:
        return None


def test_what_an_absent_parameter_is_said_to_fail_it_fails_and_the_default_meets() -> None:
    """For every parameter with a default and every form of a test: found exactly where absence alone is refused."""
    counted: Counter[bool] = Counter()
    for path, operands in OPERANDS_OF_DEFAULTS.items():
        for operand in operands:
            written = with_requirement(path, operand)
            policies = compiled(written)
            if policies is None:
                continue
            met = {
                value: evaluate_job(policies, job_saying(path, value)).trace[0].requirements[0].own.result is Result.MET
                for value in (None, DEFAULTS[path], True)
            }
            takes_any = operand in ("*", {"present": True})
            expected = not met[None] and met[DEFAULTS[path]] and not takes_any
            found = any(finding.lint == "absent-fails" for finding in lint_findings(written, TODAY))
            assert found is expected, (path, operand)
            counted[found] += 1
    assert min(counted.values()) > 10, counted


@pytest.mark.parametrize("path", sorted(LIMITED_DATES))
@pytest.mark.parametrize("operand", LIMITS)
def test_a_limit_of_a_date_is_found_where_a_job_without_the_date_fails_it(path: str, operand: Written) -> None:
    """A date that must be late is one that must be there, and is left alone."""
    written = with_requirement(path, operand)
    policies = compiled(written)
    assert policies is not None
    assert evaluate_job(policies, job_saying(path, None)).trace[0].requirements[0].own.result is Result.VIOLATED
    found = any(finding.lint == "absent-fails" for finding in lint_findings(written, TODAY))
    assert found is ("after" not in operand)


def test_the_defaults_are_those_of_optional_members_in_the_model_of_s3() -> None:
    """Each path leads to a member that takes its default, and the model does not require any part of it to be said."""
    model = Session().get_service_model("s3control")
    for path in (*DEFAULTS, *LIMITED_DATES):
        shape: Any = model.shape_for("JobOperation")
        is_required = True
        for step in path.split("."):
            is_required = step in shape.required_members
            shape = shape.members[step]
        assert not is_required, path
        default = DEFAULTS.get(path)
        assert default is None or shape.type_name == ("boolean" if default is False else "string")
        assert not isinstance(default, str) or default in shape.enum


KEY_PATH = "S3UpdateObjectEncryption.ObjectEncryption.SSEKMS.KMSKeyArn"
KEY_FORM = Session().get_service_model("s3control").shape_for("NonEmptyKmsKeyArnString").metadata["pattern"]


@given(st.from_regex(KEY_FORM, fullmatch=True))
def test_no_key_that_s3_takes_is_said_to_be_impossible(arn: str) -> None:
    """By the form that S3's own model gives it."""
    written = with_requirement(KEY_PATH, arn)
    policies = compiled(written)
    assert policies is not None
    assert not any(finding.lint == "impossible-value" for finding in lint_findings(written, TODAY))


@given(st.sampled_from([("Key", "Value"), ("key", "value"), ("KEY", "Value")]), st.sampled_from(["team", "te*"]))
def test_tags_as_in_aws_fail_a_job_that_is_tagged_as_they_mean(names: tuple[str, str], key: str) -> None:
    """A job with the tag itself meets neither; one that is tagged with the two names does."""
    test = {"tags": dict(zip(names, (key, "lake"), strict=True))}
    written: Written = {"version": 1, "guardrails": [{"name": "g", "require": [test]}]}
    policies = compile_policies(written)
    assert [finding.lint for finding in lint_findings(written, TODAY)] == ["tags-as-in-aws"]
    for tags, result in (
        ({"team": "lake"}, Result.VIOLATED),
        (dict(zip(names, ("team", "lake"), strict=True)), Result.MET),
    ):
        assert evaluate_job(policies, facts(tags=tags)).trace[0].requirements[0].own.result is result


TAG_SET = "S3PutObjectTagging.TagSet"
MEMBERS = st.fixed_dictionaries({}, optional={"Key": st.sampled_from("ab"), "Value": st.sampled_from("ab")})
DENIED = st.sampled_from(["a", ["a", "b"], "*", {"glob": "[ab]"}]).map(lambda operand: {"not": operand})
ELEMENTS = st.dictionaries(
    st.sampled_from(("Key", "Value")), st.one_of(DENIED, st.sampled_from("ab")), min_size=1, max_size=2
)


@given(ELEMENTS, st.lists(MEMBERS, max_size=4))
def test_any_but_is_met_by_whatever_has_one_element_more(test: Written, elements: list[Json]) -> None:
    """Whatever else a list holds, one element that is none of what is denied is enough; and only then it is found."""
    written = with_requirement(TAG_SET, {"any": test})
    policies = compiled(written)
    assert policies is not None
    found = any(finding.lint == "any-but" for finding in lint_findings(written, TODAY))
    assert found is all(isinstance(each, dict) for each in test.values())
    job = job_saying(TAG_SET, [*elements, {}])
    if found:
        assert evaluate_job(policies, job).trace[0].requirements[0].own.result is Result.MET


@given(randoms())
def test_one_approval_meets_both_where_they_are_found(rng: Random) -> None:
    """No job that one person approved waits for the other approval, and all that the one governs the other does."""
    document = written_with_all_lists(rng)
    twin = {"name": "twin", "require": [{"manual_approval": {"by": "*", "not_requester": False}}]}
    owner = rng.choice([*document.get("guardrails", ()), {"name": "alone"}])
    twin |= {"match": owner["match"]} if "match" in owner else {}
    written = {**document, "guardrails": [*document.get("guardrails", ()), twin, {**twin, "name": "other"}]}
    policies = compile_policies(written)
    found = [finding for finding in lint_findings(written, TODAY) if finding.lint == "one-approval-for-both"]
    assert found
    job = replace(random_facts(rng, written), approvals=(APPROVAL,))
    traces = {trace.name: trace for trace in evaluate_job(policies, job).trace}
    assert traces["twin"].governs is traces["other"].governs
    if traces["twin"].governs:
        assert traces["twin"].requirements[0].own.result is traces["other"].requirements[0].own.result is Result.MET


# --- functions ----------------------------------------------------------------------------------------------

FUNCTION, ARN = "LambdaInvoke.FunctionArn", "arn:aws:lambda:eu-central-1:111111111111:function:"
NAMED, UNNAMED = f"{ARN}clean:7", f"{ARN}nobody-chose-it:1"
INVOKES: Written = {"operation": "LambdaInvoke"}
OF_ACCOUNT: Written = {"account": "111111111111"}
SMALL: Written = {"total_tasks": {"at_most": 100}}
BY_HAND: Written = {"manual_approval": "required"}


def calling(*functions: object) -> Written:
    """A check of the functions that a job calls."""
    return {"operation_parameters": {FUNCTION: functions[0] if len(functions) == 1 else list(functions)}}


MATCHES: tuple[list[Written], ...] = (
    [],
    [INVOKES],
    [OF_ACCOUNT],
    [{"region": "eu-*"}],
    [OF_ACCOUNT, INVOKES],
    [{"operation": ["LambdaInvoke", "S3PutObjectCopy"]}],
    [{"operation": {"not": "LambdaInvoke"}}],
)
REQUIRED: tuple[list[Written], ...] = (
    [SMALL],
    [calling(NAMED)],
    [calling(NAMED, f"{ARN}*")],
    [calling({"not": NAMED})],
    [{"any": [calling(NAMED), SMALL]}],
    [{"any": [calling(NAMED), calling("*:function:*")]}],
    [{**BY_HAND, "unless": [calling(NAMED)]}],
    [{"any": [calling(NAMED), {"operation": "S3PutObjectCopy"}]}],
    [BY_HAND],
    [{"operation": {"not": "LambdaInvoke"}}],
)
STATEMENTS = st.tuples(st.booleans(), st.booleans(), st.sampled_from(MATCHES), st.sampled_from(REQUIRED))


@given(st.lists(STATEMENTS, min_size=1, max_size=4))
def test_a_function_that_nobody_named_is_approved_exactly_where_it_is_found(
    drawn: list[tuple[bool, bool, list[Written], list[Written]]],
) -> None:
    """Policies and guardrails together, in whatever number: found at a policy that alone lets such a job through."""
    statements = [
        {"name": f"s{number}", "require": require, **({"match": match} if match else {}), **_mode(shadow=shadow)}
        for number, (_, shadow, match, require) in enumerate(drawn)
    ]
    kinds = {
        kind: [
            each for each, (is_policy, *_) in zip(statements, drawn, strict=True) if is_policy is (kind == "policies")
        ]
        for kind in ("policies", "guardrails")
    }
    written: Written = {"version": 1, **{kind: each for kind, each in kinds.items() if each}}
    policies = compile_policies(written)
    found = {
        written["policies"][finding.path[1]]["name"]
        for finding in lint_findings(written, TODAY)
        if finding.lint == "lambda-without-function"
    }
    decisions = [
        evaluate_job(policies, _call(account, region)) for account in "12" for region in ("eu-west-1", "us-east-1")
    ]
    approving = {name for each in decisions if each.verdict is Verdict.APPROVE for name in each.governing_names}
    enforced = {each["name"] for each in kinds["policies"] if "mode" not in each}
    assert found & enforced == approving & enforced


def _mode(*, shadow: bool) -> Written:
    return {"mode": "shadow"} if shadow else {}


def _call(account: str, region: str) -> JobFacts:
    return facts(
        JobArn=f"arn:aws:s3:{region}:{account * 12}:job/00000000-0000-4000-8000-000000000000",
        Operation={"LambdaInvoke": {"FunctionArn": UNNAMED}},
        ProgressSummary={"TotalNumberOfTasks": 10},
    )

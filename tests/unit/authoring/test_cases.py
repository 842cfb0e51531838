"""Files of test cases: what is wrong with them is told at once; what they exercise is noted, part by part."""

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import PolicyError
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.case_file import JOB_MEMBERS, read_cases
from batchgate_cli.authoring.cases import Coverage, load_cases, run_file
from batchgate_cli.authoring.coverage import What

POLICY = """\
version: 1
calendars: {weekends: {timezone: Europe/Berlin, open: [{days: [sat, sun]}]}}
policies:
  - name: copies
    match:
      - any:
          - operation: S3PutObjectCopy
          - operation: S3PutObjectTagging
      - region: "*"
    require:
      - any:
          - region: eu-*
          - all:
              - tags: {urgent: "INC-*"}
              - window: weekends
      - all:
          - priority: {at_least: 1}
          - any: [{window: weekends}, {priority: {at_most: 50}}]
      - total_tasks: {at_most: 10}
        unless:
          - any:
              - tags: {ticket: "CHG-*"}
              - role: "*admin"
guardrails:
  - name: by-hand
    require:
      - {manual_approval: required, unless: [{total_tasks: {at_most: 1000}}]}
exceptions:
  - name: migration
    lifts: [copies]
    match:
      - any: [{role: "*migrator"}, {role: "*mover"}]
    expires: 2027-03-31
    because: CHG-1
"""
ANA = "arn:aws:sts::111122223333:assumed-role/lake-oncall/ana"
GOOD: dict[str, Any] = {
    "name": "one",
    "job": {"operation": "S3PutObjectCopy", "total_tasks": 5, "region": "eu-west-1"},
    "at": "2026-11-20T12:00:00Z",
    "expect": "approve",
}


def write(folder: Path, *cases: object, **keys: object) -> Path:
    """A file of cases beside the policy; JSON is YAML."""
    (folder / "policy.yaml").write_text(POLICY)
    file = folder / "cases.yaml"
    file.write_text(json.dumps({"policy": "policy.yaml", "cases": list(cases), **keys}))
    return file


def problems(file: Path) -> list[str]:
    """Give what is told of a file that must be refused, without its name."""
    with pytest.raises(PolicyError) as refused:
        read_cases(file)
    for problem in refused.value.problems:
        assert problem.place is not None
        assert problem.place.file == str(file)
    return [f"{problem.where}: {problem.message}" for problem in refused.value.problems]


# --- what is wrong with a file ------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, object], str]] = {
    "a key that is misspelt": ({"expects": "hold"}, r"\.expects: unknown key; did you mean expect\?"),
    "a key that nobody knows": ({"zzz": 1}, r"\.zzz: unknown key; known here: name, job, .*, reason"),
    "a name that is no text": ({"name": 5}, r'\.name: expected text, got the number 5; write it in quotes: "5"'),
    "an empty name": ({"name": ""}, r"\.name: expected a name, got an empty text"),
    "an instant in words": (
        {"at": "soon"},
        r'\.at: expected a date or an instant with its offset such as \S+, got "soon"',
    ),
    "an instant before all time": (
        {"at": "0001-01-01T00:00:00Z"},
        r"\.at: expected a date or an instant with its offset",
    ),
    "an instant outside the calendar": (
        {"at": "9999-12-31T23:59:59-12:00"},
        r"\.at: expected a date or an instant with its offset",
    ),
    "an instant without its offset": (
        {"at": "2026-11-20T12:00:00"},
        r'\.at: expected a date or an instant with its offset .*"; in UTC that is 2026-11-20T12:00:00Z$',
    ),
    "an end without its offset": ({"until": "2026-11-20T12:00"}, r"\.until: .*; in UTC that is 2026-11-20T12:00:00Z$"),
    "a cancellation without its offset": ({"cancels_at": "2026-11-20 12:00:00"}, r"\.cancels_at: .*; in UTC that is"),
    "a verdict in the past tense": (
        {"expect": "approved"},
        r'\.expect: expected approve, hold, cancel or wait, got "approved"; did you mean approve\?',
    ),
    "no verdict": ({"expect": None}, r"\.expect: expected approve, hold, cancel or wait, got nothing"),
    "one name that decides": ({"decided_by": "p"}, r'\.decided_by: expected a list of names, got "p"; write it as'),
    "a number that decides": ({"decided_by": ["p", 5]}, r"\.decided_by\[1\]: expected text, got the number 5"),
    "an end in words": (
        {"until": "never"},
        r'\.until: expected a date or an instant with its offset such as \S+, got "never"',
    ),
    "budgets in words": ({"facts": {"budgets": "all"}}, r'\.facts\.budgets: expected a mapping such as .*, got "all"'),
    "a budget that is a number": (
        {"facts": {"budgets": {"b": 5}}},
        r"\.facts\.budgets\.b: expected a mapping with jobs, objects, object_bytes, cost, got the number 5",
    ),
    "an amount that nobody counts": (
        {"facts": {"budgets": {"b": {"tasks": 5}}}},
        r"\.facts\.budgets\.b\.tasks: unknown key; known here: jobs",
    ),
    "fewer jobs than none": (
        {"facts": {"budgets": {"b": {"jobs": -1}}}},
        r"\.facts\.budgets\.b\.jobs: expected a whole number >= 0, got the number -1",
    ),
    "dollars in five decimals": (
        {"facts": {"budgets": {"b": {"cost": 0.00001}}}},
        r"\.facts\.budgets\.b\.cost: expected US dollars with up to four decimals, such as 12.50",
    ),
    "a reason that is no text": ({"reason": ["x"]}, r"\.reason: expected text, got a list of 1"),
    "approval in words": ({"approvals": "yes"}, r'\.approvals: expected a list such as .*, got "yes"'),
    "an approval that is a caller": (
        {"approvals": [ANA]},
        r"\.approvals\[0\]: expected a mapping .*; write \{who: arn:",
    ),
    "an approval of nobody": ({"approvals": [{"reason": "x"}]}, r"\.approvals\[0\]: who is missing; write the ARN"),
    "an approval of a name": ({"approvals": [{"who": "ana"}]}, r'\.approvals\[0\]\.who: expected an ARN .*, got "ana"'),
    "an approval in time to come": (
        {"approvals": [{"who": ANA, "at": "2099-01-01"}]},
        r"\.approvals\[0\]\.at: expected an instant not after the review's",
    ),
    "an approval with a digest": (
        {"approvals": [{"who": ANA, "digest": "x"}]},
        r"\.approvals\[0\]\.digest: unknown key; ",
    ),
    "a requester that is a name": ({"requester": "ana"}, r'\.requester: expected an ARN .*, got "ana"'),
    "a list of tags": ({"tags": ["a"]}, r"\.tags: expected a mapping .* or unmeasurable, got a list of 1"),
    "a tag that is a number": ({"tags": {"a": 7}}, r'\.tags\.a: expected text, got the number 7; write it in .* "7"'),
    "facts that are none": ({"facts": 5}, r"\.facts: expected a mapping with manifest_bytes, .*, got the number 5"),
    "a fact that is misspelt": (
        {"facts": {"object_byte": 1}},
        r"\.facts\.object_byte: unknown key; did you mean object_by",
    ),
    "a fact below zero": (
        {"facts": {"object_bytes": -1}},
        r"\.facts\.object_bytes: expected a whole number >= 0, got .* -1",
    ),
    "one bucket": (
        {"facts": {"source_buckets": "b"}},
        r"\.facts\.source_buckets: expected a list of bucket names, got",
    ),
    "a job in a word": ({"job": "S3PutObjectCopy"}, r"\.job: expected a mapping such as \{operation: .*got \"S3Put"),
}
WRONG_JOBS: dict[str, tuple[dict[str, object], str]] = {
    "a word that is misspelt": ({"acount": "1"}, r"\.acount: unknown key; did you mean account\?"),
    "a member that is misspelt": ({"Reprot": {}}, r"\.Reprot: unknown key; did you mean Report\?"),
    "what stands beside a job": ({"tags": {}}, r"\.tags: unknown key; tags belongs one level up, beside job"),
    "a word that nobody knows": ({"zzz": 1}, r"\.zzz: unknown key; known here: operation, .*members such as Report"),
    "half an object": ({"total_tasks": 0.5}, r"\.total_tasks: expected a whole number >= 0, got the number 0\.5"),
    "true objects": ({"total_tasks": True}, r"\.total_tasks: expected a whole number >= 0, got true"),
    "an account in digits": ({"account": 111111111111}, r'\.account: expected 12 digits in quotes, .*"111111111111"'),
    "a short account": ({"account": "1111"}, r'\.account: expected 12 digits in quotes, got "1111"'),
    "a Region with a space": ({"region": "eu west 1"}, r'\.region: expected a Region .*, got "eu west 1"'),
    "a status in lower case": ({"status": "suspended"}, r"\.status: expected New, .*; did you mean Suspended\?"),
    "a role that is a list": ({"role": []}, r"\.role: expected text, got an empty list"),
    "two operations": ({"operation": {"A": {}, "B": {}}}, r"\.operation: expected a name, or one name with its par"),
    "parameters that are none": ({"operation": {"A": 5}}, r"\.operation: expected a name, or one name with its par"),
    "a report that is none": ({"Report": "no"}, r"\.Report: expected an object, got \"no\"; write it as DescribeJob"),
    "progress in words": (
        {"ProgressSummary": {"TotalNumberOfTasks": "5"}},
        r'\.ProgressSummary\.TotalNumberOfTasks: expected a whole number, got "5"; write it as DescribeJob returns it',
    ),
    "a parameter that is misspelt": (
        {"operation": {"S3PutObjectCopy": {"StorageClas": "STANDARD"}}},
        r"\.operation\.S3PutObjectCopy\.StorageClas: S3 has no such member; did you mean StorageClass\?",
    ),
    "a member of an element that is misspelt": (
        {"operation": {"S3PutObjectTagging": {"TagSet": [{"key": "a", "Value": "b"}]}}},
        r"\.operation\.S3PutObjectTagging\.TagSet\[0\]\.key: S3 has no such member; did you mean Key\?",
    ),
    "a generator's member that is misspelt": (
        {"ManifestGenerator": {"S3JobManifestGenerator": {"Filters": {}}}},
        r"\.ManifestGenerator\.S3JobManifestGenerator\.Filters: S3 has no such member; did you mean Filter\?",
    ),
    "a report's member in the language's word": (
        {"Report": {"Scope": "AllTasks"}},
        r"\.Report\.Scope: S3 has no such member; did you mean ReportScope\?",
    ),
    "an ARN of nothing": ({"JobArn": "arn:x"}, r"\.JobArn: expected arn:PARTITION:s3:REGION:ACCOUNT:job/ID"),
}


@pytest.mark.parametrize(("said", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_case_is_told_with_what_was_expected(
    said: dict[str, object], expected: str, tmp_path: Path
) -> None:
    """One problem for one mistake, with the path to it."""
    [told] = problems(write(tmp_path, {**GOOD, **said}))
    assert re.match(rf"cases\[0\]{expected}", told), told


@pytest.mark.parametrize(("said", "expected"), WRONG_JOBS.values(), ids=WRONG_JOBS)
def test_what_is_wrong_with_a_job_is_told_with_what_was_expected(
    said: dict[str, object], expected: str, tmp_path: Path
) -> None:
    """The language's own words and DescribeJob's members alike."""
    [told] = problems(write(tmp_path, {**GOOD, "job": {**GOOD["job"], **said}}))
    assert re.match(rf"cases\[0\]\.job{expected}", told), told


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    """Each with the line that it stands in."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    file = tmp_path / "cases.yaml"
    file.write_text(
        "policy: polcy.yaml\n"
        "cases:\n"
        "  - name: one\n"
        "    name: two\n"
        "    job: {operation: S3PutObjectCopy, taks: 5}\n"
        "    at: 2026-11-20\n"
        "  - name: one\n"
        "    job: {}\n"
        "    at: noon\n"
        "    expect: hold\n"
        "  - 5\n"
        "extra: 1\n"
    )
    with pytest.raises(PolicyError) as refused:
        read_cases(file)
    told = [(problem.place.line, problem.where) for problem in refused.value.problems if problem.place]
    assert told == [
        (1, "policy"),
        (3, "cases[0]"),
        (4, "cases[0].name"),
        (5, "cases[0].job.taks"),
        (7, "cases[1].name"),
        (8, "cases[1].job"),
        (9, "cases[1].at"),
        (11, "cases[2]"),
        (12, "extra"),
    ]


@pytest.mark.parametrize("key", ["name", "job", "at", "expect"])
def test_what_is_missing_is_named_with_what_to_say(key: str, tmp_path: Path) -> None:
    """Nothing is made up for it."""
    [told] = problems(write(tmp_path, {name: value for name, value in GOOD.items() if name != key}))
    assert re.match(rf"cases\[0\]: {key} is missing; write .+", told)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("5\n", ": expected a file of test cases: a mapping with policy and cases, got the number 5"),
        ("policy: policy.yaml\ncases: []\n", "cases: expected a list of at least one case, got an empty list"),
        ("policy: policy.yaml\n", ": cases is missing; write a list of cases: jobs, and the verdict expected for each"),
        ("policy: 'a\n", ": expected a closing quote"),
        ("policy: [policy.yaml, nope]\ncases: []\n", "policy[1]: expected a file or directory, relative to this file"),
        ("policy: []\ncases: []\n", "policy: expected at least one file or directory, got an empty list"),
        (POLICY, ": expected a file of test cases, got a policy document; check it with `batchgate policy check "),
    ],
)
def test_what_is_no_file_of_cases_is_told_so(content: str, expected: str, tmp_path: Path) -> None:
    """What was expected of it, and of a policy the command that checks it."""
    file = write(tmp_path, GOOD)
    file.write_text(content)
    assert any(told.startswith(expected) for told in problems(file))


def test_a_policy_given_for_its_cases_leads_to_them(tmp_path: Path) -> None:
    """Where they lie where `batchgate policy new` puts them."""
    (tmp_path / "cases").mkdir()
    cases = write(tmp_path / "cases", GOOD)
    cases.rename(tmp_path / "cases" / "policy.yaml")
    (tmp_path / "policy.yaml").write_text(POLICY)
    [told] = problems(tmp_path / "policy.yaml")
    assert told.endswith(f"run its cases with `batchgate policy test {tmp_path / 'cases' / 'policy.yaml'}`")


def test_the_problems_of_several_files_and_of_their_policies_are_told_together(tmp_path: Path) -> None:
    """A policy that two files try is told once."""
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(write(tmp_path / name, {**GOOD, "expect": name}))
    for name in ("c", "d"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(json.dumps({"policy": "bad.yaml", "cases": [GOOD]}))
        files.append(file)
    (tmp_path / "bad.yaml").write_text("version: 1\npolicies: [{name: p}]\n")
    with pytest.raises(PolicyError) as refused:
        load_cases(files, Coverage())
    told = [problem.place.file for problem in refused.value.problems if problem.place]
    assert told == [str(files[0]), str(files[1]), str(tmp_path / "bad.yaml")]


def test_a_job_may_be_said_to_have_whatever_s3_describes() -> None:
    """The members of the service model's JobDescriptor, and no other."""
    model = botocore.session.get_session().get_service_model("s3control")
    shape: Any = model.shape_for("JobDescriptor")
    assert set(JOB_MEMBERS) == set(shape.members)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
case_keys = st.sampled_from(
    ["name", "job", "at", "expect", "tags", "facts", "until", "reason", "decided_by", "approvals", "requester"]
)
job_keys = st.sampled_from(
    [*JOB_MEMBERS, "operation", "total_tasks", "account", "region", "role", "status", "priority"]
)


@given(st.dictionaries(case_keys, plain, max_size=3), st.dictionaries(job_keys, plain, max_size=3))
def test_whatever_a_case_says_is_run_or_told(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, object], job: dict[str, object]
) -> None:
    """Nothing but problems with a place comes out of any value at any key."""
    file = write(tmp_path_factory.mktemp("cases"), {**GOOD, "job": {**GOOD["job"], **job}, **said})
    try:
        told = [outcome.place for outcome in run_file(file, Coverage())]
    except PolicyError as error:
        told = [problem.place for problem in error.problems]
    assert told
    assert all(place is not None and place.file == str(file) for place in told)


# --- what is surely not meant ---------------------------------------------------------------------------


def warnings(file: Path) -> list[str]:
    """Give the warnings of all cases of a file."""
    return [str(warning) for outcome in run_file(file, Coverage()) for warning in outcome.warnings]


@pytest.mark.parametrize("operation", ["S3PutObjectTaging", {"S3PutObjectTaging": {"TagSet": []}}])
def test_an_operation_that_nobody_knows_is_a_warning_with_the_one_that_is_near(
    operation: object, tmp_path: Path
) -> None:
    """The case is run all the same: S3 may have a new operation."""
    file = write(tmp_path, {**GOOD, "job": {"operation": operation}, "expect": "hold"})
    [warning] = warnings(file)
    assert warning.startswith(f"{file}:1:")
    assert "cases[0].job.operation: no operation known to this version" in warning
    assert "; write S3PutObjectTagging (if" in warning


def test_an_operation_like_no_other_is_a_warning_with_all_that_are_known(tmp_path: Path) -> None:
    """By DescribeJob's member, too."""
    [warning] = warnings(write(tmp_path, {**GOOD, "job": {"Operation": {"Defrost": {}}}, "expect": "hold"}))
    assert "cases[0].job.Operation" in warning
    assert "write one of LambdaInvoke, S3ComputeObjectChecksum, " in warning


def test_a_budget_that_no_statement_names_is_a_warning(tmp_path: Path) -> None:
    """With the one that is near, or all that there are."""
    policy = {
        "version": 1,
        "budgets": [{"name": "team-month", "per": "month", "jobs": 5}],
        "policies": [{"name": "p", "require": [{"budget": "team-month"}]}],
    }
    (tmp_path / "budgeted.yaml").write_text(json.dumps(policy))

    def said(name: str, jobs: int, expect: str) -> list[str]:
        case = {**GOOD, "facts": {"budgets": {name: {"jobs": jobs}}}, "expect": expect}
        file = write(tmp_path, case, policy="budgeted.yaml")
        [outcome] = run_file(file, Coverage())
        assert not outcome.failures
        return [warning.message for warning in outcome.warnings]

    assert said("team-month", 4, "approve") == []
    assert said("team-month", 5, "hold") == []
    assert said("team-moth", 5, "approve") == [
        'no statement of the policies names a budget "team-moth"; did you mean team-month?'
    ]
    assert said("x", 5, "approve") == ['no statement of the policies names a budget "x"; known: team-month']


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("{}", None),
        ("{}.match", None),
        ("{}.require[0]", None),
        ("unmatched", None),
        ("{}x", "did you mean {}?"),
        ("{}x.require[0]", "did you mean {}?"),
        ("zzzzzzzzz", "known: {}, "),
    ],
)
def test_a_name_that_can_decide_nothing_is_a_warning(tmp_path: Path, name: str, hint: str | None) -> None:
    """Whatever decides."""
    file = write(tmp_path, GOOD)
    [first] = [each.name for each in load_cases([file], Coverage())[0].policies.statements][:1]
    [outcome] = run_file(write(tmp_path, {**GOOD, "decided_by": [name.format(first)]}), Coverage())
    told = [warning.message for warning in outcome.warnings]
    assert len(told) == (hint is not None)
    if hint is not None:
        assert told[0].startswith(f'no statement or rule is named "{name.format(first)}"; {hint.format(first)}')


def test_an_operation_that_is_new_on_purpose_is_no_warning(tmp_path: Path) -> None:
    """The case expects it, or the policies name it."""
    job = {"operation": "S3Defrost", "total_tasks": 1}
    expected = {**GOOD, "job": job, "expect": "hold", "decided_by": ["unmatched", "unknown-operation"]}
    assert warnings(write(tmp_path, expected)) == []
    file = write(tmp_path, {**GOOD, "job": job})
    (tmp_path / "policy.yaml").write_text(
        "version: 1\npolicies: [{name: p, match: [{operation: S3Defrost}], require: []}]\n"
    )
    assert warnings(file) == []


@pytest.mark.parametrize("status", ["Ready", "Active", "Paused", "Complete", "Cancelled", "Failed"])
@pytest.mark.parametrize("expect", ["approve", "cancel"])
def test_a_status_in_which_the_gate_decides_nothing_is_a_warning(status: str, expect: str, tmp_path: Path) -> None:
    """In the words of the page as in DescribeJob's: such a case proves nothing of live jobs."""
    for job in ({"status": status}, {"Status": status}):
        file = write(tmp_path, {**GOOD, "job": {**GOOD["job"], **job}, "expect": expect})
        [warning] = warnings(file)
        [name] = job
        assert f"cases[0].job.{name}: the gate does not evaluate a job whose status is {status}:" in warning


def test_a_status_in_which_the_gate_decides_or_waits_is_no_warning(tmp_path: Path) -> None:
    """Suspended, or before; and a job that runs without having asked where the policies cancel such jobs."""
    for status in ("Suspended", "New", "Preparing"):
        assert warnings(write(tmp_path, {**GOOD, "job": {**GOOD["job"], "status": status}})) == []
    runs = {**GOOD, "job": {**GOOD["job"], "status": "Active", "confirmation_required": False}}
    file = write(tmp_path, runs)
    assert len(warnings(file)) == 1
    (tmp_path / "policy.yaml").write_text(POLICY.replace("version: 1", "version: 1\nungated_jobs: cancel"))
    assert warnings(file) == []


# --- what the cases exercise ----------------------------------------------------------------------------


def exercised(folder: Path, *cases: dict[str, Any], policy: str = POLICY) -> dict[str, tuple[str, ...]]:
    """Run cases whatever they expect; give what each part never was."""
    coverage = Coverage()
    named = [{**GOOD, **case, "name": str(number)} for number, case in enumerate(cases)]
    file = write(folder, *named)
    (folder / "policy.yaml").write_text(policy)
    list(run_file(file, coverage))
    parts = list(coverage.parts())
    assert len({(part.where, part.what) for part in parts}) == len(parts)
    return {part.where: part.never for part in parts}


def job(**said: object) -> dict[str, Any]:
    """One case about a job that the policy governs."""
    return {"job": {**GOOD["job"], **said}}


def test_every_part_of_a_policy_set_is_to_be_exercised(tmp_path: Path) -> None:
    """Statements, requirements, `unless`, exceptions, and each alternative of `any` in each of them."""
    coverage = Coverage()
    list(run_file(write(tmp_path, GOOD), coverage))
    lines = {(part.what, part.where): part.place.line for part in coverage.parts() if part.place}
    assert lines == {
        (What.STATEMENT, "copies"): 4,
        (What.ALTERNATIVE, "copies.match[0].any[0]"): 7,
        (What.ALTERNATIVE, "copies.match[0].any[1]"): 8,
        (What.REQUIREMENT, "copies.any"): 11,
        (What.ALTERNATIVE, "copies.require[0].any[0]"): 12,
        (What.ALTERNATIVE, "copies.require[0].any[1]"): 13,
        (What.REQUIREMENT, "copies.all"): 16,
        (What.ALTERNATIVE, "copies.require[1].all[1].any[0]"): 18,
        (What.ALTERNATIVE, "copies.require[1].all[1].any[1]"): 18,
        (What.REQUIREMENT, "copies.total_tasks"): 19,
        (What.UNLESS, "copies.total_tasks.unless"): 20,
        (What.ALTERNATIVE, "copies.require[2].unless[0].any[0]"): 22,
        (What.ALTERNATIVE, "copies.require[2].unless[0].any[1]"): 23,
        (What.STATEMENT, "by-hand"): 25,
        (What.REQUIREMENT, "by-hand.manual_approval"): 27,
        (What.UNLESS, "by-hand.manual_approval.unless"): 27,
        (What.EXCEPTION, "migration"): 29,
        (What.ALTERNATIVE, "migration.match[0].any[0]"): 32,
        (What.ALTERNATIVE, "migration.match[0].any[1]"): 32,
    }


def test_what_a_job_does_not_reach_is_not_exercised(tmp_path: Path) -> None:
    """A requirement counts only where its statement governs; the alternatives of its match always do."""
    never = exercised(tmp_path, job(operation="S3ReplicateObject", region="us-east-1", total_tasks=500))
    assert never["copies"] == ("governing a job",)
    assert never["copies.match[0].any[0]"] == ("met",)
    assert never["copies.any"] == never["copies.total_tasks"] == ("met", "violated")
    assert never["copies.require[0].any[0]"] == ("met", "violated")
    assert never["by-hand"] == ()


def test_alternatives_are_exercised_one_by_one(tmp_path: Path) -> None:
    """Though the requirement is met by another one."""
    never = exercised(tmp_path, job(), job(region="us-east-1"))
    assert never["copies.any"] == never["copies.require[0].any[0]"] == ()
    assert never["copies.require[0].any[1]"] == ("met",)
    urgent = {**job(region="us-east-1"), "tags": {"urgent": "INC-1"}, "at": "2026-11-21T12:00:00Z"}
    never = exercised(tmp_path, job(), urgent)
    assert never["copies.require[0].any[1]"] == never["copies.require[1].all[1].any[0]"] == ()
    assert never["copies.require[1].all[1].any[1]"] == ("violated",)


def test_what_lifts_counts_only_where_there_is_something_to_lift(tmp_path: Path) -> None:
    """A ticket on a small job shows nothing about the ticket."""
    ticket = {"tags": {"ticket": "CHG-1"}}
    never = exercised(tmp_path, {**job(), **ticket})
    assert never["copies.total_tasks.unless"] == ("lifting the requirement", "not lifting it")
    assert never["copies.require[2].unless[0].any[0]"] == ("met", "violated")
    never = exercised(tmp_path, {**job(total_tasks=11), **ticket}, job(total_tasks=11))
    assert never["copies.total_tasks.unless"] == never["copies.require[2].unless[0].any[0]"] == ()
    assert never["copies.require[2].unless[0].any[1]"] == ("met",)


def test_an_exception_is_exercised_by_any_requirement_that_it_may_lift(tmp_path: Path) -> None:
    """By its whole match and its day, and by each alternative of the match."""
    role = "arn:aws:iam::111122223333:role/migrator"
    never = exercised(tmp_path, job(region="us-east-1", role=role))
    assert never["migration"] == ("not lifting one",)
    assert never["migration.match[0].any[0]"] == ("violated",)
    late = {**job(total_tasks=11, role=role), "at": "2027-04-01T00:00:00Z"}
    never = exercised(tmp_path, job(region="us-east-1", role=role), late)
    assert never["migration"] == ()
    assert never["migration.match[0].any[0]"] == ("violated",)
    assert never["migration.match[0].any[1]"] == ("met",)


def test_a_persons_approval_is_waited_for_and_never_violated(tmp_path: Path) -> None:
    """So that is what a case has to show of it."""
    never = exercised(tmp_path, job())
    assert never["by-hand.manual_approval"] == ("unmeasurable",)
    never = exercised(tmp_path, job(total_tasks=5000), {**job(total_tasks=5000), "approvals": [{"who": ANA}]})
    assert never["by-hand.manual_approval"] == ()
    assert never["by-hand.manual_approval.unless"] == ("lifting the requirement",)


def test_approvals_that_are_written_are_to_lift_a_hold_and_to_be_waited_for(tmp_path: Path) -> None:
    """Where the document says whose they are."""
    large = job(operation="S3PutObjectCopy", total_tasks=500)
    asked = f"{POLICY}approvals: {{at_least: 2}}\n"
    assert "approvals" not in exercised(tmp_path, large)
    never = exercised(tmp_path, job(), policy=asked)
    assert never["approvals"] == ("lifting a hold", "waited for")
    assert exercised(tmp_path, large, policy=asked)["approvals"] == ("lifting a hold",)
    both = [{"who": ANA}, {"who": "arn:aws:iam::111122223333:user/ben"}]
    assert exercised(tmp_path, large, {**large, "approvals": both}, policy=asked)["approvals"] == ()


def test_a_set_in_shadow_is_tried_as_if_enforced(tmp_path: Path) -> None:
    """Taking the mode away changes no case."""
    file = write(tmp_path, GOOD)
    (tmp_path / "policy.yaml").write_text(f"{POLICY}mode: shadow\n")
    [outcome] = run_file(file, Coverage())
    assert outcome.failures == ()
    assert policy_file.load([tmp_path / "policy.yaml"]).policies.shadow

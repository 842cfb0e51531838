"""`batchgate policy` as a person or a script uses it: real files, real processes' exit codes."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from batchgate.jobs.model import DateSurvives
from batchgate_cli.app import COMMANDS, app, imported
from batchgate_cli.exits import Exit
from s3batch_emulator import Switches
from tests.flow.stage import ACCOUNT, APPROVE_ALL, Stage

CHECKOUT = Path(__file__).resolve().parents[2]
SMALL_JOBS = str(CHECKOUT / "policies" / "examples" / "small-jobs.yaml")
JOB = str(CHECKOUT / "docs" / "examples" / "job.json")
TAGS = str(CHECKOUT / "docs" / "examples" / "tags.json")


def batchgate(*arguments: str, said: str | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, list(arguments), input=said)


def write(folder: Path, text: str, name: str = "policy.yaml") -> str:
    """A file to give to a command."""
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_valid_policy_is_said_to_be_valid_with_its_version() -> None:
    """Exit status 0; the version is the one that reasons carry."""
    result = batchgate("policy", "check", SMALL_JOBS)
    assert result.exit_code == 0
    assert result.stdout == "valid: 1 policy; mode enforce, policy version 95b99174d211\n"


def test_every_problem_is_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    """On standard error, exit status 3, no traceback."""
    path = write(tmp_path, "version: 2\npolicies:\n  - name: a\n    requir: []\n    match:\n      - regoin: x\n")
    result = batchgate("policy", "check", path)
    assert result.exit_code == 3
    *problems, note = result.stderr.splitlines()
    assert [line.split(":")[1] for line in problems] == ["1", "4", "6"]
    assert note == "note: findings are reported only for a valid policy set; fix these problems first"
    assert "did you mean require?" in result.stderr
    assert result.stdout == ""


def test_problems_as_json_have_file_line_and_path(tmp_path: Path) -> None:
    """The same exit status; the document is complete JSON."""
    path = write(tmp_path, "version: 1\npolicies:\n  - name: a\n")
    result = batchgate("policy", "check", path, "--output", "json")
    assert result.exit_code == 3
    [problem] = json.loads(result.stdout)["problems"]
    assert problem == {
        "file": path,
        "line": 3,
        "column": 5,
        "path": "policies[0]",
        "message": "require is missing; write what jobs must meet, or require: [] if the match is enough",
    }


def test_findings_fail_only_when_asked(tmp_path: Path) -> None:
    """A finding says what to write instead; --strict makes it count."""
    path = write(tmp_path, "version: 1\npolicies:\n  - name: all\n    require: []\n")
    assert batchgate("policy", "check", path).exit_code == 0
    strict = batchgate("policy", "check", path, "--strict")
    assert strict.exit_code == 3
    assert "approves-everything" in strict.stdout
    assert "instead:" in strict.stdout
    found = json.loads(batchgate("policy", "check", path, "-o", "json").stdout)["findings"]
    assert "approves-everything" in [finding["lint"] for finding in found]


@pytest.mark.parametrize("name", ["no-such-file.yaml", "."])
def test_what_is_not_there_is_a_message_and_not_a_traceback(name: str, tmp_path: Path) -> None:
    """A missing file could not be read; an empty directory is no policy set."""
    result = batchgate("policy", "check", str(tmp_path / name))
    assert result.exit_code in (1, 3)
    assert str(tmp_path) in result.stderr
    assert "Traceback" not in result.output


def test_explain_shows_first_what_decides(tmp_path: Path) -> None:
    """Of the statements that govern, enforced before shadow, the most cautious vote first."""
    votes = {"approves": "hold", "holds": "hold", "cancels": "cancel", "would-cancel": "cancel"}
    written = {
        "version": 1,
        "guardrails": [
            {
                "name": name,
                "mode": "shadow" if name == "would-cancel" else "enforce",
                "on_violation": vote,
                "require": [{"region": "*" if name == "approves" else "nowhere-*"}],
            }
            for name, vote in votes.items()
        ],
    }
    result = batchgate("policy", "explain", write(tmp_path, json.dumps(written)), "--job", JOB, "--tags", TAGS)
    names = [line.split()[2] for line in result.stdout.splitlines() if " guardrail " in line]
    assert names == ["cancels", "holds", "approves", "would-cancel"]


def test_names_of_any_form_of_a_function_are_whole_in_explain(tmp_path: Path) -> None:
    """Text and JSON show the whole ARN; the reason keeps its end."""
    job = str(CHECKOUT / "tests" / "recorded" / "lambda-other.json")
    written = {
        "version": 1,
        "policies": [
            {"name": "p", "require": [{"operation_parameters": {"LambdaInvoke.FunctionArn": "*:function:approved:*"}}]}
        ],
    }
    policy = write(tmp_path, json.dumps(written))
    arn = "arn:aws:lambda:eu-west-3:111122223333:function:delete_everything:7"
    assert f'LambdaInvoke.FunctionArn is "{arn}", want' in batchgate("policy", "explain", policy, "--job", job).stdout
    said = json.loads(batchgate("policy", "explain", policy, "--job", job, "--output", "json").stdout)
    assert said["statements"][0]["requirements"][0]["actual"] == f'"{arn}"'
    assert ':delete_everything:7", want *:function:approved:*' in said["reason"]


ANA, BEN = "arn:aws:sts::111122223333:assumed-role/lake-oncall/ana", "arn:aws:iam::111122223333:user/ben"


@pytest.mark.parametrize(
    ("options", "verdict", "said"),
    [
        ((), "hold", "no approval counts yet, 2 needed, not from the requester: "),
        (
            ("--approved-by", ANA),
            "hold",
            "not from the requester: the requester is not known (--requester is not given)",
        ),
        (("--approved-by", ANA, "--requester", BEN), "hold", "1 of 2 approvals, 1 more needed, not from the requester"),
        (("--approved-by", ANA, "--approved-by", BEN, "--requester", BEN), "hold", "1 of 2 approvals, 1 more needed"),
        (
            ("--approved-by", ANA, "--approved-by", BEN, "--requester", f"{BEN}ny"),
            "approve",
            "approved by 2 people (user/ben, lake-oncall/ana), lifting 1 hold: ",
        ),
    ],
)
def test_explain_shows_what_approvals_would_lead_to(
    tmp_path: Path, options: tuple[str, ...], verdict: str, said: str
) -> None:
    """Who approved and who created the job is told on the command line; the JSON says the same."""
    policy = write(tmp_path, "version: 1\napprovals: {at_least: 2, not_requester: true}\n")
    text = batchgate("policy", "explain", policy, "--job", JOB, *options).stdout
    shown = json.loads(batchgate("policy", "explain", policy, "--job", JOB, *options, "-o", "json").stdout)
    assert text.startswith(verdict.upper())
    assert shown["verdict"] == verdict
    assert said in f"{shown['awaiting']} {shown['reason']}"
    assert (shown["approvers"], len(shown["lifted"])) == (([BEN, ANA], 1) if verdict == "approve" else ([], 0))
    assert bool(shown["awaiting"]) is (verdict == "hold")


BUDGETED = """\
version: 1
prices: {job: 0.25, million_objects: 0, million_requests: {S3DeleteObjectTagging: 0}}
budgets: [{name: all-day, per: day, jobs: 5, cost: 1.25}]
policies: [{name: p, require: [{budget: all-day}]}]
"""


@pytest.mark.parametrize(
    ("stated", "verdict", "said"),
    [
        ("", "hold", "budget all-day is unmeasurable (what is used is not known, see --facts), want at most 5 jobs"),
        ("budgets: {all-day: {jobs: 4}}", "approve", "approved by p"),
        ("budgets: {all-day: {cost: 1.0001}}", "hold", "at $1.0001 of $1.25, with this job $1.2501"),
        ("budgets: {all-day: {jobs: 5}}", "hold", "at 5 of 5 jobs, with this job 6"),
    ],
)
def test_explain_takes_what_is_used_of_budgets(tmp_path: Path, stated: str, verdict: str, said: str) -> None:
    """A budget of which nothing is stated holds the job: only the ledger knows it."""
    policy = write(tmp_path, BUDGETED)
    options = ("--facts", write(tmp_path, stated, "facts.yaml")) if stated else ()
    shown = json.loads(batchgate("policy", "explain", policy, "--job", JOB, *options, "-o", "json").stdout)
    assert shown["verdict"] == verdict
    assert said in shown["reason"]


def test_a_budget_that_no_statement_names_is_noted(tmp_path: Path) -> None:
    """It may be one of another set."""
    facts = write(tmp_path, "budgets: {al-day: {jobs: 5}}", "facts.yaml")
    result = batchgate("policy", "explain", write(tmp_path, BUDGETED), "--job", JOB, "--facts", facts)
    assert result.exit_code == 0
    assert "no statement names the budget al-day; known: all-day" in " ".join(result.stderr.split())


def test_of_a_live_job_only_budgets_are_stated(tmp_path: Path) -> None:
    """Its manifest is read."""
    facts = write(tmp_path, "{budgets: {all-day: {jobs: 5}}, object_bytes: 5}", "facts.yaml")
    job_id = "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
    result = batchgate("policy", "explain", write(tmp_path, BUDGETED), "--job-id", job_id, "--facts", facts)
    assert result.exit_code == 1
    assert "only budgets can be stated" in result.stderr


@pytest.mark.parametrize(
    "text",
    ["version: 1\nbudgets: []", "policy: p.yaml\ncases: []", "facts: {budgets: {all-day: {jobs: 5}}}"],
)
def test_a_file_of_another_kind_is_no_file_of_facts(tmp_path: Path, text: str) -> None:
    """A policy, test cases, or facts as a case has them: one problem says what is expected."""
    facts = write(tmp_path, text, "facts.yaml")
    result = batchgate("policy", "explain", write(tmp_path, BUDGETED), "--job", JOB, "--facts", facts)
    assert result.exit_code == 3
    said = " ".join(result.stderr.split())
    assert "expected a file of facts: a mapping with manifest_bytes, " in said
    assert said.endswith("write what a test case has below facts")


@pytest.mark.parametrize("option", ["--approved-by", "--requester"])
def test_explain_takes_no_name_for_a_caller(option: str) -> None:
    """Callers are distinguished by their ARNs."""
    result = batchgate("policy", "explain", SMALL_JOBS, "--job", JOB, option, "ana")
    assert result.exit_code == 2
    assert f"{option}: expected an ARN such as" in result.stderr


def test_explain_as_json_keeps_its_shape() -> None:
    """The keys that programs read."""
    result = batchgate("policy", "explain", SMALL_JOBS, "--job", JOB, "--tags", TAGS, "--output", "json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["verdict"] == "hold"
    assert said["until"] is None
    assert said["policy_version"] == "95b99174d211"
    assert said["reason"] == (
        "batchgate: held by small-tagging: total_tasks is 4200000, want at most 1000000 [policy 95b99174d211]"
    )
    [statement] = said["statements"]
    assert {key: statement[key] for key in ("name", "kind", "governs")} == {
        "name": "small-tagging",
        "kind": "policy",
        "governs": True,
    }
    assert [{key: each[key] for key in ("result", "actual", "expected")} for each in statement["requirements"]] == [
        {"result": "violated", "actual": "4200000", "expected": "at most 1000000"},
        {"result": "met", "actual": '"lake"', "expected": "present"},
    ]


UNGATED = """
version: 1
ungated_jobs: cancel
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 1}, on_violation: cancel}]
"""


@pytest.mark.parametrize("setting", ["unknown", "true", "false"])
@pytest.mark.parametrize("shown", [False, True], ids=["as recorded", "field shown"])
@pytest.mark.parametrize("ungated_jobs", ["cancel", "report"])
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("status", ["New", "Preparing", "Ready", "Active", "Complete"])
def test_explain_says_of_a_job_that_may_be_ungated_what_the_gate_does(
    tmp_path: Path, status: str, rows: int, ungated_jobs: str, shown: bool, setting: str
) -> None:
    """The same word as the gate's action, whatever S3 shows and the deployment is set to."""
    policy = UNGATED.replace("ungated_jobs: cancel", f"ungated_jobs: {ungated_jobs}")
    stage = Stage(policy, switches=Switches(confirmation_shown=shown))
    stage.suspended_date_survives = DateSurvives(setting)
    ref = stage.create(rows, until=status, ConfirmationRequired=False)
    described = stage.person.describe_job(AccountId=ACCOUNT, JobId=ref.job_id)
    job = json.dumps({"Job": described["Job"]}, default=str)
    options = ("--job", "-", "--suspended-date-survives", setting)
    as_json = batchgate("policy", "explain", write(tmp_path, policy), *options, "-o", "json", said=job)
    as_text = batchgate("policy", "explain", write(tmp_path, policy), *options, said=job)
    said = json.loads(as_json.stdout)
    action = stage.review(ref).action
    done = {"approve": "approved", "cancel": "cancelled", "wait": "waiting"}
    assert action == (said["instead"] or done[said["verdict"]])
    if said["instead"]:
        assert said["reason"] is None
        assert as_text.stdout.startswith(f"{action}  {ref.job_id}  {status}")
        assert "batchgate: " not in as_text.stdout


NOT_DECIDED = [
    ("Ready", "superseded"),
    ("Active", "superseded"),
    ("Pausing", "superseded"),
    ("Paused", "superseded"),
    ("Completing", "superseded"),
    ("Complete", "superseded"),
    ("Cancelling", "nothing"),
    ("Cancelled", "nothing"),
    ("Failing", "nothing"),
    ("Failed", "nothing"),
    ("Unheard", "waiting"),
]


@pytest.mark.parametrize(("status", "instead"), NOT_DECIDED)
def test_explain_says_of_a_job_that_waits_for_nobody_what_the_gate_does(
    tmp_path: Path, status: str, instead: str
) -> None:
    """The same word as the gate's action; no verdict of the policies has an effect on it."""
    stage = Stage(APPROVE_ALL)
    ref = stage.create()
    stage.emulator.add_member(ref.job_id, ("Status",), status)
    described = stage.person.describe_job(AccountId=ACCOUNT, JobId=ref.job_id)["Job"]
    assert described["Status"] == status
    assert "SuspendedDate" in described
    job = json.dumps({"Job": described}, default=str)
    policy = write(tmp_path, APPROVE_ALL)
    said = json.loads(batchgate("policy", "explain", policy, "--job", "-", "-o", "json", said=job).stdout)
    assert (said["verdict"], said["instead"], said["reason"]) == ("approve", instead, None)
    shown = batchgate("policy", "explain", policy, "--job", "-", said=job).stdout
    assert shown.startswith(f"{instead}  {ref.job_id}  ")
    assert "the gate, unless it has decided this job: " in shown
    assert stage.review(ref).action == instead


def test_a_job_can_come_from_standard_input_and_the_clock_from_an_option(tmp_path: Path) -> None:
    """`aws s3control describe-job ... | batchgate policy explain ... --job -`."""
    policy = write(
        tmp_path,
        "version: 1\n"
        "calendars: {nights: {timezone: Europe/Berlin, open: [{days: [fri], from: '22:00', to: '06:00'}]}}\n"
        "policies:\n  - name: nightly\n    require: [{window: nights}]\n",
    )
    job = Path(JOB).read_text()
    night = batchgate(
        "policy", "explain", policy, "--job", "-", "--at", "2026-11-20T22:00:00+01:00", "-o", "json", said=job
    )
    day = batchgate("policy", "explain", policy, "--job", "-", "--at", "2026-11-20T12:00:00Z", "-o", "json", said=job)
    assert json.loads(night.stdout)["verdict"] == "approve"
    assert (json.loads(day.stdout)["verdict"], json.loads(day.stdout)["until"]) == (
        "hold",
        "2026-11-20T21:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "prints it, got nothing; did the command that wrote it fail?"),
        (
            "Job: {}",
            ":1:1: expected JSON as `aws s3control describe-job --output json` prints it, got text that is not",
        ),
        ("[]", "job.json: expected a JSON object"),
        ("{}", "describe-job"),
        ('{"Job": {"JobArn": 5}}', "job.json: JobArn: expected text, got the number 5"),
        ('{"Job": {}}', "job.json: JobArn: expected text, got nothing"),
        ('{"Job": {"JobArn": "arn:x"}}', "job.json: JobArn: expected arn:PARTITION:s3:"),
        ('{"Job": null}', "job.json: Job: expected a JSON object, got null"),
    ],
)
def test_what_is_no_job_is_told_so(text: str, said: str, tmp_path: Path) -> None:
    """Exit status 1 and what was expected."""
    result = batchgate("policy", "explain", SMALL_JOBS, "--job", write(tmp_path, text, "job.json"))
    assert result.exit_code == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--job", JOB, "--job-id", "x"),
        ("--job", JOB, "--region", "eu-west-1"),
        ("--job-id", "x", "--tags", TAGS),
        ("--job", JOB, "--at", "tomorrow"),
        ("--job", JOB, "--at", "2026-11-20T12:00:00"),
        ("--job", JOB, "--output", "xml"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    """Options that exclude each other, or that can't be read."""
    assert batchgate("policy", "explain", SMALL_JOBS, *arguments).exit_code == 2


def test_a_new_policy_is_valid_and_its_cases_pass_with_full_coverage(tmp_path: Path) -> None:
    """What `new` writes is where an author begins; it never overwrites."""
    path = tmp_path / "team" / "approval.yaml"
    assert batchgate("policy", "new", str(path)).exit_code == 0
    assert batchgate("policy", "check", str(path), "--strict").exit_code == 0
    assert batchgate("policy", "test", str(path.parent / "cases"), "--require-coverage").exit_code == 0
    again = batchgate("policy", "new", str(path))
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def cases(tmp_path: Path, expect: str, more: str = "") -> str:
    """A file of one case."""
    return write(
        tmp_path,
        f"policy: {SMALL_JOBS}\ncases:\n  - name: one\n    job: {{operation: S3PutObjectTagging, total_tasks: 5}}\n"
        f"    tags: {{team: lake}}\n    at: 2026-11-20T12:00:00Z\n    expect: {expect}\n{more}",
        "cases.yaml",
    )


def test_a_failed_case_exits_with_4_and_shows_expected_actual_and_the_trace(tmp_path: Path) -> None:
    """And its line."""
    result = batchgate("policy", "test", cases(tmp_path, "cancel"))
    assert result.exit_code == 4
    assert "FAIL  one" in result.stdout
    assert "cases.yaml:3:5" in result.stdout
    assert "verdict: expected cancel, got approve" in result.stdout
    assert "small-tagging" in result.stdout
    assert batchgate("policy", "test", cases(tmp_path, "approve")).exit_code == 0


def test_coverage_counts_only_when_asked(tmp_path: Path) -> None:
    """What no case exercised is listed with its line, and nothing else; as JSON everything is."""
    path = cases(tmp_path, "approve")
    assert batchgate("policy", "test", path).exit_code == 0
    result = batchgate("policy", "test", path, "--require-coverage")
    assert result.exit_code == 4
    listed = result.stdout.partition("coverage: ")[2].splitlines()
    assert listed[:-1] == [
        "3 of 3 not exercised both ways by any case",
        f"  small-tagging              never not governing a job  {SMALL_JOBS}:3:5",
        f"  small-tagging.total_tasks  never violated             {SMALL_JOBS}:7:9",
        f"  small-tagging.tags         never violated             {SMALL_JOBS}:8:9",
    ]
    said = json.loads(batchgate("policy", "test", path, "-o", "json").stdout)
    assert {"where": "small-tagging.tags", "never": "violated"}.items() <= said["unexercised"][-1].items()
    assert said["coverage"][-1] == {
        "what": "requirement",
        "where": "small-tagging.tags",
        "file": SMALL_JOBS,
        "line": 8,
        "exercised": {"met": True, "violated": False},
    }


def test_an_operation_that_nobody_knows_is_a_warning(tmp_path: Path) -> None:
    """Below its case, for people and for programs; it fails nothing."""
    path = cases(tmp_path, "hold")
    Path(path).write_text(Path(path).read_text().replace("S3PutObjectTagging", "S3PutObjectTaging"))
    result = batchgate("policy", "test", path)
    assert result.exit_code == 0
    assert f"      warning: {path}:4:11: no operation known" in result.stdout
    [case] = json.loads(batchgate("policy", "test", path, "-o", "json").stdout)["cases"]
    assert "; write S3PutObjectTagging (if" in case["warnings"][0]


@pytest.mark.parametrize(
    "more",
    [
        "    extra: 1\n",
        "    until: soon\n",
        "  - name: one\n    at: 2026-11-20T12:00:00Z\n    expect: hold\n    job: {}\n",
    ],
)
def test_a_file_that_is_no_file_of_cases_exits_with_3(more: str, tmp_path: Path) -> None:
    """With where and what."""
    result = batchgate("policy", "test", cases(tmp_path, "approve", more))
    assert result.exit_code == 3
    assert "cases.yaml" in result.stderr


def test_problems_of_all_case_files_are_told_before_any_case_is_run(tmp_path: Path) -> None:
    """For people on standard error; as JSON on standard output."""
    good, bad = cases(tmp_path, "approve"), write(tmp_path, "policy: nope.yaml\ncases: [5]\n", "bad.yaml")
    result = batchgate("policy", "test", good, bad)
    assert (result.exit_code, result.stdout) == (3, "")
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [f"{bad}:1:1", f"{bad}:2:9"]
    said = json.loads(batchgate("policy", "test", good, bad, "-o", "json").stdout)
    assert [(each["file"], each["line"], each["path"]) for each in said["problems"]] == [
        (bad, 1, "policy"),
        (bad, 2, "cases[0]"),
    ]


def test_a_policy_and_a_file_of_cases_are_not_taken_for_each_other(tmp_path: Path) -> None:
    """One line that names the command that was meant."""
    path = cases(tmp_path, "approve")
    checked, tested = batchgate("policy", "check", path), batchgate("policy", "test", SMALL_JOBS)
    assert (checked.exit_code, tested.exit_code) == (3, 3)
    assert f"`batchgate policy test {path}`" in checked.stderr
    assert f"`batchgate policy check {SMALL_JOBS}`" in tested.stderr
    assert len(checked.stderr.splitlines()) == len(tested.stderr.splitlines()) == 1


def test_files_that_are_no_set_together_are_told_how_to_be_checked_alone(tmp_path: Path) -> None:
    """Beside the names that collide."""
    for name in ("a.yaml", "b.yaml"):
        write(tmp_path, "version: 1\npolicies:\n  - name: p\n    require: []\n", name)
    result = batchgate("policy", "check", str(tmp_path))
    assert result.exit_code == 3
    problem, note, _ = result.stderr.splitlines()
    assert 'the name "p" is already used by' in problem
    assert note.startswith("note: these 2 files are read together as one policy set;")
    said, _ = json.loads(batchgate("policy", "check", str(tmp_path), "-o", "json").stdout)["notes"]
    assert note == f"note: {said}"


def test_problems_of_several_files_count_statements_within_their_file(tmp_path: Path) -> None:
    """As readers of the file do; also the statement that a problem names besides."""
    first = "version: 1\npolicies:\n  - {name: a, require: []}\n  - {name: b, require: [{window: no}]}\n"
    second = "version: 1\npolicies:\n  - {name: c, require: [{priority: {at_most: 5}}]}\n  - {name: b, require: []}\n"
    files = [write(tmp_path, first, "a.yaml"), write(tmp_path, second, "b.yaml")]
    window, name, *_ = batchgate("policy", "check", *files).stderr.splitlines()
    assert f"{files[0]}:4:26: policies[1].require[0].window: no calendar" in window
    assert f'{files[1]}:4:6: policies[1].name: the name "b" is already used by policies[1].name;' in name
    assert f"({files[0]}:4:6)" in name


def test_a_directory_that_is_not_read_is_named_beside_the_output(tmp_path: Path) -> None:
    """The output stays what programs expect."""
    write(tmp_path, Path(SMALL_JOBS).read_text())
    (tmp_path / "cases").mkdir()
    write(tmp_path / "cases", "policy: ../policy.yaml\n")
    result = batchgate("policy", "check", str(tmp_path))
    assert result.exit_code == 0
    assert result.stdout == "valid: 1 policy; mode enforce, policy version 95b99174d211\n"
    assert result.stderr.startswith(f"note: not read: {tmp_path / 'cases'}; ")
    [said] = json.loads(batchgate("policy", "check", str(tmp_path), "-o", "json").stdout)["notes"]
    assert result.stderr == f"note: {said}\n"


@pytest.mark.parametrize("command", ["check", "test"])
def test_a_pipe_that_nobody_writes_into_is_refused_at_once(command: str, tmp_path: Path) -> None:
    """And not waited for."""
    os.mkfifo(tmp_path / "pipe.yaml")
    result = batchgate("policy", command, str(tmp_path / "pipe.yaml"))
    assert result.exit_code == 3
    assert "expected a file, got a named pipe" in result.stderr


@pytest.mark.parametrize("command", ["check", "test"])
@pytest.mark.parametrize("alone", [True, False])
def test_what_is_no_file_is_named_alike_alone_and_in_a_directory(command: str, alone: bool, tmp_path: Path) -> None:
    """With the same exit code."""
    (tmp_path / "link.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, kind in (("link.yaml", "a symbolic link to no file"), ("pipe.yaml", "a named pipe")):
        result = batchgate("policy", command, str(tmp_path / name if alone else tmp_path))
        assert result.exit_code == 3
        assert re.search(rf"{name}:1:1: expected a(?: policy)? file, got {kind};", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check",), "expected a policy document, got {}; `batchgate policy new` writes a first one"),
        (("test",), "expected a file of test cases, got {}; `batchgate policy new` writes a first one, and a policy"),
        (("explain", SMALL_JOBS, "--job", JOB, "--facts"), "expected a file of facts, got {}; write what a test case"),
    ],
)
@pytest.mark.parametrize(
    ("text", "got"), [("", "an empty file"), ("\n  \n", "an empty file"), ("# a\n", "a file with only comments")]
)
def test_a_file_without_content_is_told_what_was_expected_of_it(
    arguments: tuple[str, ...], said: str, text: str, got: str, tmp_path: Path
) -> None:
    """Not always a policy."""
    result = batchgate("policy", *arguments, write(tmp_path, text))
    assert result.exit_code == 3
    assert said.format(got) in result.stderr


@pytest.mark.parametrize("output", ["text", "json"])
def test_no_cases_where_they_usually_are_is_wrong_usage(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message does not only name a path that nobody typed."""
    monkeypatch.chdir(tmp_path)
    result = batchgate("policy", "test", "--output", output)
    assert result.exit_code == 2
    assert "no PATH is given, and there is no policies/cases; name them, such as" in result.stderr


def test_a_reason_without_all_that_the_gate_reads_is_noted(tmp_path: Path) -> None:
    """It has the words of this command; nothing is noted of a reason that is the gate's."""
    policy = write(tmp_path, "version: 1\npolicies:\n  - name: p\n    require: [{tags: {team: x}}]\n")
    note = "note: the gate's reason will differ, because the gate reads what is missing here; pass --tags\n"
    for output in ("text", "json"):
        assert batchgate("policy", "explain", policy, "--job", JOB, "-o", output).stderr == note
    assert batchgate("policy", "explain", policy, "--job", JOB, "--tags", TAGS).stderr == ""


def test_the_commands_are_listed_in_the_order_of_their_use() -> None:
    """A newcomer begins with the first."""
    listed = re.findall(r"^  ([a-z]+)  ", batchgate("policy", "--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert listed[:4] == ["new", "check", "test", "explain"]


def test_every_command_has_help_that_says_what_it_is_for() -> None:
    """No command without a first sentence, no option without a word."""
    for command in ("check", "explain", "test", "schema", "new"):
        result = batchgate("policy", command, "--help")
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) > 5
    for path in (["demo"], ["emulator", "serve"], ["local", "up"]):
        assert batchgate(*path, "--help").exit_code == 0


def commands_below(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of a command and of all that are below it."""
    yield path
    if isinstance(command, click.Group):
        for name in command.commands:
            inner = command.resolve_command(click.Context(command), [name])[1]
            yield from commands_below(inner, *path, name)


@pytest.mark.parametrize("path", [*commands_below(app)], ids=" ".join)
@pytest.mark.parametrize("columns", [80, 60])
def test_no_help_is_cut(path: tuple[str, ...], columns: int) -> None:
    """Every word of every help is there on a narrow terminal too: nothing ends in an ellipsis."""
    result = CliRunner().invoke(app, [*path, "--help"], terminal_width=columns)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert "\N{HORIZONTAL ELLIPSIS}" not in result.stdout
    assert not re.search(r"[a-z]\.\.\.", result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_help_lists_each_command_with_its_own_first_sentence(name: str) -> None:
    """Although none of them is imported for it."""
    assert COMMANDS[name].help == imported(name).get_short_help_str(1000)


def test_the_first_help_lists_every_exit_code() -> None:
    """Also those of decisions and of an interruption."""
    codes = " ".join(batchgate("--help").stdout.partition("Exit codes:")[2].split())
    assert [code for code in Exit if not re.search(rf"(^|, ){int(code)} [a-z]", codes)] == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("policy", "check", "nope.yaml"), 1, "batchgate: nope.yaml: No such file or directory\n"),
        (("demo", "--policy", "nope.yaml"), 1, "batchgate: nope.yaml: No such file or directory\n"),
        (("policy", "explain", SMALL_JOBS, "--job", str(CHECKOUT)), 1, f"batchgate: {CHECKOUT}: Is a directory\n"),
        (("emulator", "serve", "--s3-endpoint", "notaurl"), 2, "http://HOST:PORT"),
    ],
)
def test_what_can_not_be_opened_is_named(arguments: tuple[str, ...], status: int, said: str) -> None:
    """In words, without a number or a traceback."""
    result = batchgate(*arguments)
    assert result.exit_code == status
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_the_settings_of_a_deployment_in_the_working_directory_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where cdk.json names no manifest bucket, a check of sizes is found; where none lies there, nobody knows."""
    monkeypatch.chdir(tmp_path)
    policy = write(
        tmp_path,
        "version: 1\npolicies:\n  - name: p\n    match: [{operation: S3*}]\n    require:\n"
        "      - manifest: {bytes: {at_most: 5}}\n      - operation: {not: LambdaInvoke}\n",
    )

    def finds_it() -> bool:
        return (
            "setting-off: the setting manifest_buckets names no bucket" in batchgate("policy", "check", policy).output
        )

    assert not finds_it()
    for settings, found in (("{}", True), ('{"manifest_buckets": ["m"]}', False), ("[]", False), ("", False)):
        (tmp_path / "cdk.json").write_text(f'{{"context": {{"batchgate": {settings}}}}}', encoding="utf-8")
        assert finds_it() is found, settings

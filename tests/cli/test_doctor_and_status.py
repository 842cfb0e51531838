"""`batchgate doctor` and `status` as a person or a script runs them: output, exit codes, where nothing is found."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from batchgate.contract import GATE_PARAMETER
from batchgate_cli.exits import Exit
from batchgate_cli.operating.check_view import show_lines, summary
from batchgate_cli.operating.checks import EXITS, Level, Line, worst
from tests.cli.api_double import GateDouble
from tests.cli.api_front import Front, serving
from tests.cli.live import PERSON, LiveStage, batchgate, deploy_function, deployed_policies, on_a_terminal
from tests.flow.stage import ACCOUNT, HOLD_ALL, REGION


@pytest.fixture
def gate() -> GateDouble:
    """What the gate's API says of it."""
    return GateDouble()


@pytest.fixture
def live(live: LiveStage, gate: GateDouble) -> Iterator[LiveStage]:
    """The same with policies, a topic and an alarm, so that it works; roles, rules and a stack it has none."""
    name = live.ledger.table
    topic = live.client("sns").create_topic(Name=name)["TopicArn"]
    live.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{name}-paused",
        AlarmActions=[topic],
        MetricName="Paused",
        Namespace=name,
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    deploy_function(live, name)
    policies = deployed_policies(live, HOLD_ALL)
    with serving(Front(gate, REGION, {ACCOUNT: PERSON})) as front:
        live.deploy(
            stack=name,
            functions={"job_event": name, "sweep": name},
            appconfig=policies,
            topic_arn=topic,
            api_url=front.url,
        )
        yield live


def said(command: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """A command's exit code, and what it prints for programs."""
    result = batchgate(command, *arguments, "--output", "json")
    return result.exit_code, json.loads(result.stdout)


def test_a_gate_that_works_is_exit_code_0(live: LiveStage) -> None:
    """One screen, without colours where it is no terminal; the same for programs, with instants."""
    result = batchgate("status")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert result.stdout.startswith(f"the gate of account {ACCOUNT} in {REGION} is working\n")
    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) < 20
    code, status = said("status")
    assert (code, status["status"], status["account"], status["stack"]) == (0, "working", ACCOUNT, live.ledger.table)
    assert (status["held"], status["paused"], status["dead_letters"], status["alarms"]) == (
        0,
        None,
        {"unreviewed": 0, "undelivered": 0},
        [],
    )
    assert status["last_sweep"] is not None
    assert [each["level"] for each in status["checks"]] == ["pass"] * len(status["checks"])


def test_a_gate_that_needs_attention_is_exit_code_7(live: LiveStage, gate: GateDouble) -> None:
    """A pause, a dead letter; what people wrote moves no cursor."""
    gate.pause = {
        "by": PERSON,
        "reason": "incident\x1b[31m 4711",
        "at": "2026-11-22T12:00:00+00:00",
        "etag": '"0123456789abcdef"',
    }
    live.client("sqs").send_message(QueueUrl=live.queues["unreviewed"], MessageBody="{}")
    result = batchgate("status")
    assert result.exit_code == Exit.WARNED
    assert "needs attention" in result.stdout
    assert "\x1b" not in result.stdout
    code, status = said("status")
    assert (code, status["status"]) == (Exit.WARNED, "attention")
    assert (status["paused"]["by"], status["dead_letters"]["unreviewed"]) == (PERSON, 1)


def test_a_gate_that_does_not_work_is_exit_code_8(live: LiveStage, gate: GateDouble) -> None:
    """No sweep for two hours."""
    gate.swept = timedelta(hours=2)
    result = batchgate("status")
    assert (result.exit_code, "is not working" in result.stdout) == (Exit.CHECK_FAILED, True)
    assert "none has succeeded since" in result.stdout
    code, status = said("status")
    assert (code, status["status"]) == (Exit.CHECK_FAILED, "not working")


def test_the_doctor_finds_what_is_not_there(live: LiveStage) -> None:
    """Neither stack nor rules: failures and warnings, each with what to do."""
    code, doctor = said("doctor")
    assert (code, doctor["worst"]) == (Exit.CHECK_FAILED, "fail")
    levels = {each["check"]: each["level"] for each in doctor["checks"]}
    assert (levels["rules"], levels["stack"], levels["clock"]) == ("fail", "warn", "pass")
    result = batchgate("doctor")
    assert result.exit_code == Exit.CHECK_FAILED
    assert "to fix" in result.stdout.splitlines()[-1]


def test_on_a_terminal_of_80_columns_nothing_is_wider(live: LiveStage) -> None:
    """Long findings go on below."""
    for command in ("status", "doctor"):
        with on_a_terminal(command) as terminal:
            terminal.end()
        assert all(len(line) <= 80 for line in terminal.said.splitlines())
        assert "last sweep" in terminal.said


def test_where_no_gate_is_the_doctor_says_what_to_do(live: LiveStage) -> None:
    """One failure; what `status` answers is no success either."""
    live.client("ssm").delete_parameter(Name=GATE_PARAMETER)
    code, doctor = said("doctor")
    [line] = doctor["checks"]
    assert (code, line["check"], line["level"]) == (Exit.CHECK_FAILED, "gate", "fail")
    assert "doctor --preflight" in line["do"]
    assert batchgate("status").exit_code == Exit.FAILED


def test_before_a_deployment_no_gate_is_needed(live: LiveStage) -> None:
    """The account is looked at: one that was not bootstrapped fails, and AppConfig's settings can't be read here."""
    live.client("ssm").delete_parameter(Name=GATE_PARAMETER)
    code, doctor = said("doctor", "--preflight")
    levels = {each["check"]: each["level"] for each in doctor["checks"]}
    assert code == Exit.CHECK_FAILED
    assert (levels["credentials"], levels["bootstrap"], levels["gate"]) == ("pass", "fail", "pass")
    assert levels["AppConfig"] == "warn"
    [protection] = [each for each in doctor["checks"] if each["check"] == "AppConfig"]
    assert protection["found"].startswith("not checked: appconfig:GetAccountSettings")


def test_without_credentials_that_is_the_one_line(live: LiveStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to give them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for arguments in ((), ("--preflight",)):
        code, doctor = said("doctor", *arguments)
        assert code == Exit.CHECK_FAILED
        [line] = doctor["checks"]
        assert ("no AWS credentials" in line["found"], line["do"]) == (True, None)
        assert not arguments or line["check"] == "credentials"


def test_a_profile_that_is_none_is_named_with_what_lists_them(live: LiveStage) -> None:
    """The other check of doctor would not get further."""
    for arguments in ((), ("--preflight",)):
        _, doctor = said("doctor", *arguments, "--profile", "nope")
        [line] = doctor["checks"]
        assert line["found"].endswith("(nope) could not be found; `aws configure list-profiles` lists the profiles")
        assert line["do"] is None


def test_the_region_is_taken_from_what_the_message_names(live: LiveStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every AWS SDK reads the same variable."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    _, doctor = said("doctor", "--preflight")
    [line] = doctor["checks"]
    variable = line["found"].rpartition("set ")[2]
    monkeypatch.setenv(variable, REGION)
    _, doctor = said("doctor", "--preflight")
    assert len(doctor["checks"]) > 1


def test_the_exit_code_is_the_worst_line() -> None:
    """A hint is no reason to stop a script."""
    lines = [Line("a", level, "found") for level in Level]
    assert [EXITS[worst(lines[: count + 1])] for count in range(len(lines))] == [
        Exit.DONE,
        Exit.DONE,
        Exit.WARNED,
        Exit.CHECK_FAILED,
    ]
    assert summary(lines) == "1 to fix, 1 to look at"


def test_what_to_do_stands_below_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    """In the same column; markup of Rich's and control characters are text."""
    show_lines([Line("a", Level.WARN, "found [bold]x[/bold]\x1b", "do\nthis")])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "warn  a  found [bold]x[/bold]?" + " " * 0,
        "         -> do?this",
    ]

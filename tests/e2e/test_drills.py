"""Drills with the deployed gate: every alarm reaches the topic, and the runbook's commands show what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from batchgate_cli.authoring import policy_file
from batchgate_cli.local.services import ACCOUNT, REGION
from tests.docs.transcripts import commands
from tests.e2e.conftest import POLICY
from tests.e2e.deployed_gate import DeployedGate, job_event, wait_for
from tests.e2e.test_delivery import nobody_takes_from_the_queue
from tests.e2e.test_policies import put_in_force
from tests.infra.cloudwatch import Sample, State, alarms_of

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
ALARMS = PAGE.split("\n## Alarms\n")[1].split("\n## ")[0]
BEFORE, *SECTIONS = ALARMS.split("\n### ")
MARK = "== section "
CAUSED = ("unreviewed-events", "undelivered-events", "events-wait", "paused", "unexpected-policy", "no-subscriber")
"""Each call of the AWS CLI takes a second. tests/docs/test_operations.py checks the names and options of the others."""

OF_MANIFESTS = {"manifest-not-read", "manifest-not-read-in-time", "manifest-rows-differ"}
"""Only a gate with `manifest_buckets` has them, which this one is not."""

AWS = """
aws() {
  local kept="$KEPT/$(printf '%s' "$*" | md5sum | cut -c1-32)"
  [ -f "$kept" ] || command aws "$@" --endpoint-url "$AWS_ENDPOINT_URL" > "$kept"
  cat "$kept"
}
"""
"""What was asked once is known. Version 1 of the AWS CLI reads the endpoint of SQS from nowhere but its option."""


def shell(gate: DeployedGate, script: str, **variables: str) -> str:
    """Run commands as the account's owner; what they print."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), str(Path(gate.aws_command).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=kept | gate.services.environment() | {"PATH": path, "AWS_CONFIG_FILE": os.devnull} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def typed(markdown: str) -> str:
    """The commands of a part of the page, but for those that it only shows."""
    shown = commands(markdown.replace("```console not run: needs an account", "```console"))
    return "".join(each.typed for each in shown)


def by_the_runbook(gate: DeployedGate, directory: Path, *names: str) -> dict[str, str]:
    """What the commands of these alarms' sections print."""
    sections = {each.partition("\n")[0]: each for each in SECTIONS}
    parts = "".join(f"echo '{MARK}{name}'\n{typed(sections[name])}" for name in names)
    printed = shell(gate, AWS + typed(BEFORE) + parts, KEPT=str(directory))
    found = [part.partition("\n") for part in printed.split(MARK)[1:]]
    return {name: text for name, _, text in found}


def active(gate: DeployedGate, assembly: Path, name: str, values: Sequence[float]) -> bool:
    """Whether an alarm of the deployed template is active after these values, one a minute."""
    alarm = alarms_of(json.loads((assembly / "batchgate.template.json").read_text()))[name]
    samples = [Sample(60 * minute + 30, value, 60 * minute + 30) for minute, value in enumerate(values)]
    return alarm.states(samples, minutes=len(values), extra=2)[-1] is State.ALARM


def visible(gate: DeployedGate, queue: str) -> float:
    """What SQS measures of a queue."""
    asked = "ApproximateNumberOfMessages"
    answer = gate.client("sqs").get_queue_attributes(QueueUrl=gate.outputs[queue], AttributeNames=[asked])
    return float(answer["Attributes"][asked])


def paused(gate: DeployedGate) -> float:
    """What the sweep measures now, by its line in the log."""
    gate.invoke("SweepFunction")
    return float([line["Paused"][0] for line in gate.log_lines() if "Paused" in line][-1])


@contextmanager
def another_policy(gate: DeployedGate) -> Iterator[None]:
    """By a hand at the console."""
    put_in_force(gate, policy_file.load_text(POLICY.read_text().replace("at_most: 3", "at_most: 4")).canonical_json)
    try:
        yield
    finally:
        put_in_force(gate, policy_file.load_text(POLICY.read_text()).canonical_json)


@contextmanager
def pause(gate: DeployedGate) -> Iterator[None]:
    """By the command."""
    shell(gate, "batchgate pause --reason 'incident 4711'")
    try:
        yield
    finally:
        shell(gate, "batchgate resume")


def test_the_runbook_shows_what_is_wrong_and_ends_it(gate: DeployedGate, assembly: Path, tmp_path: Path) -> None:
    """Dead letters of both kinds, a disabled mapping, a pause, a foreign policy, nobody subscribed: all at once."""
    with ExitStack() as causes:
        for cause in (nobody_takes_from_the_queue, another_policy, pause):
            causes.enter_context(cause(gate))
        jobs = [gate.create_job("S3PutObjectTagging", 2, team="lake") for _ in range(3)]
        failed, undelivered, waiting = jobs
        for job_id in jobs:
            wait_for("the job is suspended", partial(gate.is_suspended, job_id))
        gate.take(gate.outputs["JobEventQueue"])
        for queue, job_id in (("UnreviewedEvents", failed), ("UndeliveredEvents", undelivered)):
            event = json.dumps(job_event(job_id))
            gate.client("sqs").send_message(QueueUrl=gate.outputs[queue], MessageBody=event)
        gate.put_event(job_event(waiting))

        assert active(gate, assembly, "unreviewed-events", [visible(gate, "UnreviewedEvents")])
        assert active(gate, assembly, "undelivered-events", [visible(gate, "UndeliveredEvents")])
        assert visible(gate, "JobEventQueue") > 0
        assert active(gate, assembly, "events-wait", [60 * minute for minute in range(20)])
        assert active(gate, assembly, "paused", [paused(gate)])

        shown = by_the_runbook(gate, tmp_path, *CAUSED)
        assert failed in shown["unreviewed-events"]
        assert undelivered in shown["undelivered-events"]
        assert "Disabled" in shown["events-wait"]
        assert "incident 4711" in shown["paused"]
        assert len(shown["unexpected-policy"].splitlines()) > 1
        assert shown["no-subscriber"].strip() in ("", "None")

        shell(gate, "batchgate redrive --yes")
        for alarm, queue in (("unreviewed-events", "UnreviewedEvents"), ("undelivered-events", "UndeliveredEvents")):
            assert not active(gate, assembly, alarm, [visible(gate, queue)])
    assert not active(gate, assembly, "paused", [paused(gate)])
    assert [gate.decided(job_id)["outcome"] for job_id in jobs] == ["applied"] * 3
    wait_for("no event waits", lambda: visible(gate, "JobEventQueue") == 0)


def test_every_alarm_reaches_the_topic(gate: DeployedGate) -> None:
    """By the action of its own definition, with the name of its section."""
    sqs, sns, cloudwatch = gate.client("sqs"), gate.client("sns"), gate.client("cloudwatch")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:rung"
    may = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may | {"Resource": arn}]})
    url = sqs.create_queue(QueueName="rung", Attributes={"Policy": policy})["QueueUrl"]
    topic = gate.outputs["NoticesTopic"]
    subscribed = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    names = {each["AlarmName"] for each in cloudwatch.describe_alarms(MaxRecords=100)["MetricAlarms"]}
    sections = {each.partition("\n")[0] for each in SECTIONS} - OF_MANIFESTS
    assert {each.removeprefix("batchgate-") for each in names} == sections
    rung: dict[str, str] = {}

    def all_rung() -> bool:
        for body in gate.take(url):
            message = json.loads(json.loads(body)["Message"])
            rung[message["AlarmName"]] = message["AlarmDescription"]
        return rung.keys() >= names

    try:
        for name in names:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a drill")
        wait_for("every alarm has reached the topic", all_rung)
    finally:
        sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
        for name in names:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="the drill is over")
    for name, description in rung.items():
        assert description.endswith(f"docs/operations.md#{name.removeprefix('batchgate-')}")

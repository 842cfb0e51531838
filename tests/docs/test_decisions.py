"""The page and the schema of decisions say what is sent."""

import json
import re
from pathlib import Path

import boto3
from jsonschema import Draft202012Validator

from batchgate.contract import Metric
from docs.generate import decision_event
from tests.docs.transcripts import blocks

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "decisions.md").read_text()


def test_the_schema_is_the_one_of_the_code() -> None:
    """`make reference` writes it."""
    assert decision_event.SCHEMA_FILE.read_text() == decision_event.schema_text()
    schema = decision_event.event_schema()
    Draft202012Validator.check_schema(schema)
    assert all(member["description"] for member in schema["properties"].values())


def test_the_example_is_what_is_sent_and_fits_the_schema() -> None:
    """And something else does not fit."""
    example, _ = blocks(PAGE, "json")
    sent = decision_event.example_event()
    assert json.loads(example.text) == sent
    validator = Draft202012Validator(decision_event.event_schema())
    assert validator.is_valid(sent["detail"])
    assert not validator.is_valid({**sent["detail"], "total_tasks": "12"})


def test_the_example_rule_matches_the_example_event(local_s3: str) -> None:
    """Not one that a person decided."""
    _, rule = blocks(PAGE, "json")
    events = boto3.client(
        "events", endpoint_url=local_s3, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    event = decision_event.example_event()
    assert events.test_event_pattern(EventPattern=rule.text, Event=json.dumps(event))["Result"]
    event["detail"]["decided_by"] = "arn:aws:iam::123456789012:user/kim"
    assert not events.test_event_pattern(EventPattern=rule.text, Event=json.dumps(event))["Result"]


def test_every_metric_of_the_code_is_on_the_page() -> None:
    """And no other."""
    table = PAGE.partition("## Metrics")[2].partition("## Notices")[0]
    told = {name for row in re.findall(r"^\| ([A-Z][^|]*) \|", table, re.MULTILINE) for name in row.split(", ")}
    assert told == {str(each) for each in Metric}

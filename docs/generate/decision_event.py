"""The event "S3 Batch Job Decision" as JSON Schema and as an example, both made from the struct that is sent."""

import inspect
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from batchgate.aws.announcements import DecisionEvent
from batchgate.contract import DECISION_DETAIL_TYPE, SERVICE
from batchgate.gate.ports import Review
from batchgate.gate.state import Action
from batchgate.jobs.model import JobRef, JobStatus

SCHEMA_FILE: Final = Path(__file__).resolve().parents[1] / "decision-event.schema.json"

EXAMPLE: Final = Review(
    ref=JobRef("aws", "eu-central-1", "123456789012", "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"),
    at=datetime(2026, 3, 27, 6, 3, 44, tzinfo=UTC),
    action=Action.CANCELLED,
    status=JobStatus.SUSPENDED,
    id="00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c.2",
    verdict="cancel",
    reason="batchgate: cancelled by small: total_tasks is 12, want at most 5 [policy 7c41f09be2aa claim 5f3a91c2]",
    decided_by="7c41f09be2aa",
    policy_version="7c41f09be2aa",
    claim_id="5f3a91c2",
    attempt=1,
    operation="S3PutObjectTagging",
    total_tasks=12,
    suspended_at=datetime(2026, 3, 27, 6, 3, 40, tzinfo=UTC),
    governing=("small",),
)


def event_schema() -> dict[str, Any]:
    """The JSON Schema of the event's detail; new members may be added to it, none are taken away."""
    [schema], definitions = msgspec.json.schema_components([DecisionEvent], ref_template="#/$defs/{name}")
    [detail] = definitions.values()
    said, _, attributes = inspect.cleandoc(DecisionEvent.__doc__ or "").partition("Attributes:")
    words = _attributes(attributes)
    for name, member in detail["properties"].items():
        member["description"] = words.get(name, "")
        member.pop("default", None)
    assert schema  # noqa: S101 - one component, which is the reference to `detail`
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **detail,
        "title": DECISION_DETAIL_TYPE,
        "description": " ".join(said.split()),
    }


def _attributes(section: str) -> dict[str, str]:
    """What an `Attributes:` section says of each."""
    words: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, first = line.strip().partition(":")
            words[name] = first.strip()
        elif line.strip():
            words[name] += f" {line.strip()}"
    return words


def example_event() -> dict[str, Any]:
    """What a rule's target gets."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": DECISION_DETAIL_TYPE,
        "source": SERVICE,
        "account": EXAMPLE.ref.account_id,
        "time": "2026-03-27T06:03:44Z",
        "region": EXAMPLE.ref.region,
        "resources": [EXAMPLE.ref.arn],
        "detail": msgspec.to_builtins(DecisionEvent.of(EXAMPLE)),
    }


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(event_schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text())
    print(f"wrote {SCHEMA_FILE}")

"""The example recordings are what their script makes, and what their policies decided."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from batchgate.jobs.model import JobRef
from batchgate_cli.replay.recording import read_recording
from tests.cli.live import batchgate
from tests.flow.stage import ACCOUNT, REGION

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "docs" / "examples" / "replay"


def script() -> ModuleType:
    """docs/generate/recordings.py."""
    spec = importlib.util.spec_from_file_location("recordings", CHECKOUT / "docs" / "generate" / "recordings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demos_recording_is_made_again(tmp_path: Path) -> None:
    """`make recordings` writes the file that is there."""
    made = script()
    file = tmp_path / "demo.ndjson"
    made.write(made.demo(), file)
    assert file.read_bytes() == (EXAMPLES / "demo.ndjson").read_bytes()


def test_the_quarters_recording_is_made_again() -> None:
    """Its first forty jobs are, with their dates; the rest takes minutes."""
    made = script()
    quarter = made.Quarter()
    for at in made.creation_times(quarter.choose)[:40]:
        quarter.until(at)
        quarter.create()
    recorded = {each.job.ref.job_id: each.job for each in read_recording(EXAMPLES / "quarter.ndjson.gz")}
    assert len(recorded) == made.JOBS_OF_A_QUARTER
    again = quarter.stage.emulator.jobs()
    assert len(again) == 40
    for job in again:
        described = quarter.stage.s3control.describe(JobRef("aws", REGION, ACCOUNT, job.job_id))
        was = recorded[job.job_id]
        for member in ("creation_time", "suspended_date", "operation", "priority", "total_tasks"):
            assert getattr(was, member) == getattr(described, member)


def test_the_report_is_what_the_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make recordings` writes exactly this file, apart from the time of writing."""
    monkeypatch.chdir(EXAMPLES)
    policies = ("stricter.yaml", "--jobs", "quarter.ndjson.gz", "--against", "in-force.yaml")
    report = tmp_path / "report.html"
    assert batchgate("policy", "replay", *policies, "--html", str(report)).exit_code == 0
    written = re.compile(r"Written [0-9 :-]+ UTC")
    there = (EXAMPLES / "report.html").read_text(encoding="utf-8")
    assert written.sub("", report.read_text(encoding="utf-8")) == written.sub("", there)


@pytest.mark.parametrize(
    ("policies", "recording"),
    [("docs/examples/replay/in-force.yaml", "quarter.ndjson.gz"), ("policies/demo.yaml", "demo.ndjson")],
)
def test_the_policies_that_decided_change_nothing(policies: str, recording: str) -> None:
    """Of thousands of decisions at their instants, by policy and by people."""
    found = batchgate(
        "policy", "replay", str(CHECKOUT / policies), "--jobs", str(EXAMPLES / recording), "--fail-on", "change"
    )
    assert found.exit_code == 0, found.stdout

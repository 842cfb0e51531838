"""Draw the report of the recorded quarter by the stricter policies: `make pictures`."""

import argparse
import base64
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from batchgate.jobs.model import DateSurvives
from batchgate_cli.authoring import policy_file
from batchgate_cli.replay.recording import read_recording
from batchgate_cli.replay.replaying import recorded_jobs, replay
from batchgate_cli.replay.report import page
from tests.e2e.browser.devtools import driven, running_browser

CHECKOUT = Path(__file__).resolve().parents[3]
EXAMPLES = CHECKOUT / "docs" / "examples" / "replay"
NOW = datetime(2026, 9, 28, tzinfo=UTC)


def report() -> str:
    """The page: what the stricter policies would have done, compared with those in force."""
    stricter, in_force = (policy_file.load([EXAMPLES / f"{name}.yaml"]) for name in ("stricter", "in-force"))
    recording = read_recording(EXAMPLES / "quarter.ndjson.gz")
    jobs = recorded_jobs(recording, DateSurvives.UNKNOWN, NOW)
    return page(replay(jobs, stricter, in_force, "quarter.ndjson.gz"), NOW)


def draw(file: Path) -> None:
    """Write the picture of its first screen."""
    with TemporaryDirectory() as folder:
        written = Path(folder) / "report.html"
        written.write_text(report(), encoding="utf-8")
        with running_browser() as browser, driven(browser, written, width=1180, height=940) as tab:
            tab.media(prefers_color_scheme="light")
            file.write_bytes(base64.b64decode(tab.call("Page.captureScreenshot")["data"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "build" / "replay-report.png")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(out)
    sys.stdout.write(f"wrote {out}\n")

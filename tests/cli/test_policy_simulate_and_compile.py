"""`batchgate policy simulate` and `batchgate policy compile`, as a person or a script calls them."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from batchgate_cli.app import app
from batchgate_cli.authoring.week_view import LEGEND
from batchgate_cli.output import printable_in

CHECKOUT = Path(__file__).resolve().parents[2]
DEMO = str(CHECKOUT / "policies" / "demo.yaml")
SMALL_JOBS = str(CHECKOUT / "policies" / "examples" / "small-jobs.yaml")


def batchgate(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, list(arguments))


def test_a_week_is_shown_by_the_zones_clock_with_the_next_openings() -> None:
    """In a week in which clocks change, the change and the time that does not exist."""
    result = batchgate("policy", "simulate", DEMO, "--from", "2026-03-27", "--openings", "2")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Europe/Berlin, week of Mon 2026-03-23"
    assert "clocks go forward on Sun 2026-03-29: 02:00 to 03:00 does not exist" in result.stdout
    assert f"  Mon 03-23  {'·' * 44}████  22:00-24:00" in lines
    assert f"  Sun 03-29  ████--{'█' * 42}  00:00-24:00" in lines
    assert "    already open, to Fri 2026-03-27 06:00 +0100, 6 h" in lines
    assert "    Fri 2026-03-27 22:00 +0100 to Mon 2026-03-30 00:00 +0200, 2 d 1 h" in lines


def test_a_week_as_json_has_instants_with_their_offsets() -> None:
    """By the zone's clock, so that nobody converts."""
    found = json.loads(
        batchgate("policy", "simulate", DEMO, "--from", "2026-03-27", "--openings", "1", "-o", "json").stdout
    )
    [calendar] = found["calendars"]
    assert calendar["calendar"] == "nights"
    assert calendar["used_by"] == [{"statement": "copies-at-night", "kind": "policy", "closed": False}]
    assert calendar["clocks_change"] is True
    assert calendar["week"][6] == {
        "date": "2026-03-29",
        "open": [{"from": "2026-03-29T00:00:00+01:00", "to": "2026-03-30T00:00:00+02:00"}],
        "skipped": ["02:00-03:00"],
        "repeated": [],
    }
    assert calendar["openings"] == [
        {"opens": "2026-03-27T00:00:00+01:00", "closes": "2026-03-27T06:00:00+01:00", "open_before": True}
    ]


def test_the_picture_is_written_beside_the_output(tmp_path: Path) -> None:
    """Standard output stays JSON."""
    picture = tmp_path / "week.svg"
    result = batchgate("policy", "simulate", DEMO, "--svg", str(picture), "-o", "json")
    assert json.loads(result.stdout)["calendars"]
    assert result.stderr == f"note: wrote {picture}\n"
    assert picture.read_text().startswith("<svg ")


def test_a_stream_of_ascii_has_signs_for_open_hours() -> None:
    """Which differ from one another, and from a question mark."""
    shown = {sign: printable_in(sign, "ascii") for sign in LEGEND if not sign.isascii()}
    assert shown == {"█": "#", "▒": "+", "·": "."}


def test_a_set_without_windows_says_so() -> None:
    """An empty output would leave open whether anything was read."""
    assert batchgate("policy", "simulate", SMALL_JOBS).stdout == (
        "no condition of this policy set names a calendar, so no verdict depends on a window\n"
    )


@pytest.mark.parametrize("day", ["tomorrow", "03-27", "2026-02-29", "0001-01-01", "9999-12-31"])
def test_a_date_that_is_none_is_wrong_usage(day: str) -> None:
    """With what was expected, and no traceback."""
    result = batchgate("policy", "simulate", DEMO, "--from", day)
    assert result.exit_code == 2
    assert "--from: expected a " in result.stderr


@pytest.mark.parametrize("day", ["1900-01-01", "9900-12-31"])
def test_the_first_and_the_last_years_are_shown(day: str) -> None:
    """Whatever a calendar computes there."""
    assert batchgate("policy", "simulate", DEMO, "--from", day).exit_code == 0


@pytest.mark.parametrize("command", ["simulate", "compile"])
def test_an_invalid_policy_is_reported_as_everywhere(tmp_path: Path, command: str) -> None:
    """Exit status 3, the problems on standard error."""
    path = tmp_path / "policy.yaml"
    path.write_text("version: 2\n")
    result = batchgate("policy", command, str(path))
    assert result.exit_code == 3
    assert f"{path}:1:1: version: " in result.stderr
    assert result.stdout == ""


def test_the_compiled_document_is_the_one_whose_hash_is_the_version(tmp_path: Path) -> None:
    """Byte for byte, to standard output and to a file; and it is a policy file of the same version."""
    result = batchgate("policy", "compile", SMALL_JOBS)
    version = hashlib.sha256(result.stdout.encode()).hexdigest()[:12]
    assert result.stderr == f"note: policy version {version}\n"
    assert f"policy version {version}" in batchgate("policy", "check", SMALL_JOBS).stdout
    file = tmp_path / "compiled.yaml"
    written = batchgate("policy", "compile", SMALL_JOBS, "--to", str(file))
    assert written.stdout == ""
    assert written.stderr == f"note: policy version {version}, wrote {file}\n"
    assert file.read_text() == result.stdout
    assert batchgate("policy", "compile", str(file)).stdout == result.stdout


def test_the_indented_document_has_the_same_meaning() -> None:
    """Only line breaks and spaces differ."""
    plain, pretty = batchgate("policy", "compile", DEMO), batchgate("policy", "compile", DEMO, "--pretty")
    assert json.loads(pretty.stdout) == json.loads(plain.stdout)
    assert len(pretty.stdout.splitlines()) > 50

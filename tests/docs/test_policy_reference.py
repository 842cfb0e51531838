"""The reference page is current, complete, and true wherever it can be run."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from msgspec import UNSET

from batchgate.errors import PolicyError
from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy import calendars, model
from batchgate.policy.compile import compile_policies
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.cases import Coverage, read_cases, run_file
from batchgate_cli.authoring.check_descriptions import CHECKS, FORMS, LINTS_OF_ALL_CHECKS, LINTS_OF_TEXTS, NEVER
from batchgate_cli.authoring.key_descriptions import JOINING
from batchgate_cli.authoring.lint_file import LINTS_OF_FILES, located_findings
from batchgate_cli.authoring.operations import operation_parameters
from batchgate_cli.authoring.schema import policy_schema
from batchgate_cli.exits import TEST_EXIT_CODES_HELP, Exit
from docs.generate.policy_reference import PAGE, reference_markdown
from tests.docs.transcripts import Block, blocks

CHECKOUT = Path(__file__).resolve().parents[2]
TEXT = PAGE.read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())
TODAY = date(2026, 1, 1)
"""As of which the page's dates are to come."""

SCHEMA = Draft7Validator(policy_schema())
KINDS = ("", "refused", "condition", "conditions", "requirement", "calendar", "case")
YAML_BLOCKS = list(blocks(TEXT, "yaml"))
AROUND: Mapping[str, Any] = {
    "lists": {"sandboxes": ["111111111111"]},
    "budgets": [{"name": "team-month", "per": "month", "jobs": 5}],
    "calendars": {
        "nights": {"timezone": "UTC", "open": [{"days": ["mon"], "from": "22:00", "to": "06:00"}]},
        "freeze": {"timezone": "UTC", "open": [{"dates": ["12-20..01-06"]}]},
    },
}
"""What fragments may name."""


def plain(block: Block) -> Any:
    """What a block says, read as policies are."""
    return policy_file.read_plain(block.text.encode(), f"line {block.line}")[0]


def documents(block: Block) -> list[dict[str, Any]]:
    """The whole documents that a block is, or that are made around a fragment."""
    said = plain(block)
    match block.remark:
        case "" | "refused":
            return [said]
        case "condition":
            return [around(said)]
        case "conditions":
            return [around(condition) for condition in said]
        case "requirement":
            return [around(said)]
        case "calendar":
            return [{"version": 1, "calendars": said, "policies": [{"name": "p", "require": [{"window": "nights"}]}]}]
        case _:
            return []


def around(requirement: Any) -> dict[str, Any]:
    """A document that requires this."""
    return {"version": 1, **AROUND, "policies": [{"name": "p", "require": [requirement]}]}


def named(block: Block) -> str:
    """A block's place on the page."""
    return f"line {block.line} {block.remark or 'document'}"


def test_the_page_is_current() -> None:
    """`make reference` writes its tables anew."""
    assert reference_markdown() == TEXT


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=named)
def test_an_example_is_valid(block: Block) -> None:
    """A whole document as it is, a fragment where it belongs; by the reader and by the schema."""
    assert block.remark in KINDS
    for document in documents(block):
        if block.remark == "refused":
            with pytest.raises(PolicyError):
                compile_policies(document)
        else:
            compile_policies(document)
            assert not list(SCHEMA.iter_errors(document))


@pytest.mark.parametrize("block", [block for block in YAML_BLOCKS if not block.remark], ids=named)
def test_a_whole_example_has_no_findings(block: Block) -> None:
    """But what it silences with a reason."""
    assert located_findings(policy_file.load_text(block.text), TODAY) == []


def test_the_cases_pass(tmp_path: Path) -> None:
    """They are about the example that the README shows, and say every key that a case may have."""
    [block] = [block for block in YAML_BLOCKS if block.remark == "case"]
    example = CHECKOUT / "policies" / "examples" / "small-jobs.yaml"
    (tmp_path / example.name).write_text(example.read_text())
    file = tmp_path / "cases.yaml"
    file.write_text(block.text)
    outcomes = list(run_file(file, Coverage()))
    assert [(outcome.case.name, outcome.failures) for outcome in outcomes if outcome.failures] == []
    cases = read_cases(file)[0].cases
    for key in type(cases[0]).__struct_fields__:
        assert any(getattr(case, key) is not UNSET and f"{key}:" in block.text for case in cases), key


def test_every_check_has_its_section() -> None:
    """With what it looks at, its source, what it takes, its gaps, an example that uses it and its lints."""
    keys = [key for key in model.Condition.__struct_encode_fields__ if key not in JOINING]
    assert re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE) == keys
    assert list(CHECKS) == keys
    examples = [block for block in YAML_BLOCKS if block.remark == "condition"]
    assert [list(plain(block)) for block in examples] == [[key] for key in keys]
    for check in CHECKS.values():
        assert all((check.looks_at, check.source, check.takes, check.absent, check.unknown, check.unmeasurable))
        for said in (check.looks_at, check.source, check.remark, *({check.absent, check.unmeasurable} - {NEVER})):
            assert said in TEXT


def test_somebody_thought_of_lint_for_every_check() -> None:
    """A check names the lints that look at it; all of them exist."""
    for key, check in CHECKS.items():
        assert check.lints, key
        assert set(check.lints) <= set(LINTS_OF_FILES)
    assert {*LINTS_OF_ALL_CHECKS, *LINTS_OF_TEXTS} <= set(LINTS_OF_FILES)


OF_NO_CHECK = {
    *("expired-exception", "lifts-nothing", "approves-everything", "cancel-after-expiry", "cancel-before-grace"),
    *("slow-clock", "name-without-room", "unused-list", "fixed-zone", "lifts-for-every-job", "distant-expiry"),
    *("silence-without-reason", "unknown-lint", "unused-silence", "trusted-names-of-any-role"),
}


def test_each_lint_about_values_names_the_checks_that_it_looks_at() -> None:
    """Only lints on settings, on whole statements, calendars, lists, exceptions and comments name no check."""
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| +(.*?) ?\|$", TEXT, re.MULTILINE))
    without = {lint for lint in LINTS_OF_FILES if not rows[lint].strip()}
    assert without == OF_NO_CHECK


def test_every_lint_and_exit_code_is_on_the_page() -> None:
    """Each in a row of its table."""
    for lint in LINTS_OF_FILES:
        assert f"| `{lint}` |" in TEXT
    of_a_deployed_gate = {Exit.REFUSED, Exit.NOT_KNOWN_YET, Exit.WARNED, Exit.CHECK_FAILED}  # operations.md
    for code in set(Exit) - of_a_deployed_gate:
        assert f"| {int(code)} |" in TEXT
        assert code in {Exit.INTERRUPTED, Exit.PIPE_CLOSED} or f"{int(code)} " in TEST_EXIT_CODES_HELP


def test_the_forms_of_operands_are_used() -> None:
    """No form stands in the table that no check takes."""
    assert set(FORMS) <= {check.takes for check in CHECKS.values()}


def test_the_parameters_are_those_of_all_known_operations() -> None:
    """But of those that have none, which the page names."""
    without = KNOWN_OPERATIONS - {each.path.split(".")[0] for each in operation_parameters()}
    assert without == {"S3DeleteObjectTagging", "S3ReplicateObject"}
    assert all(f"`{name}`" in TEXT for name in without)


def test_links_lead_somewhere() -> None:
    """To a heading of this page, or to a file and its heading."""
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        aimed = (PAGE.parent / file) if file else PAGE
        assert aimed.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", aimed.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, target


def instants(opens: str, closes: str, day: date, zone: str = "Europe/Berlin") -> list[datetime]:
    """When a window of that day opens and closes."""
    rows = (calendars.OpenRow(frozenset(), (calendars.DateRange(day, day),), minutes(opens), minutes(closes)),)
    calendar = calendars.Calendar(calendars.parse_zone(zone), rows)
    start, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (day.year, day.year + 1))
    return list(calendar.changes(start, end))


def minutes(clock: str) -> int:
    """Minutes after midnight."""
    return calendars.parse_time(clock, closing=True)


def test_clock_changes_are_as_the_page_says() -> None:
    """`02:30` in Berlin on the days on which the clocks are changed."""
    assert '`"02:30"` in Europe/Berlin means 01:00 UTC on 2026-03-29' in FLAT
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    gap_ends = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert instants("02:30", "12:00", spring)[0] == gap_ends
    assert instants("00:00", "02:30", spring)[1] == gap_ends
    assert instants("02:30", "12:00", autumn)[0] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instants("00:00", "02:30", autumn)[1] == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_skipped_date_is_as_the_page_says() -> None:
    """In Apia the gap ended at local midnight, 10:00 UTC, of 2011-12-31."""
    assert "such as 2011-12-30 in Pacific/Apia" in FLAT
    found = instants("22:00", "06:00", date(2011, 12, 30), "Pacific/Apia")
    assert found == [datetime(2011, 12, 30, hour, tzinfo=UTC) for hour in (10, 16)]


def test_what_changes_a_version_is_as_the_page_says() -> None:
    """Meaning and words do, order and spelling do not."""
    assert "does not change the version; a different `description`, `message` or `because` does" in FLAT

    def version(**policy: Any) -> str:
        statement = {"name": "p", "require": [{"region": "eu-*"}, {"account": {"list": "sandboxes"}}], **policy}
        return compile_policies({"version": 1, **AROUND, "policies": [statement]}).version

    same = [{"account": ["111111111111"]}, {"region": ["eu-*"]}]
    assert version() == version(require=same) != version(description="x")
    assert version() != version(require=[{**same[0], "message": "x"}, same[1]])


def test_the_limit_of_a_file_is_as_the_page_says() -> None:
    """In KiB."""
    assert f"at most {policy_file.FILE_BYTES_AT_MOST >> 10} KiB" in TEXT

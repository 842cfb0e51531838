"""Findings in files: where they stand, and the comments that silence them."""

from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from batchgate_cli.authoring.lint_file import LINTS_OF_FILES, LocatedFinding, located_findings
from batchgate_cli.authoring.policy_file import load, load_text

TODAY = date(2026, 3, 27)

CLAIMED = """\
version: 1
policies:
  - name: copies{statement}
    match:
      - operation: S3PutObjectCopy
    require:
      - total_tasks: {{at_most: 100}}{requirement}
        unless:
          - tags: {{ticket: "CHG-*"}}{leaf}
"""
SILENCE = "# batchgate: allow(claimed-by-requester) because IAM lets only leads set the tag"


def found_in(text: str) -> list[tuple[int, str]]:
    """The lines and lints of what is found in a policy file."""
    return [(each.place.line, each.finding.lint) for each in located(text)]


def located(text: str) -> list[LocatedFinding]:
    """What is found in a policy file."""
    return located_findings(load_text(text, "approval.yaml"), TODAY)


def claimed(statement: str = "", requirement: str = "", leaf: str = "") -> str:
    """A policy file with one finding, and comments at the ends of three of its lines."""
    pieces = {"statement": statement, "requirement": requirement, "leaf": leaf}
    return CLAIMED.format(**{name: text and f"  {text}" for name, text in pieces.items()})


def above(text: str, line: int, *comments: str) -> str:
    """The file with comments on lines of their own before a line."""
    lines = text.splitlines()
    indent = " " * (len(lines[line - 1]) - len(lines[line - 1].lstrip()))
    lines[line - 1 : line - 1] = [indent + comment for comment in comments]
    return "\n".join(lines) + "\n"


def test_a_finding_stands_at_its_line_and_reads_as_one_line() -> None:
    """Place, lint, why and instead."""
    [finding] = located(claimed())
    assert str(finding.place) == "approval.yaml:9:20"
    assert str(finding).startswith(
        "approval.yaml:9:20: claimed-by-requester: anyone who may create the job can set the tag ticket, and then"
        " copies does not require total_tasks at most 100; add a role or an account to the condition"
    )


@pytest.mark.parametrize(
    "text",
    [
        claimed(leaf=SILENCE),
        claimed(requirement=SILENCE),
        claimed(statement=SILENCE),
        above(claimed(), 9, SILENCE),
        above(claimed(), 8, SILENCE),
        above(claimed(), 7, SILENCE),
        above(claimed(), 6, SILENCE),
        above(claimed(), 3, SILENCE),
    ],
    ids=[
        "at it",
        "at its requirement",
        "at its statement",
        "above it",
        "above its unless",
        "above its requirement",
        "above require",
        "above its statement",
    ],
)
def test_a_comment_at_or_above_a_finding_or_what_holds_it_silences_it(text: str) -> None:
    """Statement, list, requirement, condition and value, at the end of the line or above."""
    assert found_in(text) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (above(claimed(), 1, SILENCE), 10),
        (above(claimed(), 2, SILENCE), 10),
        (above(claimed(), 5, SILENCE), 10),
        (above(claimed(), 3, SILENCE, ""), 11),
        (claimed().replace("S3PutObjectCopy", f"S3PutObjectCopy  {SILENCE}"), 9),
        (claimed() + SILENCE + "\n", 9),
    ],
    ids=["above the file", "above the section", "above match", "a line too high", "on the line before", "below"],
)
def test_a_comment_elsewhere_silences_nothing_and_is_found_itself(text: str, line: int) -> None:
    """The finding stays, and the comment is told to be of no use."""
    found = found_in(text)
    assert (line, "claimed-by-requester") in found
    assert "unused-silence" in [lint for _, lint in found]
    assert len(found) == 2


def test_comments_above_one_another_are_all_about_the_line_below_them() -> None:
    """Two lints of one statement are silenced by two lines."""
    text = dedent("""\
        version: 1
        policies:
          # batchgate: allow(approves-everything) because the guardrails say it all
          # batchgate: allow(lambda-without-function) because there is no Lambda here
          - name: everything
            require: []
        """)
    assert found_in(text) == []
    assert found_in(text.replace("approves-everything", "claimed-by-requester")) == [
        (3, "unused-silence"),
        (5, "approves-everything"),
    ]


def test_a_comment_at_the_end_of_a_line_is_not_about_the_next() -> None:
    """What ends a line belongs to that line."""
    text = dedent("""\
        version: 1
        policies:
          - name: copies
            match:
              - region: EU-*  # batchgate: allow(impossible-value) because it is a joke
              - role: admin
            require:
              - operation: S3PutObjectCopy
        """)
    assert found_in(text) == [(6, "impossible-value")]


def test_a_comment_silences_its_own_lint_only() -> None:
    """Another lint in the same place is still found."""
    other = SILENCE.replace("claimed-by-requester", "not-on-tag")
    assert found_in(claimed(leaf=other)) == [(9, "claimed-by-requester"), (9, "unused-silence")]


def test_a_comment_without_a_reason_silences_nothing_and_is_found() -> None:
    """Whoever allows something says why."""
    for comment in (SILENCE.partition(" because")[0], SILENCE.partition("IAM")[0]):
        found = located(claimed(leaf=comment))
        assert [each.finding.lint for each in found] == ["claimed-by-requester", "silence-without-reason"]
        assert found[1].finding.instead == "# batchgate: allow(claimed-by-requester) because REASON"


def test_a_comment_for_a_lint_that_does_not_exist_is_found_with_the_nearest_name() -> None:
    """A misspelt name is no silence."""
    found = located(claimed(leaf=SILENCE.replace("requester", "requestor")))
    assert [each.finding.lint for each in found] == ["claimed-by-requester", "unknown-lint"]
    assert found[1].finding.instead == "write claimed-by-requester"
    assert located(claimed(leaf="# batchgate: allow() because"))[1].finding.lint == "unknown-lint"


def test_a_setting_a_list_and_a_calendar_are_silenced_where_they_stand() -> None:
    """What is no statement is silenced at its own line."""
    text = dedent("""\
        version: 1
        cancel_held_after: 60d  # batchgate: allow(cancel-after-expiry) because it never comes to that
        lists:
          spare: ["111111111111"]  # batchgate: allow(unused-list) because next quarter's policies name it
        calendars:
          # batchgate: allow(window-never-opens) because the freeze is over and stays as a pattern
          # batchgate: allow(unused-calendar) because the same
          freeze:
            timezone: UTC
            open:
              - dates: [2026-01-01..2026-01-07]
        """)
    assert found_in(text) == [(6, "unused-silence")]
    used = text + "policies:\n  - {name: p, match: [{operation: S3PutObjectAcl}], require: [{window: freeze}]}\n"
    assert found_in(used) == [(7, "unused-silence")]


def test_in_a_directory_a_comment_is_about_its_own_file(tmp_path: Path) -> None:
    """The same line of another file is another place."""
    (tmp_path / "a.yaml").write_text(claimed(leaf=SILENCE))
    (tmp_path / "b.yaml").write_text(claimed().replace("copies", "more-copies"))
    [finding] = located_findings(load([tmp_path]), TODAY)
    assert finding.place.file == str(tmp_path / "b.yaml")
    assert finding.place.line == 9


def test_findings_of_several_files_come_by_file_and_line(tmp_path: Path) -> None:
    """Whatever section a file begins with, its findings are read from top to bottom."""
    exception = "exceptions:\n  - {name: e, lifts: [p], match: [{role: a}], expires: 2020-01-01, because: CHG-1}\n"
    policy = "policies:\n  - {name: p, match: [{operation: S3PutObjectCopy}], require: [{role: b}]}\n"
    (tmp_path / "approval.yaml").write_text("version: 1\n" + exception + policy)
    assert [(each.place.line, each.finding.lint) for each in located_findings(load([tmp_path]), TODAY)] == [
        (3, "impossible-value"),
        (3, "expired-exception"),
        (5, "impossible-value"),
    ]


def test_every_lint_has_one_sentence_about_it() -> None:
    """The names are kebab-case, the sentences end and fit a line of help."""
    for name, sentence in LINTS_OF_FILES.items():
        assert name == name.lower().replace("_", "-")
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
        assert len(sentence) < 110


LANGUAGE_EXAMPLE = """\
version: 1
mode: enforce
unmatched: hold
ungated_jobs: report
cancel_held_after: 21d
lists:
  sandboxes: ["111111111111", "222222222222"]
calendars:
  nights:
    timezone: Europe/Berlin
    open:
      - {days: [mon, tue, wed, thu, fri], from: "22:00", to: "06:00"}
      - {days: [sat, sun]}
    closed: [2026-12-24..2027-01-02]
  freeze:
    timezone: Europe/Berlin
    open: [{dates: [12-20..01-06]}]
guardrails:
  - name: audit-report
    require:
      - report: {enabled: true, scope: AllTasks, bucket: "audit-${account}-${region}"}
        message: "reports go to the audit bucket: https://go/report"
    on_violation: cancel
  - name: ticket-above-10m
    require:
      - total_tasks: {at_most: 10_000_000}
        unless:
          - tags: {ticket: "CHG-*"}
  - name: retention-by-hand
    match:
      - operation: [S3PutObjectRetention, S3PutObjectLegalHold]
    require:
      - manual_approval: required
  - name: two-for-production
    match:
      - tags: {stage: prod}
    require:
      - manual_approval: {by: ["*:assumed-role/prod-owner/*"], at_least: 2}
  - name: no-bypass
    require:
      - operation_parameters: {S3PutObjectRetention.BypassGovernanceRetention: {not: true}}
    on_violation: cancel
policies:
  - name: checksums
    match:
      - operation: S3ComputeObjectChecksum
    require: []
  - name: sandbox
    match:
      - account: {list: sandboxes}
    require:
      - total_tasks: {at_most: 1_000_000}
  - name: lake-copies
    description: Copies out of the production lake.
    mode: shadow
    match:
      - operation: S3PutObjectCopy
      - source_buckets: {any: [lake-prod-*]}
    require:
      - any:
          - all: [{region: eu-*}, {window: nights}]
          - tags: {urgent: "INC-*"}
      - total_tasks: {at_most: 1_000_000}
      - total_tasks: {at_most: 100_000_000}
        on_violation: cancel
exceptions:
  - name: archive-migration
    lifts: [ticket-above-10m]
    match:
      - role: "arn:aws:iam::*:role/migrator"
    expires: 2026-03-31
    because: CHG-4411
"""


def test_in_the_example_of_the_language_only_what_is_true_is_found() -> None:
    """Three tags that anybody sets, two people of one role, an unused calendar, what may call any function."""
    assert found_in(LANGUAGE_EXAMPLE) == [
        (15, "unused-calendar"),
        (28, "claimed-by-requester"),
        (36, "dodged-by-requester"),
        (38, "too-many-approvals"),
        (48, "lambda-without-function"),
        (62, "claimed-by-requester"),
    ]
    later = located_findings(load_text(LANGUAGE_EXAMPLE), date(2027, 1, 3))
    assert {each.finding.lint for each in later} >= {"expired-exception", "closed-dates-past"}

"""What is wrong with policies and cases, in the forms of code review: SARIF, JUnit XML, GitHub's annotations."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Final
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from msgspec import Struct

from batchgate import __version__
from batchgate.errors import Place, Problem
from batchgate.jobs.model import Json
from batchgate_cli.authoring.cases import Outcome
from batchgate_cli.authoring.coverage import Part
from batchgate_cli.authoring.lint_file import LocatedFinding
from batchgate_cli.output import printable_line


class Level(StrEnum):
    """How bad it is; SARIF's and GitHub's word."""

    ERROR = "error"
    WARNING = "warning"


class Remark(Struct, frozen=True):
    """One thing to look at.

    Attributes:
        rule: What kind of thing it is: a finding's name, `invalid-policy`, `failed-case`, `not-exercised`.
        place: Where it stands; None where it is about no line.
        name: Of the case that failed; "" otherwise.
    """

    rule: str
    level: Level
    message: str
    place: Place | None
    name: str = ""


RULES: Final = {
    "invalid-policy": "A policy set that the gate would not load",
    "failed-case": "A test case whose job is decided differently than expected",
    "suspicious-case": "A test case that is probably not meant as it is written",
    "not-exercised": "A statement or requirement that no test case exercises",
}
"""Beside the lint's findings, whose message says all."""


def of_problems(problems: Iterable[Problem]) -> list[Remark]:
    """What makes files invalid."""
    return [
        Remark(
            "invalid-policy", Level.ERROR, f"{each.where}: {each.message}" if each.where else each.message, each.place
        )
        for each in problems
    ]


def of_findings(findings: Iterable[LocatedFinding], *, strict: bool) -> list[Remark]:
    """What is valid, and probably a mistake; an error where it fails the command."""
    level = Level.ERROR if strict else Level.WARNING
    return [
        Remark(each.finding.lint, level, f"{each.finding.why}; instead: {each.finding.instead}", each.place)
        for each in findings
    ]


def of_outcomes(outcomes: Iterable[Outcome]) -> list[Remark]:
    """Cases that failed, and those that are suspicious."""
    return [remark for each in outcomes for remark in _of_outcome(each)]


def _of_outcome(outcome: Outcome) -> Iterator[Remark]:
    place = outcome.place or Place(str(outcome.file), 1, 1)
    for failure in outcome.failures:
        message = f"{outcome.case.name}: {failure.what}: expected {failure.expected}, got {failure.actual}"
        yield Remark("failed-case", Level.ERROR, message, place, outcome.case.name)
    for warning in outcome.warnings:
        yield Remark("suspicious-case", Level.WARNING, warning.message, warning.place or place, outcome.case.name)


def of_coverage(parts: Iterable[Part], *, required: bool) -> list[Remark]:
    """What no case exercised; an error where it fails the command."""
    level = Level.ERROR if required else Level.WARNING
    return [
        Remark("not-exercised", level, f"{part.where}: no test case has it {words}", part.place)
        for part in parts
        for words in part.never
    ]


# --- SARIF --------------------------------------------------------------------------------------------

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def sarif(remarks: Sequence[Remark]) -> dict[str, Json]:
    """A SARIF log of one run. *Source*: SARIF 2.1.0, OASIS standard."""
    rules: list[Json] = [
        {"id": rule, "shortDescription": {"text": RULES.get(rule, rule.replace("-", " "))}}
        for rule in dict.fromkeys(each.rule for each in remarks)
    ]
    results: list[Json] = [
        {
            "ruleId": each.rule,
            "level": str(each.level),
            "message": {"text": each.message},
            "locations": [_location(each.place)] if each.place else [],
        }
        for each in remarks
    ]
    driver: dict[str, Json] = {"name": "batchgate", "semanticVersion": __version__, "rules": rules}
    run: dict[str, Json] = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _location(place: Place) -> dict[str, Json]:
    region: dict[str, Json] = {"startLine": place.line, "startColumn": place.column}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(place.file)}, "region": region}}


def _uri(file: str) -> str:
    """Relative, so that it is one of the repository's; an absolute path is a URI of its own."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


# --- GitHub's annotations -----------------------------------------------------------------------------


def annotations(remarks: Iterable[Remark]) -> list[str]:
    """Workflow commands. *Source*: GitHub Docs, "Workflow commands for GitHub Actions"."""
    return [_annotation(each) for each in remarks]


def _annotation(remark: Remark) -> str:
    at = remark.place
    named = {"file": at.file, "line": str(at.line), "col": str(at.column)} if at else {}
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**named, "title": remark.rule}.items())
    return f"::{remark.level} {properties}::{_data(remark.message)}"


def _data(text: str) -> str:
    """*Source*: actions/toolkit, packages/core/src/command.ts, escapeData."""
    return printable_line(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    """*Source*: the same, escapeProperty."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# --- JUnit XML ----------------------------------------------------------------------------------------


class Checked(Struct, frozen=True):
    """One test of a JUnit report.

    Attributes:
        suite: What it belongs to: a file.
        failures: What is wrong; empty where it passed.
    """

    suite: str
    name: str
    failures: tuple[str, ...] = ()
    line: int | None = None


def checked_files(paths: Iterable[str], remarks: Iterable[Remark]) -> list[Checked]:
    """Each policy file as a test, which errors fail."""
    by_file: dict[str, list[str]] = {path: [] for path in paths}
    for each in remarks:
        if each.level is Level.ERROR:
            place = f"{each.place}: " if each.place else ""
            by_file.setdefault(each.place.file if each.place else "policies", []).append(
                f"{place}{each.rule}: {each.message}"
            )
    return [Checked(file, "policy check", tuple(failures)) for file, failures in by_file.items()]


def tested_cases(outcomes: Iterable[Outcome], remarks: Iterable[Remark]) -> list[Checked]:
    """Each case as a test; and one more for what belongs to none of them and fails the command."""
    found = [
        Checked(
            str(each.file),
            each.case.name,
            tuple(f"{one.what}: expected {one.expected}, got {one.actual}" for one in each.failures),
            each.place.line if each.place else None,
        )
        for each in outcomes
    ]
    others = tuple(
        f"{each.place}: {each.message}" if each.place else each.message
        for each in remarks
        if each.level is Level.ERROR and each.rule != "failed-case"
    )
    return [*found, *([Checked("policy test", "cases", others)] if others else [])]


def junit(tests: Sequence[Checked]) -> str:
    """A JUnit report. *Source*: what GitLab and Jenkins read: testsuites, testsuite, testcase, failure."""
    root = Element("testsuites", {"name": "batchgate", **_counts(tests)})
    for suite in dict.fromkeys(each.suite for each in tests):
        own = [each for each in tests if each.suite == suite]
        part = SubElement(root, "testsuite", {"name": _xml(suite), **_counts(own)})
        for each in own:
            said = {"classname": _xml(suite), "name": _xml(each.name), "file": _xml(suite), "time": "0"}
            test = SubElement(part, "testcase", said | ({"line": str(each.line)} if each.line is not None else {}))
            if each.failures:
                failure = SubElement(test, "failure", {"message": _xml(each.failures[0]), "type": "failure"})
                failure.text = _xml("\n".join(each.failures))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _counts(tests: Sequence[Checked]) -> dict[str, str]:
    failed = sum(bool(each.failures) for each in tests)
    return {"tests": str(len(tests)), "failures": str(failed), "errors": "0"}


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write."""
    return "".join(
        each if each in "\t\n" or (each.isprintable() and each not in "\ufffe\uffff") else "?" for each in text
    )

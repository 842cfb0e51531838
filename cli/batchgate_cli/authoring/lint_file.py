"""Lint findings with the place in the file, and the comments that silence them.

`# batchgate: allow(LINT) because REASON` silences one lint at the end of a line for what begins on
that line, and on a line of its own for what begins on the next; what begins there may be a value, a
condition, a requirement or a whole statement, with everything in it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TypeAlias

from batchgate.errors import Place
from batchgate.policy import suggestions
from batchgate_cli.authoring.lint import LINTS, Finding, lint
from batchgate_cli.authoring.policy_file import LoadedPolicy, Silence

_Line: TypeAlias = tuple[str, int]

LINTS_OF_FILES: Mapping[str, str] = MappingProxyType(
    {
        **LINTS,
        "silence-without-reason": "A silencing comment without `because` and a reason; it silences nothing.",
        "unknown-lint": "A silencing comment for a lint that does not exist.",
        "unused-silence": "A silencing comment where there is nothing to silence.",
    }
)
"""The name of each lint that `located_findings` reports and one sentence about it."""


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """A finding and where it stands in a file."""

    place: Place
    finding: Finding

    def __str__(self) -> str:
        found = self.finding
        return f"{self.place}: {found.lint}: {found.why}; {found.instead}"


def located_findings(
    loaded: LoadedPolicy, today: date, manifest_buckets: Collection[str] | None = None
) -> list[LocatedFinding]:
    """Find what is probably a mistake in policy files, except what a comment allows with a reason.

    Args:
        loaded: The files' policies.
        today: The date, in UTC, from which on windows, closed dates and exceptions count.
        manifest_buckets: The deployment's setting of that name; None where no deployment is known.

    Returns:
        The findings in the order of files and lines, those about the silencing comments themselves among them.
    """
    silences = _Silences.of(loaded)
    found: list[LocatedFinding] = []
    used: set[Silence] = set()
    for finding in lint(loaded.document, loaded.policies, today, manifest_buckets):
        silencing = silences.of_finding(finding, loaded)
        used.update(silencing)
        if not silencing:
            found.append(LocatedFinding(_place(finding, loaded), finding))
    for silence in loaded.silences:
        if manifest_buckets is None and silence.lint == "setting-off":
            continue  # it is not known here whether there is anything to silence
        found += [LocatedFinding(silence.place, finding) for finding in _findings_on(silence, is_used=silence in used)]
    return sorted(found, key=lambda each: each.place)


def _place(finding: Finding, loaded: LoadedPolicy) -> Place:
    return loaded.place_of(finding.path) or Place("", 1, 1)


@dataclass(frozen=True, slots=True)
class _Silences:
    """The comments that have a reason, by the line of what they silence."""

    by_line: Mapping[_Line, Sequence[Silence]]

    @classmethod
    def of(cls, loaded: LoadedPolicy) -> "_Silences":
        """Comments above one another are all about the line below them."""
        written = {(place.file, place.line) for path, place in loaded.places.items() if path}
        alone = {_line(silence.place) for silence in loaded.silences} - written
        by_line: dict[_Line, list[Silence]] = {}
        for silence in loaded.silences:
            if silence.because is None:
                continue
            file, line = _line(silence.place)
            while (file, line) in alone:
                line += 1
            by_line.setdefault((file, line), []).append(silence)
        return cls(by_line)

    def of_finding(self, finding: Finding, loaded: LoadedPolicy) -> list[Silence]:
        """Those that silence a finding: on it, or on anything around it up to its statement."""
        lines = {_line(place) for place in _places_around(finding, loaded)}
        return [
            silence for line in sorted(lines) for silence in self.by_line.get(line, ()) if silence.lint == finding.lint
        ]


def _places_around(finding: Finding, loaded: LoadedPolicy) -> Iterator[Place]:
    path = finding.path
    yield _place(finding, loaded)
    for length in range(len(path), min(len(path), 2) - 1, -1):
        if path[:length] in loaded.places:
            yield loaded.places[path[:length]]


def _line(place: Place) -> _Line:
    return place.file, place.line


def _findings_on(silence: Silence, *, is_used: bool) -> Iterable[Finding]:
    lint_name = silence.lint
    if lint_name not in LINTS_OF_FILES:
        near = suggestions.nearest(lint_name, LINTS_OF_FILES)
        instead = f"write {near}" if near else "write the name that the finding has; docs/policy-reference.md lists all"
        yield Finding(
            "unknown-lint",
            (),
            f"there is no lint {lint_name}" if lint_name else "expected the name of a lint, got none",
            instead,
        )
    elif silence.because is None:
        why = f"this gives no reason why {lint_name} is intended here, so it silences nothing"
        yield Finding("silence-without-reason", (), why, f"# batchgate: allow({lint_name}) because REASON")
    elif not is_used:
        why = f"there is no {lint_name} here to silence"
        instead = "remove the comment, or move it to the line of the finding or directly above"
        yield Finding("unused-silence", (), why, instead)

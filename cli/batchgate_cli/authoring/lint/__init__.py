"""Findings: what is valid in a policy set and certainly not meant.

No finding is an error or a guess about a team's intentions: each describes what the document leads to and
what to write instead. A finding about what is meant after all can be silenced in its place, with a reason.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from batchgate.policy import model
from batchgate.policy.compiled import PolicySet
from batchgate_cli.authoring.lint.absent_parameters import lint_absent
from batchgate_cli.authoring.lint.approvals import lint_approvals
from batchgate_cli.authoring.lint.buckets import lint_wide_buckets
from batchgate_cli.authoring.lint.budgets import lint_budgets
from batchgate_cli.authoring.lint.contradictions import lint_contradictions
from batchgate_cli.authoring.lint.destinations import lint_destinations
from batchgate_cli.authoring.lint.exceptions import lint_exceptions
from batchgate_cli.authoring.lint.finding import LINTS, Finding, Path
from batchgate_cli.authoring.lint.list_elements import lint_elements
from batchgate_cli.authoring.lint.list_names import lint_list_names, names_as_text
from batchgate_cli.authoring.lint.located import locate
from batchgate_cli.authoring.lint.misread import lint_misread
from batchgate_cli.authoring.lint.names import lint_names, lint_unused
from batchgate_cli.authoring.lint.operations import lint_functions, lint_operation_names, lint_parameters
from batchgate_cli.authoring.lint.regular_expressions import lint_expressions
from batchgate_cli.authoring.lint.requester import lint_requesters_sizes, lint_requesters_words
from batchgate_cli.authoring.lint.statements import lint_statements, lint_unreadable_manifests
from batchgate_cli.authoring.lint.tags import lint_tags
from batchgate_cli.authoring.lint.times import lint_times
from batchgate_cli.authoring.lint.unmatched import lint_unmatched
from batchgate_cli.authoring.lint.unmeasured import lint_prices, lint_unmeasured
from batchgate_cli.authoring.lint.values import lint_values
from batchgate_cli.authoring.lint.windows import lint_either_window
from batchgate_cli.authoring.lint.zones import lint_zones

__all__ = ["LINTS", "Finding", "lint"]

_ORDER = (
    *("version", "mode", "unmatched", "ungated_jobs", "cancel_grace", "cancel_held_after", "approvals"),
    *("lists", "prices", "calendars", "budgets", "guardrails", "policies", "exceptions"),
    *("name", "description", "lifts", "match", "require", "unless", "expires"),
)
"""The order in which a document's keys are usually written; all others keep the order in which they are found."""


def lint(
    document: model.PolicyDocument,
    policies: PolicySet,
    today: date,
    manifest_buckets: Collection[str] | None = None,
) -> list[Finding]:
    """Find everything valid that is certainly not meant; never fails.

    Args:
        document: What to look at, in enforce or in shadow mode alike.
        policies: The same, compiled.
        today: The date, in UTC, from which on windows, closed dates and exceptions count.
        manifest_buckets: The deployment's setting of that name; None where no deployment is known.

    Returns:
        The findings in the document's order, none twice; empty for a set that is fine.
    """
    found = list(dict.fromkeys(_findings(document, policies, today, manifest_buckets)))
    causes = [finding for finding in found if finding.lint in _EXPLAINED_BY.values()]
    reported = [finding for finding in _first_of_each(found) if not _is_explained(finding, causes)]
    return sorted(reported, key=lambda finding: _position(finding.path, document))


_EXPLAINED_BY: Mapping[str, str] = {
    "matches-nothing": "empty-range",
    "parameter-of-other-operation": "absent-fails",
    **dict.fromkeys(
        ("impossible-value", "function-without-arn", "unknown-operation", "lambda-latest"), "list-name-as-text"
    ),
}
"""Findings that follow from another one in the same place, and that its `instead` takes away, too."""


def _is_explained(finding: Finding, causes: Collection[Finding]) -> bool:
    cause = _EXPLAINED_BY.get(finding.lint)
    return cause is not None and any(
        each.lint == cause and each.path[: len(finding.path)] == finding.path for each in causes
    )


def _findings(
    document: model.PolicyDocument, policies: PolicySet, today: date, manifest_buckets: Collection[str] | None
) -> Iterator[Finding]:
    located = locate(document, policies)
    yield from lint_times(located, policies, today)
    yield from lint_either_window(located, policies, today)
    yield from lint_zones(located)
    yield from lint_exceptions(located, today)
    yield from lint_names(located)
    by_text = names_as_text(located)
    yield from lint_list_names(by_text)
    yield from lint_unused(located, set(by_text.values()))
    yield from lint_values(located)
    yield from lint_expressions(located)
    yield from lint_wide_buckets(located)
    yield from lint_operation_names(located)
    yield from lint_statements(located)
    yield from lint_contradictions(located)
    yield from lint_destinations(located)
    yield from lint_unmatched(located)
    yield from lint_parameters(located)
    yield from lint_unreadable_manifests(located)
    yield from lint_unmeasured(located, manifest_buckets)
    yield from lint_prices(located)
    yield from lint_functions(located)
    yield from lint_requesters_words(located)
    yield from lint_requesters_sizes(located)
    yield from lint_absent(located)
    yield from lint_elements(located)
    yield from lint_tags(located)
    yield from lint_misread(located)
    yield from lint_approvals(located, policies)
    yield from lint_budgets(located)


def _first_of_each(found: list[Finding]) -> list[Finding]:
    """Of several findings of one lint in one place the first."""
    return list({(finding.lint, finding.path): finding for finding in reversed(found)}.values())[::-1]


def _position(path: Path, document: model.PolicyDocument) -> tuple[int, ...]:
    """Where a path stands in the document."""
    section = path[0] if path else ""
    if section in ("lists", "calendars"):
        names = list(document.lists if section == "lists" else document.calendars)
        path = (section, names.index(str(path[1])), *path[2:])
    return tuple(
        step if isinstance(step, int) else _ORDER.index(step) if step in _ORDER else len(_ORDER) for step in path
    )

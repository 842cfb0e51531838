"""The reference page of the policy language: its prose is written by hand, its tables are generated from the code.

`docs/policy-reference.md` contains both. `make reference` replaces the text between `<!-- made: NAME -->` and
`<!-- end -->`, and does not change the rest.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from batchgate.jobs.request_model import Kind
from batchgate.policy import model
from batchgate.policy.suggestions import WISHES
from batchgate_cli.authoring.check_descriptions import (
    BUCKETS,
    CHECKS,
    FORMS,
    LINTS_OF_ALL_CHECKS,
    LINTS_OF_TEXTS,
    NEVER,
    PARAMETERS,
    RANGE,
    TEXT,
    CheckDescription,
)
from batchgate_cli.authoring.key_descriptions import KEYS
from batchgate_cli.authoring.lint_file import LINTS_OF_FILES
from batchgate_cli.authoring.operations import (
    RequestParameter,
    element_members,
    generator_members,
    operation_parameters,
)
from batchgate_cli.authoring.schema import policy_schema
from batchgate_cli.commands.policy import app
from batchgate_cli.exits import Exit

DOCS = Path(__file__).resolve().parents[1]
PAGE = DOCS / "policy-reference.md"
SCHEMA_FILE = DOCS / "policy.schema.json"

SETTINGS = ("mode", "unmatched", "ungated_jobs", "cancel_grace", "cancel_held_after", "approvals")

_MADE = re.compile(r"(?P<begin><!-- made: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
_EXITS: Mapping[Exit, str] = {
    Exit.DONE: "done",
    Exit.FAILED: "failed: for example, a file can't be read, or AWS does not respond",
    Exit.USAGE: "wrong usage of the command",
    Exit.INVALID_POLICY: "the policy is invalid, or, with `--strict`, has findings",
    Exit.CASE_FAILED: "a test case failed, or, with `--require-coverage`, cases are missing",
    Exit.REFUSED: "AppConfig or the gate's validator refused the pushed policies",
    Exit.NOT_KNOWN_YET: "the outcome of a push is not known yet",
    Exit.WARNED: "a comparison is undecided",
    Exit.CHECK_FAILED: "a comparison, replay or preview found what `--fail-on` names, or a push was rolled back",
    Exit.INTERRUPTED: "interrupted",
    Exit.PIPE_CLOSED: "the reader of the output ended before all of it was written",
}


_LOOKED_AT: Mapping[str, str] = {
    **dict.fromkeys(LINTS_OF_ALL_CHECKS, "all"),
    **dict.fromkeys(LINTS_OF_TEXTS, "all that take text"),
}
"""The checks of a lint that belongs to no single check, in words."""


def reference_markdown() -> str:
    """The whole page as it should be: its prose unchanged, its tables generated again.

    Raises:
        KeyError: The page names a table that is not in `_PARTS`.
        OSError: The page can't be read.
    """

    def made(found: re.Match[str]) -> str:
        return found["begin"] + "\n" + "\n".join(_PARTS[found["name"]]()) + "\n\n" + found["end"]

    return _MADE.sub(made, PAGE.read_text(encoding="utf-8"))


def schema_json() -> str:
    """The JSON Schema as its file holds it."""
    return json.dumps(policy_schema(), indent=2) + "\n"


def main() -> None:
    """Write the schema and the page."""
    SCHEMA_FILE.write_text(schema_json(), encoding="utf-8")
    PAGE.write_text(reference_markdown(), encoding="utf-8")


# --- the generated parts --------------------------------------------------------------------------


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _settings() -> Iterator[str]:
    defaults = model.PolicyDocument(version=1)
    rows = (
        (f"`{key}`", f"`{getattr(defaults, key)}`" if getattr(defaults, key) else "", KEYS[model.PolicyDocument][key])
        for key in SETTINGS
    )
    return _table(("setting", "default", "meaning"), rows)


def _forms() -> Iterator[str]:
    return _table(("operand", "takes"), ((form, FORMS[form]) for form in (TEXT, RANGE, BUCKETS, PARAMETERS)))


def _overview() -> Iterator[str]:
    rows = ((f"[`{key}`](#{key})", check.looks_at, check.source, check.needs) for key, check in CHECKS.items())
    return _table(("check", "looks at", "source", "needs, and what happens without it"), rows)


def _wishes() -> Iterator[str]:
    rows = ((each.wish, each.why, each.instead) for each in WISHES)
    return _table(("what teams ask for", "why it can't be written", "what to do instead"), rows)


def _checks() -> Iterator[str]:
    for number, (key, check) in enumerate(CHECKS.items()):
        yield from ([""] if number else [])
        yield from (f"### `{key}`", "")
        yield from (check.looks_at, "")
        yield from ("```yaml condition", *check.example.splitlines(), "```", "")
        yield from (check.remark, "") if check.remark else ()
        yield from _facts(check)


def _facts(check: CheckDescription) -> Iterator[str]:
    takes = f"[{check.takes}](#operands)" if check.takes in FORMS else check.takes
    lints = ", ".join(f"`{lint}`" for lint in check.lints)
    said = {"absent": check.absent, "unknown": check.unknown, "unmeasurable": check.unmeasurable}
    yield f"* takes: {takes}"
    yield f"* needs: {check.needs}"
    yield from (f"* {word}: {when}" for word, when in said.items() if when != NEVER)
    yield f"* source: {check.source}"
    yield f"* lints: {lints}"


def _lints() -> Iterator[str]:
    by_lint = {lint: [f"`{key}`" for key, check in CHECKS.items() if lint in check.lints] for lint in LINTS_OF_FILES}
    rows = (
        (f"`{lint}`", words, _LOOKED_AT.get(lint) or ", ".join(by_lint[lint])) for lint, words in LINTS_OF_FILES.items()
    )
    return _table(("lint", "finds", "checks"), rows)


def _commands() -> Iterator[str]:
    return _table(
        ("command", "what it does"),
        ((f"`batchgate policy {name}`", (each.help or "").split("\n\n")[0]) for name, each in app.commands.items()),
    )


def _exits() -> Iterator[str]:
    return _table(("exit code", "meaning"), ((str(int(code)), words) for code, words in _EXITS.items()))


def _parameters(known: Sequence[RequestParameter]) -> Iterator[str]:
    rows = ((f"`{each.path}`", each.kind, ", ".join(f"`{value}`" for value in each.values)) for each in known)
    return _table(("path", "kind", "values"), rows)


def _elements() -> Iterator[str]:
    """The sub-paths of each list of structures, below its own path."""
    rows = (
        (f"`{each.path}`", f"`{member.path}`", member.kind, ", ".join(f"`{value}`" for value in member.values))
        for each in (*operation_parameters(), *generator_members())
        if each.shape.kind is Kind.LIST and each.shape.element is not None
        for member in element_members(each.shape.element)
    )
    return _table(("list", "sub-path", "kind", "values"), rows)


_PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "settings": _settings,
    "operands": _forms,
    "overview": _overview,
    "checks": _checks,
    "lints": _lints,
    "commands": _commands,
    "exit-codes": _exits,
    "operations": lambda: _parameters(operation_parameters()),
    "generator": lambda: _parameters(generator_members()),
    "elements": _elements,
    "wishes": _wishes,
}


if __name__ == "__main__":
    main()

"""The page of all messages that a policy author can cause: each input once, with the messages that it causes.

`docs/policy-messages.md` is written by `make reference`. A test checks that it is current, and that it has a message
from every place in the code that makes one.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from batchgate.errors import PolicyError
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.cases import Coverage, load_cases, run
from batchgate_cli.authoring.lint_file import located_findings
from docs.generate.policy_message_inputs import CASES, FILES, FINDINGS, POLICIES, SETS, Input

PAGE = Path(__file__).resolve().parents[1] / "policy-messages.md"
TODAY = date(2026, 11, 20)

_HEAD = """# Every message about a policy

What `batchgate policy check` and `batchgate policy test` print, each message once, below a file that causes it. A
message begins with file, line and column, then the place in the document. It states what was expected, what is there,
and what to do. [policy-reference.md](policy-reference.md) describes the language. `make reference` generates this page.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page.

    Attributes:
        checks: Whether its inputs are policies; they are test cases otherwise.
    """

    head: str
    about: str
    inputs: Sequence[Input]
    checks: bool = True


PARTS = (
    Part("What YAML can't read", "A part that can't be read is ignored; the rest is still checked.", FILES),
    Part("What the language does not have", "A problem makes a policy invalid.", POLICIES),
    Part("Several files", "Files that are given together are one policy set.", SETS),
    Part("Valid, but probably a mistake", "A finding makes a policy invalid with `--strict` only.", FINDINGS),
    Part("Test cases", "Messages of `batchgate policy test`. The tested policy is valid.", CASES, checks=False),
)


def messages_markdown() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for part in PARTS for line in _part(part))])


@cache
def messages_by_title() -> Mapping[str, Sequence[str]]:
    """What is printed about each input, by the input's title."""
    return {given.title: messages_of(given, checks=part.checks) for part in PARTS for given in part.inputs}


def messages_of(given: Input, *, checks: bool) -> list[str]:
    """What is printed about an input; paths as whoever stands in its directory sees them."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name).resolve()
        for file, content in given.files.items():
            (directory / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        given.prepare(directory)
        try:
            found = list(_of_policies(given, directory) if checks else _of_cases(directory))
        except PolicyError as error:
            found = [*map(str, error.problems), *getattr(error, "__notes__", [])]
    return [
        line.replace(f"{directory.resolve()}/", "").replace(f"{directory}/", "").replace(str(directory), ".")
        for line in found
    ]


def _of_policies(given: Input, directory: Path) -> Iterator[str]:
    loaded = policy_file.load([directory / file for file in given.load or given.files])
    for each in located_findings(loaded, TODAY, ()):
        yield f"{each.place}: {each.finding.lint}: {each.finding.why}"
        yield f"    instead: {each.finding.instead}"


def _of_cases(directory: Path) -> Iterator[str]:
    for tried in load_cases([directory / "cases.yaml"], Coverage()):
        for outcome in run(tried):
            yield from map(str, outcome.warnings)
            for failure in outcome.failures:
                yield f"{outcome.case.name}: {failure.what}: expected {failure.expected}, got {failure.actual}"


def _part(part: Part) -> Iterator[str]:
    yield from (f"## {part.head}", "", part.about, "")
    for given in part.inputs:
        yield from (f"### {given.title}", "")
        for name, text in _shown(given).items():
            yield from (f"```yml {name}", *text.rstrip("\n").split("\n"), "```", "")
        yield from ("```text", *messages_by_title()[given.title], "```", "")


def _shown(given: Input) -> Mapping[str, str]:
    if given.shown:
        return {"": given.shown}
    return {name: content for name, content in given.files.items() if isinstance(content, str) and name != "p.yaml"}


def main() -> None:
    """Write the page."""
    PAGE.write_text(messages_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()

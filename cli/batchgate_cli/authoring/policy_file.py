"""Reads policy files, YAML 1.2, into a policy set with the place (file, line, column) of every value."""

import errno
import os
import re
import shlex
import stat
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias
from warnings import catch_warnings, simplefilter

from msgspec import structs
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from batchgate.errors import Place, PolicyError, Problem
from batchgate.policy import model
from batchgate.policy.as_written import NUMBER_AT_MOST
from batchgate.policy.canonical import canonical_json
from batchgate.policy.compile import compile_document
from batchgate.policy.compiled import PolicySet
from batchgate.policy.deployed import EXACT_DIGITS
from batchgate.policy.validation import find_problems, find_reference_problems, read_document
from batchgate.text import shorten
from batchgate_cli.authoring.yaml_messages import in_plain_words
from batchgate_cli.authoring.yaml_recovery import without_part

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
DocumentPath: TypeAlias = tuple[str | int, ...]

FILE_BYTES_AT_MOST = 1 << 17
"""About 500 statements; larger sets are split into several files. A larger file would take seconds to read."""

BRACKETS_AT_MOST = 10_000
"""Opening brackets in a file: the parser's time is quadratic in those that are not closed."""

PARTS_LEFT_OUT_AT_MOST = 20
"""Parts that are not YAML, without which a file is read; of a file with more, only the first is reported."""

FOREIGN_AT_MOST = 3
"""Characters in a file that text does not have; a file with more is not taken for text."""

VALUES_AT_MOST = 100_000
"""Values in a file, with all aliases resolved."""

SETTINGS = ("mode", "unmatched", "ungated_jobs", "cancel_grace", "cancel_held_after", "approvals", "prices")
"""Settings, which only one file of a policy set may contain."""

_NAMED = ("lists", "calendars")
_LISTED = ("budgets", "guardrails", "policies", "exceptions")
_SUFFIXES = (".yaml", ".yml")
_SILENCE = re.compile(r"#\s*batchgate:\s*allow\((?P<lint>[a-z0-9-]*)\)(?:\s+because\s+(?P<because>\S.*))?")

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_UNPRINTABLE = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: YAML 1.2.2, 5.1, c-printable."""
_REPLACED = "\ufffd"
_STRING_TAG = "tag:yaml.org,2002:str"
_DIGITS_AT_MOST = 19
_SPECIAL: Mapping[Callable[[int], bool], str] = {
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file should contain, in the words of messages.

    Attributes:
        what: Such as `a policy document`.
        where_empty: What to do if it contains nothing.
        where_deep: What to do if it is nested too deeply.
    """

    what: str
    where_empty: str
    where_deep: str = "remove brackets or indentation"


POLICY = FileKind("a policy document", "`batchgate policy new` writes a first one", "any and all may be nested twice")


@dataclass(frozen=True, slots=True)
class Silence:
    """A comment `# batchgate: allow(LINT) because REASON`, and its place."""

    lint: str
    because: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A valid policy set and the place of every value in it.

    Attributes:
        document: All files as one document; statements in the order of the files and their lines.
        policies: The same, compiled.
        places: The place of each value, by its path.
        silences: The comments that silence findings.
        not_read: Subdirectories that have policy files, which were not read.
    """

    document: model.PolicyDocument
    policies: PolicySet
    places: Mapping[DocumentPath, Place]
    silences: tuple[Silence, ...]
    not_read: tuple[Path, ...] = ()

    @property
    def canonical_json(self) -> bytes:
        """The form that is deployed."""
        return canonical_json(self.document)

    def place_of(self, path: DocumentPath) -> Place | None:
        """Where a path, or the nearest thing around it, is written."""
        return _place_of(self.places, path)


def load(paths: Sequence[Path | str]) -> LoadedPolicy:
    """Read one policy set from files and directories (their *.yaml and *.yml files, without subdirectories).

    Raises:
        PolicyError: The set is invalid; with all problems, in the order of the files.
        OSError: A file can't be read.
    """
    found = list(files_of(paths))
    _reject_duplicates(found)
    files = [_read(read_file(path), str(path)) for path in found]
    if not files:
        raise PolicyError([Problem((), "expected policy files, got none")])
    not_read = tuple(below for path in map(Path, paths) if path.is_dir() for below in _directories_below(path))
    return replace(_evaluate(files), not_read=not_read)


def load_text(text: str, name: str = "<policy>") -> LoadedPolicy:
    """Read one policy set from a text in memory."""
    return _evaluate([_read(text.encode("utf-8", "surrogatepass"), name)])


def read_file(path: Path) -> bytes:
    """Read a regular file; reading anything else might never end.

    Raises:
        PolicyError: The path is a pipe, a device, a socket, or a link to no file.
        OSError: It can't be read.
    """
    kind = _special(path)
    if kind is not None:
        then = "correct or remove the link" if kind == _BROKEN else "write its output to a file and name that file"
        message = f"expected a file, got {kind}; {then}"
        raise PolicyError([Problem((), message, Place(str(path), 1, 1))])
    return path.read_bytes()


@dataclass(frozen=True, slots=True)
class PlainFile:
    """The content of any YAML 1.2 file, read the way policy files are read.

    Attributes:
        data: Plain data; None if the file can't be parsed.
        places: The place of each value, by its path.
        problems: What is not YAML 1.2, and duplicate keys.
        unreadable: Whether the file can't be parsed.
        left_out: The lines that could not be parsed and were left out.
    """

    data: Plain
    places: Mapping[DocumentPath, Place]
    problems: tuple[Problem, ...]
    unreadable: bool
    left_out: frozenset[int] = frozenset()

    def is_readable(self, problem: Problem) -> bool:
        """Whether a problem is about a line that was parsed, not about one that was left out."""
        return _is_readable(problem, self.left_out)

    def place_of(self, path: DocumentPath) -> Place | None:
        """Where a path, or the nearest thing around it, is written."""
        return _place_of(self.places, path)


def read_yaml(content: bytes, name: str, kind: FileKind = POLICY) -> PlainFile:
    """Read any YAML 1.2 file; problems are returned, not raised."""
    read = _read(content, name, kind)
    problems = (*read.problems, *read.too_large)
    return PlainFile(read.data, read.places, problems, read.unreadable, frozenset(read.left_out))


def read_plain(content: bytes, name: str) -> tuple[Plain, Mapping[DocumentPath, Place]]:
    """Read a YAML 1.2 file that must have no problems.

    Raises:
        PolicyError: It is not YAML 1.2, or has duplicate keys.
    """
    read = read_yaml(content, name)
    if read.problems:
        raise PolicyError(read.problems)
    return read.data, read.places


def _evaluate(files: Sequence["_Read"]) -> LoadedPolicy:
    """Check the shape of each file, then the references between all files, and compile."""
    for read in files:
        if _is_of_cases(read.data):
            read.unreadable = True
            read.problems.append(Problem((), f"{_GOT_CASES} {shlex.quote(read.places[()].file)}`", read.places[()]))
        elif isinstance(read.data, dict) and "version" not in read.data and {"Job", "JobArn"} & read.data.keys():
            read.unreadable = True
            message = f"{_GOT_A_JOB} {shlex.quote(read.places[()].file)}`"
            read.problems.append(Problem((), message, read.places[()]))
        elif not read.unreadable:
            read.note(_located(problem, read.places) for problem in find_problems(read.data, references=False))
            reported = {problem.path for problem in read.problems}
            read.note(problem for problem in read.too_large if problem.path not in reported)
    whole = files[0] if len(files) == 1 else _merge(files)
    problems = [problem for read in files for problem in read.problems]
    if len(files) > 1:
        problems += whole.problems
    if not any(
        read.unreadable or read.left_out for read in files
    ):  # a reference may be to something in a part that was not read
        problems += [
            _in_its_file(_located(problem, whole.places), whole) for problem in find_reference_problems(whole.data)
        ]
    if problems:
        order = {read.places[()].file: number for number, read in enumerate(files)}
        error = PolicyError(sorted(problems, key=lambda problem: _file_order(problem, order)))
        if any(_is_collision(problem, whole.places) for problem in problems):
            one = shlex.quote(files[0].places[()].file)
            error.add_note(
                f"these {len(files)} files are read together as one policy set; if each is a separate set, check"
                f" one at a time: batchgate policy check {one}"
            )
        raise error
    try:
        document = read_document(whole.data)
        policies = compile_document(document)
    except PolicyError as error:  # a problem of the whole set: it is too large
        raise PolicyError([_located(problem, whole.places) for problem in error.problems]) from error
    return LoadedPolicy(document, policies, whole.places, tuple(whole.silences))


_GOT_A_JOB = "expected a policy document, got a job; evaluate it with `batchgate policy explain POLICY --job"
_GOT_CASES = "expected a policy document, got a file of test cases; run it with `batchgate policy test"


def _is_of_cases(data: Plain) -> bool:
    return isinstance(data, dict) and "cases" in data and "policy" in data and "version" not in data


def _is_collision(problem: Problem, places: Mapping[DocumentPath, Place]) -> bool:
    """Whether a problem is that two files contain what only one may."""
    other = problem.related and _place_of(places, problem.related)
    return bool(other and problem.place and other.file != problem.place.file)


def _file_order(problem: Problem, order: Mapping[str, int]) -> tuple[int, int, int]:
    place = problem.place
    return (order.get(place.file, -1), place.line, place.column) if place else (-1, 0, 0)


def _located(problem: Problem, places: Mapping[DocumentPath, Place]) -> Problem:
    other = problem.related and _place_of(places, problem.related)
    message = f"{problem.message} ({other})" if other else problem.message
    return structs.replace(problem, place=_place_of(places, problem.path), message=message)


def _in_its_file(problem: Problem, whole: "_Read") -> Problem:
    """The same problem with statements counted within their file, where readers look for them."""

    def counted(path: DocumentPath) -> DocumentPath:
        return (path[0], whole.indices.get(path[:2], path[1]), *path[2:]) if len(path) > 1 else path

    message = problem.message
    if problem.related:
        message = message.replace(Problem(problem.related, "").where, Problem(counted(problem.related), "").where)
    return structs.replace(problem, path=counted(problem.path), message=message)


def _place_of(places: Mapping[DocumentPath, Place], path: DocumentPath) -> Place | None:
    return next((places[path[:length]] for length in range(len(path), -1, -1) if path[:length] in places), None)


def files_of(paths: Sequence[Path | str]) -> Iterator[Path]:
    """The files that `load` reads.

    Raises:
        PolicyError: A directory has none, or has something else under a policy file's name.
        OSError: A directory can't be listed.
    """
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(each for each in path.iterdir() if _is_named_as_policy(each))
            if not found:
                below = ", ".join(map(str, _directories_below(path)))
                hint = f"; name one of its subdirectories: {below}" if below else ""
                message = f"expected a directory with policy files (*.yaml), got none in {path}{hint}"
                raise PolicyError([Problem((), message)])
            _reject_non_files(found)
            yield from found
        else:
            yield path


def _is_named_as_policy(path: Path) -> bool:
    """Whether a name has a policy file's suffix in any letter case, so that no `.YAML` is left out silently."""
    return path.suffix.lower() in _SUFFIXES


def _reject_non_files(paths: Sequence[Path]) -> None:
    """Reject paths that are named as policy files and are none, such as broken symbolic links."""
    problems = [
        Problem((), f"expected a policy file, got {kind}; remove or rename it", Place(str(path), 1, 1))
        for path in paths
        if (kind := "a directory" if path.is_dir() else _special(path)) is not None
    ]
    if problems:
        raise PolicyError(problems)


def _special(path: Path) -> str | None:
    """What a path is that is neither a file nor a directory; None for these.

    Raises:
        OSError: It does not exist, or can't be looked at.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink() and error.errno in (errno.ENOENT, errno.ENOTDIR):
            return _BROKEN
        raise
    return next((words for is_one, words in _SPECIAL.items() if is_one(mode)), None)


_BROKEN = "a symbolic link to no file"


def _directories_below(path: Path) -> list[Path]:
    """The direct subdirectories that contain policy files; unreadable ones are skipped."""
    return sorted(below for below in path.iterdir() if below.is_dir() and _holds_policies(below))


def _holds_policies(path: Path) -> bool:
    try:
        return any(_is_named_as_policy(each) and each.is_file() and not _has_cases(each) for each in path.iterdir())
    except OSError:
        return False


def _has_cases(path: Path) -> bool:
    """Whether a file has test cases, and so no policies."""
    with path.open("rb") as file:
        return any(line.startswith(b"cases:") for line in file)


def _reject_duplicates(paths: Sequence[Path]) -> None:
    """Reject a file that is given twice, also through its directory or a link: its statements would be duplicates."""
    first: dict[str, Path] = {}
    problems: list[Problem] = []
    for path in paths:
        earlier = first.setdefault(os.path.realpath(path), path)  # Path.resolve raises for a loop before Python 3.13
        if earlier is not path:
            other = f" (as {earlier})" if str(earlier) != str(path) else ""
            problems.append(Problem((), f"this file is given twice{other}; name it once", Place(str(path), 1, 1)))
    if problems:
        raise PolicyError(problems)


# --- several files, one document --------------------------------------------------------------------


@dataclass(slots=True)
class _Read:
    """The content of one file.

    Attributes:
        unreadable: Whether nothing in the file can be checked.
        left_out: The lines, counted from 1, that could not be parsed and were left out.
        too_large: Numbers that nothing in a file may have; another number stands for each in the data.
        indices: For each statement and budget of several files, its index in its own file.
    """

    kind: FileKind = POLICY
    data: Plain = None
    places: dict[DocumentPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    unreadable: bool = False
    left_out: set[int] = field(default_factory=set)
    too_large: list[Problem] = field(default_factory=list)
    indices: dict[DocumentPath, int] = field(default_factory=dict)

    def note(self, problems: Iterable[Problem]) -> None:
        """Add problems, except those of lines that were left out: the author did not write what replaces them."""
        self.problems += [problem for problem in problems if _is_readable(problem, self.left_out)]


def _is_readable(problem: Problem, left_out: Collection[int]) -> bool:
    return not left_out or bool(problem.path and problem.place and problem.place.line not in left_out)


def _merge(files: Sequence[_Read]) -> _Read:
    """Merge files into one document; what only one of them may contain is a problem.

    The shape of each file has been checked before, so a part that can't be merged has a problem already.
    """
    whole = _Read()
    data: dict[str, Plain] = {"version": 1}
    for read in files:
        whole.silences += read.silences
        whole.places.setdefault((), read.places[()])
        for key, value in read.data.items() if isinstance(read.data, dict) else ():
            _merge_key(data, whole, key, value, read.places)
    whole.data = data
    return whole


def _merge_key(
    data: dict[str, Plain], whole: _Read, key: str, value: Plain, places: Mapping[DocumentPath, Place]
) -> None:
    if key in _LISTED and isinstance(value, list):
        here = data.setdefault(key, [])
        if isinstance(here, list):
            whole.indices |= {(key, len(here) + index): index for index in range(len(value))}
            _move(places, key, whole.places, offset=len(here))
            here.extend(value)
    elif key in _NAMED and isinstance(value, dict):
        named = data.setdefault(key, {})
        if isinstance(named, dict):
            for name in value.keys() & named.keys():
                _note_duplicate(whole, (key, name), places)
            _move(places, key, whole.places)
            data[key] = {**value, **named}
    elif key in SETTINGS:
        if key in data:
            _note_duplicate(whole, (key,), places)
        _move(places, key, whole.places)
        data.setdefault(key, value)


def _note_duplicate(whole: _Read, path: DocumentPath, places: Mapping[DocumentPath, Place]) -> None:
    first = _place_of(whole.places, path)
    message = f"also set in another file ({first}); set it once"
    whole.problems.append(Problem(path, message, _place_of(places, path), related=path))


def _move(
    places: Mapping[DocumentPath, Place], key: str, target: dict[DocumentPath, Place], *, offset: int = 0
) -> None:
    """Copy the places below one key; places that are there already stay."""
    for path, place in places.items():
        if path[:1] == (key,):
            shifted = (path[1] + offset, *path[2:]) if len(path) > 1 and isinstance(path[1], int) else path[1:]
            target.setdefault((key, *shifted), place)


# --- one file --------------------------------------------------------------------------------------


class _UnreadableError(Exception):
    """A file can't be parsed; nothing in it can be checked."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def _read(content: bytes, name: str, kind: FileKind = POLICY) -> _Read:
    read = _Read(kind, places={(): Place(name, 1, 1)})
    try:
        text = _decode(content, name, read)
        read.data = _NodeReader(name, read).value(_compose_readable_parts(text, name, read), ())
        read.silences = list(_silences(text, name))
    except _UnreadableError as error:
        read.unreadable = True
        read.problems.append(Problem((), str(error), Place(name, error.line, error.column)))
    except RecursionError:
        read.unreadable = True
        read.problems.append(
            Problem(
                (),
                f"expected {kind.what}, got a file that is nested too deeply; {kind.where_deep}",
                read.places[()],
            )
        )
    return read


def _decode(content: bytes, name: str, read: _Read) -> str:
    if len(content) > FILE_BYTES_AT_MOST:
        raise _UnreadableError(
            f"expected at most {FILE_BYTES_AT_MOST} bytes, got {len(content)}; split it into several files"
        )
    brackets = content.count(b"[") + content.count(b"{")
    if brackets > BRACKETS_AT_MOST:
        raise _UnreadableError(
            f"expected at most {BRACKETS_AT_MOST} brackets [ and {{, got {brackets}; split it into several files"
        )
    foreign: list[tuple[int, str]] = []
    text, rest = "", content.removeprefix(BOM_UTF8)
    while rest:
        try:
            text, rest = text + rest.decode(), b""
        except UnicodeDecodeError as error:
            text += rest[: error.start].decode()
            byte = f"0x{rest[error.start]:02x}"
            foreign.append((len(text), f"expected UTF-8, got the byte {byte}; save the file as UTF-8"))
            text, rest = text + _REPLACED, rest[error.end :]
            if len(foreign) > FOREIGN_AT_MOST:
                break
    foreign += [
        (each.start(), f"expected printable characters, got {each[0]!r}; remove it")
        for each in islice(_UNPRINTABLE.finditer(text), FOREIGN_AT_MOST + 1)
    ]
    for position, message in sorted(foreign):
        line, column = _line_of(text, position)
        if len(foreign) > FOREIGN_AT_MOST:
            raise _UnreadableError(message, line, column)
        if line not in read.left_out:
            read.problems.append(Problem((), message, Place(name, line, column)))
        read.left_out.add(line)
    return _UNPRINTABLE.sub(_REPLACED, text)


def _compose_readable_parts(text: str, name: str, read: _Read) -> ScalarNode | SequenceNode | MappingNode:
    """The file's nodes without the parts that are not YAML, each of which is a problem; raises if nothing is left."""
    try:
        return _compose(text, read.kind)
    except _UnreadableError as first:
        found, left, node = [first], text, None
        if any(line.startswith(("---", "...")) for line in text.splitlines()[first.line - 1 : first.line]):
            raise
        while node is None and len(found) <= PARTS_LEFT_OUT_AT_MOST:
            for part in without_part(left, found[-1].line):
                try:
                    node = _compose(part.text, read.kind)
                except _UnreadableError as error:
                    if error.line <= found[-1].line:
                        continue  # a larger part has to be left out
                    found.append(error)
                left = part.text
                read.left_out.update(part.left_empty)
                break
            else:
                break
        if node is None:  # further errors may only be consequences of the first
            read.left_out.clear()
            raise
        read.problems += [Problem((), str(error), Place(name, error.line, error.column)) for error in found]
        return node


def _compose(text: str, kind: FileKind) -> ScalarNode | SequenceNode | MappingNode:
    try:
        with catch_warnings():
            simplefilter("ignore", ReusedAnchorWarning)  # YAML 1.2 allows it; the later anchor counts
            node: ScalarNode | SequenceNode | MappingNode | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        if error.problem_mark or error.context_mark:
            found = in_plain_words(error, text)
            raise _UnreadableError(found.message, found.line, found.column) from error
        raise _UnreadableError(_INVALID_ESCAPE) from error
    except (YAMLError, ValueError, OverflowError) as error:
        raise _UnreadableError(_INVALID_ESCAPE) from error
    if node is None:
        got = "a file with only comments" if text.strip() else "an empty file"
        raise _UnreadableError(f"expected {kind.what}, got {got}; {kind.where_empty}")
    return node


_INVALID_ESCAPE = (
    "expected YAML, got an escape in double quotes that is not a valid character; write the character itself"
)


def _line_of(text: str, position: int) -> tuple[int, int]:
    lines = f"{text[:position]}x".splitlines()
    return len(lines), len(lines[-1])


def _silences(text: str, name: str) -> Iterator[Silence]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in _SILENCE.finditer(line):
            yield Silence(found["lint"], found["because"], Place(name, number, found.start() + 1))


@dataclass(slots=True)
class _NodeReader:
    """Converts YAML nodes to plain data by the YAML 1.2 core schema, and records the place of each value."""

    name: str
    read: _Read
    values: int = 0
    above: set[int] = field(default_factory=set)

    def value(self, node: ScalarNode | SequenceNode | MappingNode, path: DocumentPath) -> Plain:
        self.values += 1
        if self.values > VALUES_AT_MOST:
            message = f"expected at most {VALUES_AT_MOST} values with all aliases resolved, got more; use fewer aliases"
            place = self._place(node)
            raise _UnreadableError(message, place.line, place.column)
        self.read.places.setdefault(path, self._place(node))
        if str(node.ctag.handle or "") and str(node.tag) != _STRING_TAG:
            self._add_problem(
                path,
                f"expected no YAML tag, got {shorten(str(node.tag), 60)}; put text that begins with ! in quotes",
                self._place(node),
            )
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self.above:
            message = "expected a value, got an alias inside its own anchor; write the value out"
            place = self._place(node)
            raise _UnreadableError(message, place.line, place.column)
        self.above.add(id(node))
        try:
            return self._mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node, path)
        finally:
            self.above.discard(id(node))

    def _sequence(self, node: SequenceNode, path: DocumentPath) -> Plain:
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: DocumentPath) -> Plain:
        mapping: dict[str, Plain] = {}
        first: dict[str, Place] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, ScalarNode):
                self._add_problem(
                    path, "expected a text key, got a list or a mapping; write a key such as name:", place
                )
                continue
            key = str(key_node.value)
            if key in mapping:
                self._add_problem(
                    (*path, key), f"this key is given twice, first in line {first[key].line}; remove one", place
                )
                continue
            first[key] = place
            self.read.places[*path, key] = place
            mapping[key] = self.value(value_node, (*path, key))
        return mapping

    def _scalar(self, node: ScalarNode, path: DocumentPath) -> Plain:
        text = str(node.value)
        plain = node.style is None and not str(node.ctag.handle or "") and str(node.tag) != "!"
        return self._plain(text, path, node) if plain else text

    def _plain(self, text: str, path: DocumentPath, node: ScalarNode) -> Plain:
        if _NULL.fullmatch(text):
            return None
        if _BOOL.fullmatch(text):
            return text.lower() == "true"
        if _INT.fullmatch(text):
            digits = text.lstrip("+-").replace("_", "")
            if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
                self._add_problem(
                    path, f'expected a number without leading zeros; if it is text, write "{text}"', self._place(node)
                )
                return text
            if len(digits) > _DIGITS_AT_MOST:
                largest = f"write a number up to {NUMBER_AT_MOST}, or put text in quotes"
                message = f"expected at most {_DIGITS_AT_MOST} digits, got {len(digits)}; {largest}"
                self.read.too_large.append(Problem(path, message, self._place(node)))
                return -NUMBER_AT_MOST - 1 if text[0] == "-" else NUMBER_AT_MOST + 1
            return int(text.replace("_", ""), 0)
        if _FLOAT.fullmatch(text):
            digits = re.sub(r"[eE].*|[^0-9]", "", text).strip("0")
            if len(digits) > EXACT_DIGITS:
                self._add_problem(
                    path,
                    f"expected at most {EXACT_DIGITS} digits in a number with decimals, got {len(digits)}; write fewer,"
                    " or put text in quotes",
                    self._place(node),
                )
            return float(re.sub(r"\.(?=[iInN])|_", "", text))
        return text

    def _place(self, node: Node) -> Place:
        return Place(self.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def _add_problem(self, path: DocumentPath, message: str, place: Place) -> None:
        self.read.problems.append(Problem(path, message, place))

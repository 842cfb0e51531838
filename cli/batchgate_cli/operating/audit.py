"""The record of decisions as files for auditors: written so that nothing half written looks whole, and checked again.

manifest.json             what the export covers: days with their counts, files with their hashes, what is missing
SHA256SUMS                the same hashes, and that of the manifest, for `sha256sum --check`
decisions/DAY.ndjson      the decisions of a day (UTC) that has some, each with its history; or .csv
policies/VERSION.json     the policies of each version that the decisions name, in the form whose hash is the version
"""

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, TypeAlias

import msgspec

from batchgate import __version__
from batchgate.errors import GateError
from batchgate.text import shorten
from batchgate_cli.exits import os_error_in_words
from batchgate_cli.operating.wording import counted
from batchgate_cli.output import csv_cell

Decision: TypeAlias = Mapping[str, Any]
"""As GET /decisions has it, with `history`."""

SCHEMA: Final = 1
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
PAGE: Final = 100
SETTLED_AFTER: Final = timedelta(days=1)
"""How long after its end a day may still change: a day that was fetched before that is fetched again."""

_VERSION_DIGITS: Final = 12


class AuditError(GateError):
    """The record can't be exported or is not there; the message says what to do."""


class Form(StrEnum):
    """How the decisions are written."""

    NDJSON = "ndjson"
    CSV = "csv"


class GateRecord(Protocol):
    """The record as the gate's API has it."""

    place: str
    """The gate's account and Region."""

    def decisions(self, begin: datetime, end: datetime, token: str | None) -> Mapping[str, Any]:
        """One page of GET /decisions with all details: `decisions`, `next`, `not_listed`."""
        ...

    def policies(self, version: str) -> Mapping[str, Any] | None:
        """The document of one version; None where the gate does not have it any more."""
        ...


@dataclass(frozen=True, slots=True)
class Period:
    """From one instant on, up to and without another."""

    begin: datetime
    end: datetime

    def days(self) -> "Iterator[Period]":
        """Its parts, each within one day (UTC)."""
        begin = self.begin.astimezone(UTC)
        while begin < self.end:
            last = begin.date() == date.max
            midnight = self.end if last else datetime.combine(begin.date() + timedelta(days=1), time(), UTC)
            yield Period(begin, min(midnight, self.end))
            begin = midnight

    def __str__(self) -> str:
        return f"{self.begin.isoformat()} to {self.end.isoformat()}"


@dataclass(frozen=True, slots=True)
class Export:
    """What an export covers.

    Attributes:
        directory: Where it is.
        decisions: How many decisions.
        policies: How many versions of the policies.
        gaps: What the gate could not give, for people.
        sums_hash: The SHA-256 of SHA256SUMS: whoever knows it notices every change.
    """

    directory: Path
    decisions: int
    policies: int
    gaps: tuple[str, ...]
    sums_hash: str


# --- Exporting ----------------------------------------------------------------------------------------


def check_new(directory: Path) -> None:
    """Reject a directory that exists.

    Raises:
        AuditError: It does.
    """
    if directory.exists():
        raise AuditError(f"{directory}: it exists; name another one with --output-dir, or remove it")


def export_record(
    record: GateRecord,
    period: Period,
    form: Form,
    directory: Path,
    *,
    now: Callable[[], datetime],
    note: Callable[[str], None],
) -> Export:
    """Write the record of a period into a new directory.

    The directory appears when all of it is written. Until then what was fetched is in a directory beside it, and an
    export that was interrupted continues from there.

    Args:
        record: The gate's.
        period: Which decisions.
        form: How they are written.
        directory: Must not exist.
        now: The clock.
        note: Receives lines about the progress.

    Raises:
        AuditError: The directory exists, or what is beside it is of another export.
        GateError: The gate's API could not be called.
        OSError: Something could not be written.
    """
    check_new(directory)
    partial = directory.with_name(f"{directory.name}.partial")
    _begin(partial, {"schema": SCHEMA, "gate": record.place, "from": _text(period.begin), "to": _text(period.end)})
    fetched = {}
    days = list(period.days())
    for number, day in enumerate(days, 1):
        fetched[day] = _day(record, day, partial / "days" / f"{day.begin.date()}.json", now)
        note(f"day {number} of {len(days)}, {day.begin.date()}: {counted(len(fetched[day]['decisions']), 'decision')}")
    versions = sorted({version for each in fetched.values() for version in _versions(each["decisions"])})
    policies = {version: _policies(record, version, partial / "policies" / f"{version}.json") for version in versions}
    note(counted(len(versions), "policy version"))
    return _publish(record, period, form, directory, partial, fetched, policies, now())


def _begin(partial: Path, export: Mapping[str, Any]) -> None:
    """Make the directory of what is fetched, or continue in it."""
    partial.mkdir(parents=True, exist_ok=True)
    marker = partial / "export.json"
    if not marker.exists():
        _write(marker, _pretty(export))
    elif json.loads(marker.read_bytes()) != export:
        raise AuditError(f"{partial}: it is of another export; finish that one, or remove the directory")


def _day(record: GateRecord, day: Period, kept: Path, now: Callable[[], datetime]) -> dict[str, Any]:
    """The decisions of a day, sorted, and what could not be listed; as fetched before, if the day was long over."""
    if kept.exists() and datetime.fromtimestamp(kept.stat().st_mtime, UTC) >= day.end + SETTLED_AFTER:
        before: dict[str, Any] = json.loads(kept.read_bytes())
        return before
    decisions: dict[tuple[str, str], Decision] = {}
    not_listed: dict[str, Any] = {}
    token = None
    while True:
        page = record.decisions(day.begin, day.end, token)
        decisions |= {(str(each["decided_at"]), str(each["job_arn"])): each for each in page["decisions"]}
        not_listed |= {json.dumps(each, sort_keys=True): each for each in page.get("not_listed") or ()}
        token = page.get("next")
        if not token:
            break
    found = {
        "decisions": [decisions[key] for key in sorted(decisions)],
        "not_listed": [not_listed[key] for key in sorted(not_listed)],
    }
    _write(kept, _line(found))
    stamp = now().timestamp()
    os.utime(kept, (stamp, stamp))
    return found


def _policies(record: GateRecord, version: str, kept: Path) -> bytes | None:
    """The document of a version in the form whose hash is the version; None where the gate has none."""
    if not kept.exists():
        found = record.policies(version)
        if found is None:
            return None
        _write(kept, _line(found["document"]))
    return kept.read_bytes()


def _publish(
    record: GateRecord,
    period: Period,
    form: Form,
    directory: Path,
    partial: Path,
    fetched: Mapping[Period, Mapping[str, Any]],
    policies: Mapping[str, bytes | None],
    now: datetime,
) -> Export:
    whole = partial / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    files: dict[str, bytes] = {}
    days = []
    for day, each in fetched.items():
        name = f"decisions/{day.begin.date()}.{form}" if each["decisions"] else None
        if name:
            files[name] = _ndjson(each["decisions"]) if form is Form.NDJSON else _csv(each["decisions"])
        days.append(
            {
                "day": str(day.begin.date()),
                "decisions": len(each["decisions"]),
                "file": name,
                "not_listed": each["not_listed"],
                "records_left_out": sum(int(decision.get("history_left_out") or 0) for decision in each["decisions"]),
            }
        )
    files |= {f"policies/{version}.json": content for version, content in policies.items() if content is not None}
    missing = [version for version, content in policies.items() if content is None]
    manifest = {
        "schema": SCHEMA,
        "gate": record.place,
        "from": _text(period.begin),
        "to": _text(period.end),
        "format": str(form),
        "exported_at": _text(now),
        "exported_by": f"batchgate {__version__}",
        "decisions": sum(day["decisions"] for day in days),
        "days": days,
        "policies": [version for version in policies if version not in missing],
        "policies_not_found": missing,
        "files": {name: {"sha256": _hash(content), "bytes": len(content)} for name, content in sorted(files.items())},
    }
    files[MANIFEST] = _pretty(manifest)
    sums = "".join(f"{_hash(content)}  {name}\n" for name, content in sorted(files.items())).encode()
    for name, content in {**files, SUMS: sums}.items():
        _write(whole / name, content)
    whole.rename(directory)
    shutil.rmtree(partial, ignore_errors=True)
    return Export(directory, int(manifest["decisions"]), len(policies) - len(missing), gaps_of(manifest), _hash(sums))


def gaps_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What the gate could not give."""
    unlisted = sum(len(day["not_listed"]) for day in manifest["days"])
    left_out = sum(day["records_left_out"] for day in manifest["days"])
    gaps = []
    if unlisted:
        gaps.append(f"decisions whose item in the ledger can't be read: {unlisted}; manifest.json names them")
    if left_out:
        gaps.append(f"records of long histories that the gate's API left out: {left_out}")
    if manifest["policies_not_found"]:
        gaps.append(f"policies that AppConfig does not have: {', '.join(manifest['policies_not_found'])}")
    return tuple(gaps)


def _versions(decisions: Sequence[Decision]) -> Iterator[str]:
    """Every version of the policies that decisions and their histories name."""
    for decision in decisions:
        for each in (decision, *(decision.get("history") or ())):
            version = each.get("policy_version")
            if version:
                yield str(version)


# --- Checking -----------------------------------------------------------------------------------------


class _File(msgspec.Struct):
    sha256: str


class _DayOfManifest(msgspec.Struct):
    day: str
    decisions: int
    file: str | None
    not_listed: list[Any]
    records_left_out: int


class _Manifest(msgspec.Struct, rename={"from_": "from"}):
    """What of an export's manifest is read."""

    gate: str
    from_: Annotated[datetime, msgspec.Meta(tz=True)]
    to: Annotated[datetime, msgspec.Meta(tz=True)]
    format: Form
    exported_at: str
    decisions: int
    days: list[_DayOfManifest]
    policies: list[str]
    policies_not_found: list[str]
    files: dict[str, _File]


_MANIFEST: Final = msgspec.json.Decoder(_Manifest)


def verify_export(directory: Path, sums_hash: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """Check an export by itself: that each file is as it was written, that none is missing, and that the counts agree.

    Args:
        directory: The export.
        sums_hash: The SHA-256 of its SHA256SUMS, if it is known from elsewhere.

    Returns:
        The manifest, and what is wrong.

    Raises:
        AuditError: There is no export.
    """
    expected = "expected the directory that `batchgate audit export` wrote"
    try:
        sums, manifest_text = (directory / SUMS).read_bytes(), (directory / MANIFEST).read_bytes()
        manifest: dict[str, Any] = json.loads(manifest_text)
        known = _MANIFEST.decode(manifest_text)
    except OSError as error:
        raise AuditError(f"{os_error_in_words(error)}; {expected}") from error
    except (ValueError, RecursionError) as error:  # those of msgspec are ValueErrors
        raise AuditError(f"{directory}: can't be read as an export: {shorten(str(error), 200)}; {expected}") from error
    listed = {name: each.sha256 for name, each in known.files.items()}
    days: list[dict[str, Any]] = manifest["days"]
    problems = []
    if sums_hash is not None and _hash(sums) != sums_hash.lower():
        problems.append(f"{SUMS}: its SHA-256 is not the one that was given")
    expected = "".join(
        f"{hashed}  {name}\n" for name, hashed in sorted({**listed, MANIFEST: _hash(manifest_text)}.items())
    )
    if sums != expected.encode():
        problems.append(f"{SUMS}: does not agree with {MANIFEST}")
    there = {str(path.relative_to(directory)) for path in directory.rglob("*")}
    parts = {*listed, MANIFEST, SUMS}
    parts |= {str(folder) for name in parts for folder in Path(name).parents if (directory / folder).is_dir()}
    problems += [f"{name}: is not part of the export" for name in sorted(there - parts)]
    problems += [f"{name}: is a link" for name in sorted(there & parts) if (directory / name).is_symlink()]
    contents: dict[str, bytes] = {}
    for name, hashed in listed.items():
        if name not in there:
            problems.append(f"{name}: is missing")
        elif _hash(content := (directory / name).read_bytes()) != hashed:
            problems.append(f"{name}: was changed")
        else:
            contents[name] = content
    period = Period(known.from_, known.to)
    problems += _wrong_days(days, period)
    problems += [f"{MANIFEST}: does not list the file {name}" for name in _named_files(known) if name not in listed]
    named: set[str] = set()
    for day in days:
        problems += _wrong_day(day, contents, period, known.format, named)
    problems += _wrong_policies(manifest, contents, named)
    if sum(day["decisions"] for day in days) != manifest["decisions"]:
        problems.append(f"{MANIFEST}: the days' decisions do not add up to {manifest['decisions']}")
    return manifest, problems


def _named_files(manifest: _Manifest) -> Iterator[str]:
    """The files that days and policies must have."""
    yield from (day.file for day in manifest.days if day.file is not None)
    yield from (f"policies/{version}.json" for version in manifest.policies)


def _wrong_days(days: Sequence[Mapping[str, Any]], period: Period) -> Iterator[str]:
    if period.end < period.begin:
        yield f"{MANIFEST}: its period ends before it begins"
    # A period may end in the year 9999: compare with one day more than are listed, and not with all days of the period.
    expected = [str(day.begin.date()) for day in islice(period.days(), len(days) + 1)]
    if [day["day"] for day in days] != expected:
        yield f"{MANIFEST}: its days are not those from {expected[0] if expected else '?'} on, one after another"


def _wrong_day(
    day: Mapping[str, Any], contents: Mapping[str, bytes], period: Period, form: Form, named: set[str]
) -> Iterator[str]:
    """What is wrong with one day's file; adds the versions of the policies that it names."""
    name = day["file"]
    if name is None:
        if day["decisions"]:
            yield f"{MANIFEST}: {day['day']} has decisions and no file"
        return
    if name not in contents:
        return
    try:
        rows = list(_rows(contents[name], form))
        keys = [(str(row["decided_at"]), str(row["job_arn"])) for row in rows]
        instants = [(at, datetime.fromisoformat(at)) for at, _ in keys]
        if without_offset := [at for at, instant in instants if instant.tzinfo is None]:
            yield f"{name}: has an instant without a UTC offset: {without_offset[0]}"
            return
        strays = [at for at, instant in instants if str(instant.astimezone(UTC).date()) != day["day"]]
        outside = [at for at, instant in instants if not period.begin <= instant < period.end]
        named |= set(_versions(rows))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, csv.Error) as error:
        yield f"{name}: can't be read: {shorten(str(error), 200)}"
        return
    if len(rows) != day["decisions"]:
        yield f"{name}: has {len(rows)} decisions, and {MANIFEST} counts {day['decisions']}"
    if strays:
        yield f"{name}: has decisions of another day: {strays[0]}"
    elif outside:
        yield f"{name}: has decisions outside of the export's period: {outside[0]}"
    if len(set(keys)) != len(keys) or keys != sorted(keys):
        yield f"{name}: its decisions are not in order, or some of them occur twice"


def _rows(content: bytes, form: Form) -> Iterator[Decision]:
    if form is Form.NDJSON:
        yield from map(json.loads, content.decode().splitlines())
        return
    limit = csv.field_size_limit(max(len(content), csv.field_size_limit()))  # a long history is one field
    try:
        for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
            yield {**row, "history": json.loads(row["history"])}
    finally:
        csv.field_size_limit(limit)


def _wrong_policies(manifest: Mapping[str, Any], contents: Mapping[str, bytes], named: set[str]) -> Iterator[str]:
    for version in manifest["policies"]:
        content = contents.get(f"policies/{version}.json")
        if content is not None and _hash(content.rstrip(b"\n"))[:_VERSION_DIGITS] != version:
            yield f"policies/{version}.json: its content is that of another version"
    for version in sorted(named - {*manifest["policies"], *manifest["policies_not_found"]}):
        yield f"{MANIFEST}: decisions name the policies {version}, which it does not list"


# --- Files --------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    *("decided_at", "job_arn", "job_id", "account_id", "action", "decided_by", "people", "policy_version", "reason"),
    *("operation", "total_tasks", "governing", "requester", "shadow", "claim_id", "unattributed", "created_at"),
    *("suspended_at", "history_left_out", "history"),
)


def _ndjson(decisions: Sequence[Decision]) -> bytes:
    return b"".join(_line(each) + b"\n" for each in decisions)


def _csv(decisions: Sequence[Decision]) -> bytes:
    """A row a decision; lists as words, the history as JSON. What is a formula to a spreadsheet gets an apostrophe."""
    written = io.StringIO(newline="")
    rows = csv.DictWriter(written, _COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    rows.writeheader()
    for each in decisions:
        cells = {name: _cell(each.get(name)) for name in _COLUMNS}
        rows.writerow({**cells, "history": _line(each.get("history") or []).decode()})
    return written.getvalue().encode(errors="replace")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return csv_cell(" ".join(value))
    if isinstance(value, list | dict):
        return _line(value).decode()
    return str(value) if isinstance(value, int) else csv_cell(str(value))


def _line(value: object) -> bytes:
    """JSON in the one form that its hash is taken of: sorted, ASCII, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _pretty(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there with all of its content, or as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        finally:
            Path(file.name).unlink(missing_ok=True)

"""The record of decisions as files: all of it or nothing, the same each time, and every change is noticed."""

import contextlib
import csv
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchgate.errors import GateError
from batchgate_cli.operating.audit import (
    MANIFEST,
    SUMS,
    AuditError,
    Export,
    Form,
    Period,
    export_record,
    verify_export,
)

BEGIN, END = datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
DOCUMENTS: dict[str, dict[str, Any]] = {
    hashlib.sha256(json.dumps(each, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]: each
    for each in ({"version": 1, "policies": []}, {"version": 1, "policies": [{"name": "ä", "require": []}]})
}
OLD, NEW = DOCUMENTS


def decision(at: str, number: int, **changes: Any) -> dict[str, Any]:
    """One as GET /decisions has it."""
    job_id = f"00000000-0000-4000-8000-{number:012}"
    return {
        "job_id": job_id,
        "job_arn": f"arn:aws:s3:eu-central-1:111122223333:job/{job_id}",
        "account_id": "111122223333",
        "action": "approved",
        "decided_at": f"{at}+00:00",
        "reason": 'batchgate: approved, "as asked"',
        "decided_by": NEW,
        "people": [],
        "policy_version": NEW,
        "operation": "S3PutObjectCopy",
        "total_tasks": 40,
        "governing": ["copies", "small"],
        "requester": None,
        "shadow": False,
        "claim_id": "0a1b2c3d",
        "unattributed": False,
        "created_at": None,
        "suspended_at": None,
        "history": [{"at": f"{at}+00:00", "action": "held", "policy_version": OLD, "evidence": {"tags": {"a": "ö"}}}],
        "history_left_out": 0,
    } | changes


@dataclass
class Gate:
    """The gate's API, two decisions a page; fails when it is told to."""

    place: str = "account 111122223333 in eu-central-1"
    made: list[dict[str, Any]] = field(
        default_factory=lambda: [
            decision("2026-11-03T23:59:59.999999", 1),
            decision("2026-11-01T06:00:00", 2, action="cancelled"),
            *(decision("2026-11-01T08:00:00", number) for number in (5, 4, 3)),
        ]
    )
    not_listed: list[dict[str, Any]] = field(default_factory=list)
    documents: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(DOCUMENTS))
    asked: list[str] = field(default_factory=list)
    fails_at: Callable[[str], BaseException | None] = lambda what: None

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        failure = self.fails_at(what)
        if failure:
            raise failure

    def decisions(self, begin: datetime, end: datetime, token: str | None) -> Mapping[str, Any]:
        """Two a page, the latest first; the last page is empty."""
        self._ask(f"{begin.date()} {token}")
        within = [each for each in self.made if begin <= datetime.fromisoformat(each["decided_at"]) < end]
        start = int(token or 0)
        more = str(start + 2) if start < len(within) else None
        unlisted = self.not_listed if begin.day == 2 else []
        return {"decisions": within[start : start + 2], "next": more, "not_listed": unlisted}

    def policies(self, version: str) -> Mapping[str, Any] | None:
        """By version."""
        self._ask(version)
        document = self.documents.get(version)
        return {"version": version, "document": document} if document else None


def export(gate: Gate, directory: Path, form: Form = Form.NDJSON, *, now: datetime = NOW) -> Export:
    """Export three days, the first of them in part."""
    return export_record(gate, Period(BEGIN, END), form, directory, now=lambda: now, note=lambda line: None)


def files(directory: Path) -> dict[str, bytes]:
    """Every file's content."""
    return {str(each.relative_to(directory)): each.read_bytes() for each in directory.rglob("*") if each.is_file()}


@pytest.mark.parametrize("form", [*Form])
def test_every_decision_of_each_day_is_there_with_the_policies_that_it_names(tmp_path: Path, form: Form) -> None:
    """From the first instant of the period up to the last; a day without decisions is counted too."""
    done = export(Gate(), tmp_path / "audit", form)
    assert (done.decisions, done.policies, done.gaps) == (5, 2, ())
    assert {*files(tmp_path / "audit")} == {
        MANIFEST,
        SUMS,
        f"decisions/2026-11-01.{form}",
        f"decisions/2026-11-03.{form}",
        f"policies/{OLD}.json",
        f"policies/{NEW}.json",
    }
    manifest, problems = verify_export(tmp_path / "audit", done.sums_hash)
    assert problems == []
    assert [(day["day"], day["decisions"]) for day in manifest["days"]] == [
        ("2026-11-01", 4),
        ("2026-11-02", 0),
        ("2026-11-03", 1),
    ]
    assert not (tmp_path / "audit.partial").exists()


def test_ndjson_has_all_that_the_gate_gave(tmp_path: Path) -> None:
    """In the order of time, one line each."""
    gate = Gate()
    export(gate, tmp_path / "audit")
    lines = [
        json.loads(line)
        for name, content in sorted(files(tmp_path / "audit").items())
        if name.startswith("decisions/")
        for line in content.decode().splitlines()
    ]
    assert lines == sorted(gate.made, key=lambda each: (each["decided_at"], each["job_arn"]))


def test_csv_has_a_row_for_each_decision_and_no_formula(tmp_path: Path) -> None:
    """Quotes, line ends and what a spreadsheet would run: all of it is text."""
    hostile = decision(
        "2026-11-01T08:00:00", 9, reason='=HYPERLINK("http://x")\n"a",b', governing=["-1", "b"], operation="@x"
    )
    gate = Gate(made=[hostile, decision("2026-11-01T09:00:00", 8, total_tasks=-1, people=["arn:a", "arn:b"])])
    export(gate, tmp_path / "audit", Form.CSV)
    with (tmp_path / "audit/decisions/2026-11-01.csv").open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first["reason"] == '\'=HYPERLINK("http://x")\n"a",b'
    assert (first["governing"], first["operation"]) == ("'-1 b", "'@x")
    assert json.loads(first["history"]) == hostile["history"]
    assert (second["people"], second["total_tasks"], second["shadow"], second["requester"]) == (
        "arn:a arn:b",
        "-1",
        "false",
        "",
    )


def test_csv_with_the_longest_history_is_read_back(tmp_path: Path) -> None:
    """Python's csv refuses fields of more than 131,072 characters unless the limit is raised."""
    long = decision("2026-11-01T08:00:00", 9, history=[{"what": "held", "reason": "x" * 200}] * 1000)
    done = export(Gate(made=[long]), tmp_path / "audit", Form.CSV)
    assert verify_export(tmp_path / "audit", done.sums_hash)[1] == []


@pytest.mark.parametrize("form", [*Form])
@pytest.mark.parametrize("history", [[], None, "left out"])
def test_a_decision_without_a_history_is_read_back(tmp_path: Path, history: Any, form: Form) -> None:
    """Such as of a job that was confirmed in the console before any review."""
    made = decision("2026-11-01T08:00:00", 9, history=history, reason="\ud800")
    if history == "left out":
        del made["history"]
    done = export(Gate(made=[made]), tmp_path / "audit", form)
    assert verify_export(tmp_path / "audit", done.sums_hash)[1] == []


def test_a_policy_is_written_in_the_form_whose_hash_is_its_version(tmp_path: Path) -> None:
    """An auditor needs no batchgate for that."""
    export(Gate(), tmp_path / "audit")
    for version, document in DOCUMENTS.items():
        content = (tmp_path / f"audit/policies/{version}.json").read_bytes()
        assert hashlib.sha256(content).hexdigest().startswith(version)
        assert json.loads(content) == document


def test_the_hashes_are_as_sha256sum_takes_them(tmp_path: Path) -> None:
    """Every file but the list of hashes itself."""
    export(Gate(), tmp_path / "audit")
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path / "audit", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.count(": OK"), done.stderr) == (0, 5, "")


def test_two_exports_of_the_same_period_have_the_same_decisions_and_policies(tmp_path: Path) -> None:
    """Whoever doubts one makes another, at another time, and compares."""
    shuffled = Gate()
    shuffled.made.reverse()
    export(Gate(), tmp_path / "one")
    export(shuffled, tmp_path / "other", now=NOW + timedelta(days=9))
    one, other = files(tmp_path / "one"), files(tmp_path / "other")
    assert {name for name in one if one[name] != other[name]} == {MANIFEST, SUMS}


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), GateError("the API is away"), OSError("disk full")])
@pytest.mark.parametrize("at", ["2026-11-01 None", "2026-11-01 2", "2026-11-03 None", NEW])
def test_what_is_interrupted_leaves_nothing_that_looks_whole_and_goes_on(
    tmp_path: Path, failure: BaseException, at: str
) -> None:
    """Days and policies that were fetched are not fetched again; the result is that of one go."""
    gate = Gate(fails_at=lambda what: failure if what == at else None)
    with pytest.raises(type(failure)):
        export(gate, tmp_path / "audit")
    assert not (tmp_path / "audit").exists()
    again = Gate()
    export(again, tmp_path / "audit")
    assert gate.asked[-1] == at
    begun = at.partition(" ")[0]
    whole = {what.split(" ")[0] for what in gate.asked} - {begun}
    assert not whole & {what.split(" ")[0] for what in again.asked}
    export(Gate(), tmp_path / "in-one-go")
    assert files(tmp_path / "audit") == files(tmp_path / "in-one-go")


def test_a_day_that_was_not_long_over_is_fetched_again(tmp_path: Path) -> None:
    """Its decisions may have been written since."""
    interrupted = Gate(fails_at=lambda what: KeyboardInterrupt() if what == OLD else None)
    with pytest.raises(KeyboardInterrupt):
        export(interrupted, tmp_path / "audit", now=END + timedelta(hours=1))
    late = Gate()
    late.made.append(decision("2026-11-03T12:00:00", 7))
    assert export(late, tmp_path / "audit").decisions == 6
    assert [what.split(" ")[0] for what in late.asked if "None" in what] == ["2026-11-03"]


def test_another_export_is_not_continued(tmp_path: Path) -> None:
    """Of another period or gate: its days would be mixed with this one's."""
    with pytest.raises(KeyboardInterrupt):
        export(Gate(fails_at=lambda what: KeyboardInterrupt()), tmp_path / "audit")
    with pytest.raises(AuditError, match=r"audit\.partial: it is of another export"):
        export(Gate(place="account 444455556666 in eu-central-1"), tmp_path / "audit")


def test_an_export_is_never_overwritten(tmp_path: Path) -> None:
    """Nor anything else that is there."""
    export(Gate(), tmp_path / "audit")
    before = files(tmp_path / "audit")
    with pytest.raises(AuditError, match="it exists"):
        export(Gate(made=[]), tmp_path / "audit")
    assert files(tmp_path / "audit") == before


def test_what_the_gate_could_not_give_is_said(tmp_path: Path) -> None:
    """An export with gaps is none that looks complete."""
    gate = Gate(not_listed=[{"job_arn": None, "error": "STATE: can't be read"}])
    gate.made[0]["history_left_out"] = 3
    del gate.documents[OLD]
    done = export(gate, tmp_path / "audit")
    assert done.gaps == (
        "decisions whose item in the ledger can't be read: 1; manifest.json names them",
        "records of long histories that the gate's API left out: 3",
        f"policies that AppConfig does not have: {OLD}",
    )
    manifest, problems = verify_export(tmp_path / "audit")
    assert problems == []
    assert manifest["policies_not_found"] == [OLD]
    assert manifest["days"][1]["not_listed"] == [{"job_arn": None, "error": "STATE: can't be read"}]


# --- Checking ---------------------------------------------------------------------------------------


def _edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        path = directory / name
        path.write_bytes(change(path.read_bytes()))

    return edit


def _rewrite_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """As somebody does it who makes all hashes agree again."""

    def rewrite(directory: Path) -> None:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        change(manifest)
        for name in manifest["files"]:
            if (directory / name).exists():
                manifest["files"][name]["sha256"] = hashlib.sha256((directory / name).read_bytes()).hexdigest()
        (directory / MANIFEST).write_text(json.dumps(manifest))
        hashes = {name: each["sha256"] for name, each in manifest["files"].items()}
        hashes[MANIFEST] = hashlib.sha256((directory / MANIFEST).read_bytes()).hexdigest()
        (directory / SUMS).write_text("".join(f"{hashed}  {name}\n" for name, hashed in sorted(hashes.items())))

    return rewrite


def _linked(name: str) -> Callable[[Path], None]:
    def link(directory: Path) -> None:
        (directory / name).rename(directory.parent / name)
        (directory / name).symlink_to(directory.parent / name)

    return link


def _nothing(manifest: dict[str, Any]) -> None:
    pass


def _line_gone(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[1:])


def _second_as_first(content: bytes) -> bytes:
    first, _, *others = content.splitlines(keepends=True)
    return b"".join([first, first, *others])


TAMPERED: dict[str, tuple[list[Callable[[Path], None]], str]] = {
    "a decision is changed": (
        [_edit("decisions/2026-11-01.ndjson", lambda c: c.replace(b"cancelled", b"approved"))],
        "was changed",
    ),
    "a file is gone": ([lambda d: (d / "decisions/2026-11-03.ndjson").unlink()], "is missing"),
    "a file is added": ([lambda d: (d / "decisions/2026-11-02.ndjson").touch()], "is not part of the export"),
    "a policy is changed": ([_edit(f"policies/{OLD}.json", lambda c: c + b" ")], "was changed"),
    "the manifest is changed": (
        [_edit(MANIFEST, lambda c: c.replace(b'"decisions": 5', b'"decisions": 4'))],
        "does not agree",
    ),
    "a decision is gone, hashes agree": (
        [_edit("decisions/2026-11-01.ndjson", _line_gone), _rewrite_manifest(_nothing)],
        "has 3 decisions, and manifest.json counts 4",
    ),
    "a decision is gone, hashes and the day's count agree": (
        [
            _edit("decisions/2026-11-01.ndjson", _line_gone),
            _rewrite_manifest(lambda m: m["days"][0].update(decisions=3)),
        ],
        "do not add up to 5",
    ),
    "a day is gone, hashes agree": (
        [_rewrite_manifest(lambda m: m["days"].pop(1))],
        "its days are not those from 2026-11-01 on",
    ),
    "a decision of another day": (
        [
            _edit("decisions/2026-11-03.ndjson", lambda c: c.replace(b"2026-11-03T23", b"2026-11-02T23")),
            _rewrite_manifest(_nothing),
        ],
        "has decisions of another day",
    ),
    "a decision twice": (
        [
            _edit("decisions/2026-11-01.ndjson", _second_as_first),
            _rewrite_manifest(_nothing),
        ],
        "some of them occur twice",
    ),
    "decisions in another order": (
        [
            _edit("decisions/2026-11-01.ndjson", lambda c: b"".join(reversed(c.splitlines(keepends=True)))),
            _rewrite_manifest(_nothing),
        ],
        "its decisions are not in order",
    ),
    "a policy is another's, hashes agree": (
        [_edit(f"policies/{OLD}.json", lambda c: c.replace(b"1", b"2")), _rewrite_manifest(_nothing)],
        "its content is that of another version",
    ),
    "a policy is left out, hashes agree": (
        [
            lambda d: (d / f"policies/{OLD}.json").unlink(),
            _rewrite_manifest(lambda m: (m["policies"].remove(OLD), m["files"].pop(f"policies/{OLD}.json"))),
        ],
        f"decisions name the policies {OLD}, which it does not list",
    ),
    "a folder is added": ([lambda d: (d / "more").mkdir()], "more: is not part of the export"),
    "a link is added": ([lambda d: (d / "more").symlink_to("/")], "more: is not part of the export"),
    "a file is a link": (
        [_linked(SUMS)],
        "SHA256SUMS: is a link",
    ),
    "the period begins later": (
        [_rewrite_manifest(lambda m: m.update({"from": "2026-11-01T07:00:00+00:00"}))],
        "has decisions outside of the export's period: 2026-11-01T06:00:00+00:00",
    ),
    "the period ends before it begins": (
        [_rewrite_manifest(lambda m: m.update({"to": "2026-10-01T00:00:00+00:00"}))],
        "its period ends before it begins",
    ),
    "the period ends on the last of all days": (
        [_rewrite_manifest(lambda m: m.update({"to": "9999-12-31T23:00:00+00:00"}))],
        "its days are not those from 2026-11-01 on",
    ),
    "an instant has no offset": (
        [
            _edit("decisions/2026-11-03.ndjson", lambda c: c.replace(b".999999+00:00", b".999999")),
            _rewrite_manifest(_nothing),
        ],
        "has an instant without a UTC offset",
    ),
    "an instant is before all days": (
        [
            _edit(
                "decisions/2026-11-03.ndjson",
                lambda c: c.replace(b"2026-11-03T23:59:59.999999+00:00", b"0001-01-01T00:00:00+14:00"),
            ),
            _rewrite_manifest(_nothing),
        ],
        "can't be read",
    ),
    "a file is no JSON, hashes agree": (
        [_edit("decisions/2026-11-01.ndjson", lambda c: c[:-9]), _rewrite_manifest(_nothing)],
        "can't be read",
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_was_changed_is_noticed(tmp_path: Path, case: str) -> None:
    """Also where all hashes were made to agree again, as far as the export tells by itself."""
    export(Gate(), tmp_path / "audit")
    changes, found = TAMPERED[case]
    for change in changes:
        change(tmp_path / "audit")
    _, problems = verify_export(tmp_path / "audit")
    assert any(found in problem for problem in problems), problems


def test_whoever_knows_the_hash_notices_every_change(tmp_path: Path) -> None:
    """Even one that agrees with itself in all."""
    done = export(Gate(), tmp_path / "audit")
    shutil.rmtree(tmp_path / "audit")
    export(Gate(made=[]), tmp_path / "audit")
    assert verify_export(tmp_path / "audit")[1] == []
    _, problems = verify_export(tmp_path / "audit", done.sums_hash.upper())
    assert problems == ["SHA256SUMS: its SHA-256 is not the one that was given"]


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff", b'{"files": 7}'])
def test_what_is_no_export_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    """Not one without problems."""
    if content is not None:
        (tmp_path / MANIFEST).write_bytes(content)
        (tmp_path / SUMS).write_bytes(b"")
    expected = "can't be read as an export" if content is not None else "expected the directory that `batchgate audit"
    with pytest.raises(AuditError, match=expected):
        verify_export(tmp_path)


MEMBERS = (
    "gate",
    "from",
    "to",
    "format",
    "exported_at",
    "decisions",
    "days",
    "policies",
    "policies_not_found",
    "files",
)
MEMBERS_OF_A_DAY = ("day", "decisions", "file", "not_listed", "records_left_out")


@pytest.mark.parametrize("wrong", ["gone", 0.5, ["x"], {"x": "x"}, "x", None], ids=str)
@pytest.mark.parametrize("name", [*((None, each) for each in MEMBERS), *((0, each) for each in MEMBERS_OF_A_DAY)])
def test_a_manifest_that_is_none_is_an_error_or_a_problem(
    tmp_path: Path, name: tuple[int | None, str], wrong: object
) -> None:
    """Whichever member is missing or of another kind, although all hashes agree."""
    export(Gate(), tmp_path / "audit")
    manifest = json.loads((tmp_path / "audit" / MANIFEST).read_bytes())
    day, member = name
    within = manifest if day is None else manifest["days"][day]
    if wrong == "gone":
        del within[member]
    else:
        within[member] = wrong
    content = json.dumps(manifest).encode()
    (tmp_path / "audit" / MANIFEST).write_bytes(content)
    sums = (tmp_path / "audit" / SUMS).read_text("utf-8").splitlines()
    hashed = [each for each in sums if not each.endswith(MANIFEST)]
    hashed.append(f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}")
    (tmp_path / "audit" / SUMS).write_text("".join(f"{each}\n" for each in sorted(hashed, key=lambda x: x[66:])))
    problems: list[str] = []
    with contextlib.suppress(AuditError):
        _, problems = verify_export(tmp_path / "audit")
        assert problems or member in ("gate", "exported_at", "policies_not_found", "not_listed")  # nowhere else


@pytest.mark.parametrize("content", [b"[" * 100_000 + b"\n", b"[]\n", b"7\n", b"{}\n", b"\xff\n", b'{"a": 1\n'])
def test_decisions_that_are_none_are_a_problem(tmp_path: Path, content: bytes) -> None:
    """Although all hashes agree."""
    export(Gate(), tmp_path / "audit")
    (tmp_path / "audit" / "decisions/2026-11-01.ndjson").write_bytes(content)
    _rewrite_manifest(_nothing)(tmp_path / "audit")
    _, problems = verify_export(tmp_path / "audit")
    assert problems[0].startswith("decisions/2026-11-01.ndjson: can't be read: ")


def test_files_are_found_damaged_in_csv_too(tmp_path: Path) -> None:
    """The other form has the same checks."""
    export(Gate(), tmp_path / "audit", Form.CSV)
    for change in (
        _edit("decisions/2026-11-01.csv", lambda c: c[: c.rindex(b"\r\n", 0, -2) + 2]),
        _rewrite_manifest(_nothing),
    ):
        change(tmp_path / "audit")
    _, problems = verify_export(tmp_path / "audit")
    assert problems == ["decisions/2026-11-01.csv: has 3 decisions, and manifest.json counts 4"]

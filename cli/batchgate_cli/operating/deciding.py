"""A person's decisions on one job or many: shown, asked about once, and sent with the digest of what was shown."""

import csv
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import click

from batchgate.errors import GateError, JobDescriptionError, RefusedError
from batchgate.gate.state import RequestedAction
from batchgate.jobs.model import JobRef, JobStatus, Json
from batchgate.text import shorten
from batchgate_cli.exits import Exit, OutcomeUnknownError, reported_as, show_error
from batchgate_cli.operating.api_client import AT_ONCE, GateApi, ProblemError, at_once, decoded
from batchgate_cli.operating.api_documents import JobDocument
from batchgate_cli.operating.aws_output import Printer
from batchgate_cli.operating.confirm import DeclinedError, confirm
from batchgate_cli.operating.held_view import ID_AT_LEAST, beginnings
from batchgate_cli.operating.job_names import is_name
from batchgate_cli.operating.job_view import DONE, changed_lines, ended_in_words, plan_lines
from batchgate_cli.operating.options import GateAccessError
from batchgate_cli.operating.wording import bare, counted, minute, objects, obstacle
from batchgate_cli.output import print_line, printable_line, screen_width

_WORST_LAST: Final = (Exit.DONE, Exit.REFUSED, Exit.FAILED, Exit.NOT_KNOWN_YET)
_PATHS: Final = {RequestedAction.APPROVE: "approvals", RequestedAction.CANCEL: "cancellation"}
_OPEN: Final = frozenset({"held", "waiting"})
_ELSEWHERE: Final = frozenset({"superseded", "ungated", "ungated_or_confirmed_elsewhere", "lapsed"})
_NOT_SENT_YET: Final = "not sent"
_NAMES_AT_MOST: Final = 200
_WHOLE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|arn:\S+")
"""A job id as S3 makes them, or an ARN. *Source*: S3 User Guide, examples of jobs."""

_LOOKS_EVERY: Final = 0.2
"""Seconds between looks whether Ctrl-C was pressed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one job.

    Attributes:
        job: Its id, or what was given for it.
        answer: The API's; empty where it has none.
        code: The exit code of this job alone.
        text: In words.
        changed: The job as it is now, where it is not as it was shown.
    """

    job: str
    code: Exit
    text: str
    answer: Mapping[str, Any]
    error: str = ""
    changed: JobDocument | None = None

    @property
    def word(self) -> str:
        """One word: the API's, or how it failed."""
        words = {Exit.REFUSED: "refused", Exit.NOT_KNOWN_YET: "not known", Exit.FAILED: "failed"}
        return str(self.answer.get("action") or words.get(self.code, "failed"))

    def as_json(self) -> dict[str, Json]:
        """The stable JSON form: keys may be added, none change their meaning."""
        return {"job_id": self.job, **self.answer, "exit_code": int(self.code), "error": self.error or None}


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for.

    Attributes:
        reason: Why.
        account_id: The account that the jobs must be of; None where not given.
        yes: Do not ask.
        stdin_is_read: Standard input was the list.
    """

    requested_action: RequestedAction
    reason: str
    account_id: str | None
    yes: bool
    stdin_is_read: bool


def job_id_of(job: str, api: GateApi) -> str:
    """The id, or the beginning of one, that a person gave; of an ARN its id.

    Raises:
        GateAccessError: It is neither, or an ARN of another Region.
    """
    if job.startswith("arn:"):
        try:
            ref = JobRef.from_arn(job)
        except JobDescriptionError as error:
            raise GateAccessError(str(error)) from error
        if ref.region != api.region:
            raise GateAccessError(f"{job}: not a job of {api.region}; pass --region for the gate of another")
        return ref.job_id
    if not is_name(job):
        raise GateAccessError(f"expected a job's id, the beginning of one, or an ARN, got {shorten(job, 60)!r}")
    return job


def read_job(api: GateApi, job: str, account_id: str | None) -> tuple[JobDocument, dict[str, Any]]:
    """One job by its id, the beginning of an open job's id, or its ARN.

    Raises:
        GateAccessError: There is none, there are several, or it is of another account.
    """
    try:
        raw = api.get(f"/jobs/{job_id_of(job, api)}")
    except ProblemError as error:
        ids = error.document.get("jobs")
        if error.kind == "/problems/ambiguous" and isinstance(ids, list):
            raise GateAccessError(f"{error}: {', '.join(map(str, ids))}; give more of the id") from error
        raise
    document = decoded(raw, JobDocument)
    account = document.job_arn.split(":")[4] if document.job_arn.count(":") > 4 else ""  # noqa: PLR2004 - of an ARN
    if job.startswith("arn:") and document.job_arn != job:
        raise GateAccessError(f"{job}: not a job of the gate of account {account}; --profile chooses another")
    if account_id is not None and account != account_id:
        raise GateAccessError(f"{document.job_id}: a job of account {account}, and --account-id is {account_id}")
    return document, raw


def listed_jobs(text: str) -> list[str]:
    """Ids and ARNs of a list: those of a line between spaces or tabs, of CSV the first field. # begins a comment.

    A field in quotes may go over several lines: no text in one is taken for a job. Only whole ids are: any word or
    number may be the beginning of one.

    Raises:
        csv.Error: A field is too long to be an id, or is none.
    """
    found: list[str] = []
    lines = csv.reader(io.StringIO(text, newline=""))
    for first, *others in filter(None, lines):
        content = first.partition("#")[0].strip()
        words = [word for word in ([content] if others else content.split()) if word and word != "job_id"]
        if wrong := next((word for word in words if not _WHOLE.fullmatch(word)), None):
            raise csv.Error(
                f"line {lines.line_num}: expected a whole job id or ARN, got {shorten(printable_line(wrong), 60)!r}; "
                "nothing was done (`batchgate jobs held -o csv` prints such a list)"
            )
        found += words
    return found


def decide(api: GateApi, jobs: Sequence[str], request: Request, printer: Printer, now: Callable[[], datetime]) -> Exit:
    """Show, ask, and send.

    Returns:
        The worst of the jobs' exit codes; that of an interruption before all.

    Raises:
        DeclinedError: A person said no. Nothing was done.
        GateError: The only job can't be decided.
    """
    unique = [*dict.fromkeys(jobs)]
    if request.yes:
        _reject_short(unique)
    for_people = printer.is_for_people
    shown, unread = _read_all(api, unique, request)
    if len(unique) == 1 and unread:
        raise unread[0][1]
    done = [_failed(job, error) for job, error in unread]
    interrupted = False
    if shown:
        _show_plan(shown, request, now(), len(unique), for_people=for_people)
        for each in done:
            show_error(each.text)
        confirm(
            f"{request.requested_action} {_these(len(shown))}?", yes=request.yes, stdin_is_read=request.stdin_is_read
        )
        results, interrupted = _send_until_settled(api, shown, request, now, for_people=for_people)
        done += results
    if len(unique) == 1 and done[0].error:
        show_error(done[0].text)
    if not for_people:
        rows: list[Json] = [each.as_json() for each in done]
        printer.print(str(request.requested_action), {"jobs": rows, "counts": {**_counts(done)}}, rows)
    elif len(unique) > 1:
        _show_summary(done, interrupted=interrupted)
    worst = max((each.code for each in done), key=_WORST_LAST.index, default=Exit.DONE)
    return Exit.INTERRUPTED if interrupted else worst


def _reject_short(jobs: Sequence[str]) -> None:
    """Reject beginnings that a word or number may be by chance, where nobody looks before the jobs are decided.

    Raises:
        click.UsageError: One is so short.
    """
    if short := next((job for job in jobs if len(job) < ID_AT_LEAST), None):
        raise click.UsageError(
            f"expected a job's id or ARN, or with --yes at least {ID_AT_LEAST} characters of the id, got "
            f"{printable_line(short)!r}; nothing was done"
        )


def _send_until_settled(
    api: GateApi,
    shown: Mapping[str, JobDocument],
    request: Request,
    now: Callable[[], datetime],
    *,
    for_people: bool,
) -> tuple[list[Outcome], bool]:
    """Send all; what has changed meanwhile is shown and asked about again, as often as it changes.

    Returns:
        What came of each job, and whether it was interrupted.
    """
    done: list[Outcome] = []
    while True:
        results, interrupted = _send_all(api, shown, request, for_people=for_people)
        changed = {each.job: each.changed for each in results if each.changed is not None}
        if interrupted or request.yes or not changed:
            return [*done, *results], interrupted
        done += [each for each in results if each.job not in changed]
        for job_id, document in changed.items():
            for line in changed_lines(shown[job_id], document):
                print_line(*line, err=not for_people)
        _show_plan(changed, request, now(), len(changed), for_people=for_people)
        question = (
            f"{request.requested_action} {_these(len(changed))} as {'it is' if len(changed) == 1 else 'they are'} now?"
        )
        try:
            confirm(question, yes=False, stdin_is_read=request.stdin_is_read)
        except DeclinedError:
            if not done:
                raise
            return [*done, *(each for each in results if each.job in changed)], False
        shown = changed


def _these(count: int) -> str:
    return "this job" if count == 1 else f"these {count} jobs"


# --- Reading ------------------------------------------------------------------------------------------


def _read_all(
    api: GateApi, jobs: Sequence[str], request: Request
) -> tuple[dict[str, JobDocument], list[tuple[str, GateError]]]:
    """Every job by its whole id, once; and what can't be decided, with why."""
    found: dict[str, JobDocument] = {}
    failed: list[tuple[str, GateError]] = []

    def read(job: str) -> tuple[str, JobDocument | GateError]:
        try:
            document, _ = read_job(api, job, request.account_id)
        except GateError as error:
            return job, error
        state, status = document.state, (document.job or {}).get("status")
        if document.digest is None:
            return job, RefusedError(f"{document.job_id}: S3 does not show it: {document.error}")
        if state is not None and state.phase == "settled" and status != JobStatus.SUSPENDED:
            at = f"at {minute(state.decided_at)} UTC" if state.decided_at else "already"
            return job, RefusedError(f"{document.job_id}: this job was settled {at}: {ended_in_words(state)}")
        return job, document

    with _Progress("reading", len(jobs)) as progress:
        for job, result in at_once(read, jobs):
            progress.step()
            if isinstance(result, GateError):
                failed.append((job, result))
            else:
                found[result.job_id] = result
    order = {job: number for number, job in enumerate(jobs)}
    return {job: found[job] for job in sorted(found, key=lambda each: _place(each, order))}, failed


def _place(job_id: str, order: Mapping[str, int]) -> int:
    """Where a job stands in the list, by whatever of it was given."""
    return min((number for given, number in order.items() if job_id in given or job_id.startswith(given)), default=0)


class _Progress:
    """A counter on the terminal of standard error, while something takes long; nothing where there is none."""

    def __init__(self, word: str, total: int) -> None:
        self.word, self.total, self.count = word, total, 0
        self.is_shown = total > AT_ONCE and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def step(self) -> None:
        """One more is done."""
        self.count += 1
        if self.is_shown:
            sys.stderr.write(f"\r{self.word} {self.count} of {self.total}")
            sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        if self.is_shown:
            sys.stderr.write("\r" + " " * 40 + "\r")
            sys.stderr.flush()


def _show_plan(
    shown: Mapping[str, JobDocument], request: Request, now: datetime, asked: int, *, for_people: bool
) -> None:
    """One job with all that an approver needs, or a table and a total."""
    err = not for_people
    if asked == 1:
        [document] = shown.values()
        for line in plan_lines(document, request.requested_action, request.reason, now):
            print_line(*line, err=err)
        return
    width = screen_width()
    short = beginnings([*shown]) if width is not None else {each: each for each in shown}
    rows = [_plan_row(short[job_id], document) for job_id, document in shown.items()]
    if width is None:
        for row in rows:
            print_line(f"  {'  '.join(row)}", err=err)
    else:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = "  ".join(f"{cell:<{each}}" for cell, each in zip(row, widths, strict=True))
            print_line(f"  {shorten(cells.rstrip(), max(20, width - 2), sentence=True)}", err=err)
    sizes = [document.total_tasks or 0 for document in shown.values()]
    unknown = sizes.count(0)
    of_unknown = f" and {counted(unknown, 'job')} of unknown size" if unknown else ""
    total = f"{counted(len(shown), 'job')}, {objects(sum(sizes)) if sum(sizes) else 'no known size'}{of_unknown}"
    verdicts = [document.would or "nothing" for document in shown.values()]
    says = ", ".join(f"{verdict} ({verdicts.count(verdict)})" for verdict in dict.fromkeys(verdicts))
    reason = f"; the policies say {says}; reason: {printable_line(request.reason)}"
    print_line((f"{request.requested_action} {total}", "bold"), reason, err=err)
    if request.requested_action is RequestedAction.APPROVE:
        _show_not_counted(shown, short, err=err)


def _show_not_counted(shown: Mapping[str, JobDocument], short: Mapping[str, str], *, err: bool) -> None:
    """Of which jobs the caller's approval would not count, by why."""
    found: dict[str, list[str]] = {}
    for job_id, document in shown.items():
        if not document.your_approval.counts:
            found.setdefault(document.your_approval.why_not, []).append(short[job_id])
    for why_not, names in found.items():
        of = f" of {counted(len(names), 'job')} ({shorten(', '.join(names), _NAMES_AT_MOST, sentence=True)})"
        print_line(("your approval would not count", "bold yellow"), f"{of}: {printable_line(why_not)}", err=err)


def _plan_row(name: str, document: JobDocument) -> tuple[str, ...]:
    state = document.state
    why = (
        obstacle(state.reason)
        if state is not None and state.phase == "held"
        else f"{(document.job or {}).get('status')}"
    )
    return (
        name,
        printable_line(document.operation or "unknown operation"),
        objects(document.total_tasks),
        why,
    )


# --- Sending ------------------------------------------------------------------------------------------


def _send_all(
    api: GateApi, shown: Mapping[str, JobDocument], request: Request, *, for_people: bool
) -> tuple[list[Outcome], bool]:
    """Send all. After Ctrl-C nothing more is sent, and the answers of what was sent are waited for.

    Returns:
        What came of each job, and whether it was interrupted.
    """
    pool = ThreadPoolExecutor(AT_ONCE, "api")
    waiting: dict[Future[Outcome], str] = {
        pool.submit(_send, api, document, request): job_id for job_id, document in shown.items()
    }
    results: list[Outcome] = []
    told, total = 0, len(waiting)
    with _interruptions() as pressed:
        while waiting:
            ended, _ = wait(waiting, timeout=_LOOKS_EVERY, return_when=FIRST_COMPLETED)
            for future in ended:
                job_id = waiting.pop(future)
                outcome = _not_sent(job_id) if future.cancelled() else future.result()
                results.append(outcome)
                _show_result(outcome, len(results), total, for_people=for_people)
            if len(pressed) > 1:
                _give_up([*results, *_unanswered(waiting)])
            if pressed and not told:
                told = 1 + sum(not future.cancel() for future in waiting)
                print_line(
                    f"interrupted: nothing more is sent; waiting for the answers to {told - 1} that were sent "
                    "(Ctrl-C again does not wait)",
                    err=True,
                )
    pool.shutdown()
    return results, bool(pressed)


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Ctrl-C, noted instead of raised: an exception could come between an answer and its record."""
    pressed: list[int] = []
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return
    signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _unanswered(waiting: Mapping[Future[Outcome], str]) -> Iterator[Outcome]:
    """What was sent and has no answer yet, and what was not sent."""
    why = "the answer was not waited for"
    for future, job in waiting.items():
        yield _not_sent(job) if future.cancelled() else Outcome(job, Exit.NOT_KNOWN_YET, f"{job}: {why}", {}, why)


def _give_up(outcomes: Sequence[Outcome]) -> None:
    """End at once, with the list of what was done and of what is not known."""
    _show_summary(outcomes, interrupted=True)
    sys.stdout.flush()
    os._exit(Exit.INTERRUPTED)


def _send(api: GateApi, document: JobDocument, request: Request) -> Outcome:
    job_id = document.job_id
    body: dict[str, Json] = {"reason": request.reason, "digest": document.digest}
    try:
        answer = api.send("POST", f"/jobs/{job_id}/{_PATHS[request.requested_action]}", body)
    except GateError as error:
        return _failed(job_id, error)
    action = str(answer.get("action"))
    if action == DONE[request.requested_action]:
        return Outcome(
            job_id, Exit.DONE, f"{job_id}: {action}; the next sweep reports it (decision event, metrics)", answer
        )
    why = bare(str(answer.get("reason") or ""))
    if action == "pending":
        text = (
            f"{job_id}: S3's response was lost, and the update may still apply; or another review decides the job at "
            f"this moment. The gate evaluates it again if it is still Suspended. To see the outcome: batchgate jobs "
            f"show {job_id}"
        )
        return Outcome(job_id, Exit.NOT_KNOWN_YET, text, answer, "not known yet")
    if action in _ELSEWHERE:
        text = f"{job_id}: {action}: it was decided outside the gate first"
        return Outcome(job_id, Exit.REFUSED, text, answer, text)
    if action in DONE.values():
        text = f"{job_id}: {action}, which you did not ask for: {why}"
        return Outcome(job_id, Exit.REFUSED, text, answer, text)
    if request.requested_action is RequestedAction.APPROVE and answer.get("approvals") and action in _OPEN:
        waits = str(answer.get("awaiting") or why)
        return Outcome(
            job_id, Exit.DONE, f"{job_id}: your approval is recorded, and the job is {action}: {waits}", answer
        )
    text = f"{job_id}: nothing was done: {why}"
    return Outcome(job_id, Exit.FAILED, text, answer, text)


def _failed(job: str, error: GateError) -> Outcome:
    """An error as what came of a job."""
    code = reported_as(error)
    text = str(error) if job in str(error) else f"{job}: {error}"
    if isinstance(error, OutcomeUnknownError):
        text += (
            f"; it may have been recorded. To see the outcome: batchgate jobs show {job}. To send it again is safe: "
            "nothing is done twice"
        )
    changed = None
    if isinstance(error, ProblemError) and error.kind == "/problems/job-changed":
        with suppress(GateAccessError):  # of other jobs what was done must be told whatever this answer is
            changed = decoded(error.document.get("job", {}), JobDocument)
        changed = changed if changed is not None and changed.digest is not None else None
        text = f"{job}: the job has changed since it was shown; nothing was done. To see it: batchgate jobs show {job}"
    return Outcome(job, code, text, {}, text, changed)


def _not_sent(job: str) -> Outcome:
    return Outcome(job, Exit.FAILED, f"{job}: {_NOT_SENT_YET}", {"action": _NOT_SENT_YET}, _NOT_SENT_YET)


def _show_result(outcome: Outcome, number: int, total: int, *, for_people: bool) -> None:
    """One line as it comes: the progress and the record of what was done."""
    if outcome.changed is not None or outcome.word == _NOT_SENT_YET:
        return
    if total == 1:
        if for_people and not outcome.error:
            print_line((printable_line(outcome.text), "bold"))
        return
    if not for_people and not sys.stderr.isatty():
        return
    about = outcome.text.removeprefix(f"{outcome.job}: ")
    is_done = outcome.code is Exit.DONE and outcome.answer.get("action") in DONE.values()
    detail = "" if is_done else f"  {printable_line(about)}"
    style = "green" if outcome.code is Exit.DONE else "red"
    print_line(
        f"[{number:>{len(str(total))}}/{total}]  ",
        (outcome.word, style),
        f"  {printable_line(outcome.job)}{detail}",
        err=not for_people,
    )
    (sys.stderr if not for_people else sys.stdout).flush()


def _counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in outcomes:
        counts[each.word] = counts.get(each.word, 0) + 1
    return counts


def _show_summary(outcomes: Sequence[Outcome], *, interrupted: bool) -> None:
    """How many came out how, and each that is not as it was asked for."""
    print_line("")
    for word in dict.fromkeys(each.word for each in outcomes if each.code is not Exit.DONE):
        print_line((f"{word}:", "bold"))
        for each in outcomes:
            if each.word == word:
                detail = each.text.removeprefix(f"{each.job}: ")
                print_line(
                    f"  {printable_line(each.job)}" + ("" if word == _NOT_SENT_YET else f"  {printable_line(detail)}")
                )
    counts = ", ".join(f"{count} {word}" for word, count in _counts(outcomes).items())
    head = "interrupted: " if interrupted else ""
    print_line((f"{head}{counts}", "bold"))

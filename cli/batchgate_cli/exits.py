"""The exit codes of every command, and how errors are shown."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

import click

from batchgate.errors import GateError, PolicyError, Problem, RefusedError
from batchgate.jobs.model import Json
from batchgate_cli.output import print_line, printable_line


class Exit(IntEnum):
    """Why a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INVALID_POLICY = 3
    CASE_FAILED = 4
    REFUSED = 5
    NOT_KNOWN_YET = 6
    WARNED = 7
    CHECK_FAILED = 8
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    """Whoever read the output ended before all of it was written. *Source*: shells, 128 + SIGPIPE."""


ALL_EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 4 a test case failed, 5 a decision was refused, "
    "6 the outcome of a decision is not known yet, 7 a check warned, a list is incomplete or a comparison is "
    "undecided, 8 a check failed or there is what --fail-on names, 130 interrupted, 141 the "
    "reader of the output ended first."
)
PLAIN_EXIT_CODES_HELP = "Exit codes: 0 done, 1 failed, 2 wrong usage."
POLICY_EXIT_CODES_HELP = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy."
TEST_EXIT_CODES_HELP = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 4 a test case failed."
PAUSE_EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 5 refused: the gate was paused or resumed by another call meanwhile, "
    "6 the outcome is not known: the gate's response was lost."
)
JOBS_EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 5 a decision was refused, 6 the outcome of a decision is not known "
    "yet, 7 jobs are missing from a list, 130 interrupted."
)
LISTING_EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 7 jobs are missing from the list, as their items in the ledger can't "
    "be read."
)
DECIDING_EXIT_CODES_HELP = (
    "Exit codes: 0 done (other approvals may still be missing), 1 failed (the job was not changed; the message says "
    "whether your approval was recorded), 2 wrong usage, 5 refused (the message says why), 6 the outcome is not known "
    "yet, 130 interrupted (the output lists what was done)."
)

CHECKS_EXIT_CODES_HELP = (
    "Exit codes: 0 nothing to do, 1 failed, 2 wrong usage, 7 the worst line is a warning (also of what could not be "
    "checked), 8 it is a failure."
)
STATUS_EXIT_CODES_HELP = (
    "Exit codes: 0 the gate is working, 1 failed, 2 wrong usage, 7 it needs attention, or something could not be "
    "checked, 8 it is not working."
)

PROBLEMS_SHOWN = 100


def notes_of(error: PolicyError) -> list[str]:
    """What an error notes beside its problems."""
    return list(getattr(error, "__notes__", ()))


def show_problems(problems: Sequence[Problem], notes: Sequence[str] = ()) -> None:
    """Print every problem as FILE:LINE:COLUMN: WHERE: MESSAGE, then the notes."""
    for problem in problems[:PROBLEMS_SHOWN]:
        print_line(
            (f"{problem.place}: " if problem.place else "", "bold"),
            (f"{problem.where}: " if problem.where else "", "cyan"),
            printable_line(problem.message),
            err=True,
        )
    if len(problems) > PROBLEMS_SHOWN:
        print_line(f"... and {len(problems) - PROBLEMS_SHOWN} more", err=True)
    show_notes(notes)


def show_notes(notes: Sequence[str]) -> None:
    """Print what is worth knowing and no problem, beside the output and not in it."""
    for note in notes:
        print_line(("note: ", "bold"), printable_line(note), err=True)


def show_error(message: str) -> None:
    """Print an error for people. Further lines are indented, so that no text can pose as another message."""
    first, *others = message.splitlines() or [""]
    print_line(f"batchgate: {printable_line(first)}", err=True)
    for line in others:
        print_line(f"  {printable_line(line)}", err=True)


def problems_as_json(error: PolicyError) -> list[Json]:
    """Every problem of a policy, for programs."""
    return [
        {
            "file": problem.place.file if problem.place else None,
            "line": problem.place.line if problem.place else None,
            "column": problem.place.column if problem.place else None,
            "path": problem.where,
            "message": problem.message,
        }
        for problem in error.problems
    ]


def error_as_json(message: str, code: int, **members: Json) -> str:
    """An error for programs: one object with one member, `error`."""
    return json.dumps({"error": {"message": message, "exit_code": int(code), **members}}, indent=2)


def os_error_in_words(error: OSError) -> str:
    """Which file can't be opened, read or written, and why; without the number that Python puts before that."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


class OutcomeUnknownError(GateError):
    """What was asked for may have been done, or still be done: the answer was lost."""


def reported_as(error: GateError) -> Exit:
    """The exit code of an error."""
    match error:
        case PolicyError():
            return Exit.INVALID_POLICY
        case RefusedError():
            return Exit.REFUSED
        case OutcomeUnknownError():
            return Exit.NOT_KNOWN_YET
        case _:
            return Exit.FAILED


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn what batchgate reports into a message and an exit code; a JSON object where the output is JSON."""
    try:
        yield
    except PolicyError as error:
        if _wants_json():
            notes: list[Json] = [*notes_of(error)]
            members: dict[str, Json] = {"problems": problems_as_json(error), "notes": notes}
            click.echo(error_as_json(str(error), Exit.INVALID_POLICY, **members), err=True)
        else:
            show_problems(error.problems, notes_of(error))
        raise click.exceptions.Exit(Exit.INVALID_POLICY) from error
    except GateError as error:
        raise _reported(error, reported_as(error)) from error
    except BrokenPipeError:  # whoever read the output has seen enough
        raise
    except OSError as error:
        raise _reported(GateError(os_error_in_words(error)), Exit.FAILED) from error
    except OverflowError as error:  # options have ranges; this is a number or an instant in a file or an answer
        raise _reported(GateError(f"a number or an instant is out of range: {error}"), Exit.FAILED) from error


def show_interrupted(*, as_json: bool) -> None:
    """Report that Ctrl-C ended the command."""
    if as_json:
        click.echo(error_as_json("interrupted", Exit.INTERRUPTED), err=True)
    else:
        click.echo("\nbatchgate: interrupted", err=True)


def _reported(error: GateError, code: Exit) -> click.exceptions.Exit:
    if _wants_json():
        members: dict[str, Json] = getattr(error, "members", {})
        click.echo(error_as_json(str(error), code, **members), err=True)
    else:
        show_error(str(error))
    return click.exceptions.Exit(code)


def _wants_json() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.params.get("output") == "json"

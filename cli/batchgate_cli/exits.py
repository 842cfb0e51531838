"""The exit codes of every command, and how errors are shown."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

import click

from batchgate.errors import GateError, PolicyError, Problem, RefusedError
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


ALL_EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 4 a test case failed or a replay changed what "
    "--fail-on names, 5 a decision was refused, "
    "6 the outcome of a decision is not known yet, 7 a check warned, 8 a check failed, 130 interrupted."
)
PLAIN_EXIT_CODES_HELP = "Exit codes: 0 done, 1 failed, 2 wrong usage."
POLICY_EXIT_CODES_HELP = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy."
TEST_EXIT_CODES_HELP = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 4 a test case failed."
GATE_EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 5 a decision was refused, 6 the outcome of a "
    "decision is not known yet."
)
DECIDING_EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed (nothing was done to the job), 2 wrong usage, 3 invalid policy, 5 refused (the "
    "message says why), 6 the outcome is not known yet."
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
    """Print an error. Further lines are indented, so that no text can pose as another message."""
    first, *others = message.splitlines() or [""]
    print_line(f"batchgate: {printable_line(first)}", err=True)
    for line in others:
        print_line(f"  {printable_line(line)}", err=True)


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn what batchgate reports into a message and an exit code."""
    try:
        yield
    except PolicyError as error:
        show_problems(error.problems, notes_of(error))
        raise click.exceptions.Exit(Exit.INVALID_POLICY) from error
    except RefusedError as error:
        show_error(str(error))
        raise click.exceptions.Exit(Exit.REFUSED) from error
    except GateError as error:
        show_error(str(error))
        raise click.exceptions.Exit(Exit.FAILED) from error
    except BrokenPipeError as error:  # whoever read the output has seen enough
        raise click.exceptions.Exit(Exit.FAILED) from error
    except OSError as error:
        show_error(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        raise click.exceptions.Exit(Exit.FAILED) from error

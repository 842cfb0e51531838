"""What every suite uses: Hypothesis profiles, the order and grouping of tests, the AWS CLI, a local S3."""

import functools
import gc
import itertools
import os
import signal
import threading
import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from batchgate_cli.local.ministack import running_ministack

# The gate decides by the time-zone data of its own asset; so do the tests, whatever this machine has.
zoneinfo.reset_tzpath(())

# A command that a test runs and that a signal kills prints where each of its threads was.
os.environ["PYTHONFAULTHANDLER"] = "1"

# Whatever runs the tests (nohup, a job in the background) may ignore Ctrl-C, and every program would inherit that.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Every session would read botocore's descriptions of the services anew: a quarter of the time of whatever makes many.
botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)

# What is made while tests are listed stays until the end; to look through it for garbage takes a quarter of that time.
gc.disable()

CHECKOUT = Path(__file__).resolve().parent

# No deadline: how long one example takes says more about the machine's other work than about the code.
settings.register_profile("dev", deadline=None)
# The same examples every time, so that a red build means a change and not luck. `dev` draws others each time, and more.
settings.register_profile(
    "ci",
    max_examples=30,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# For `make quick`: enough to notice what is plainly wrong.
settings.register_profile(
    "quick", deadline=None, max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


PURE = ("tests/unit", "tests/verification")
"""Directories whose tests share no fixtures worth sharing."""

IN_PROCESS = (*PURE, "tests/flow", "tests/aws", "emulator/tests")
"""Directories whose tests need no other program, unless a fixture says so."""

OTHER_PROGRAMS = {"aws_cli", "local_s3"}
MADE_ONCE = {"asset", "gate"}
"""Fixtures that take tens of seconds: all tests of a directory that use one run on one worker."""

SLOW_AS_SHORT = 100
"""A slow test that computes takes about as long as this many short ones."""

WAITING_ENDS = 0.8
"""How much of the computing tests has started when the last of those that wait does: the rest evens the workers out."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one worker, so that what they share is made once.

    What shares the fixtures that take longest starts first. Then slow tests, which wait half of the time, take turns
    with those that keep a processor busy. The smallest files come last, so that all workers end at about the same time.

    pytest-xdist groups by what follows `@` in a node's id. Its own mark for this, `xdist_group`, has no effect: 3.8
    writes the name where pytest 9.2 no longer reads it.
    """
    shared, waiting, computing = (defaultdict[str, list[pytest.Item]](list) for _ in range(3))
    for item in items:
        file = item.location[0]
        fixtures: set[str] = set(getattr(item, "fixturenames", ()))
        if not file.startswith(IN_PROCESS) or OTHER_PROGRAMS & fixtures:
            item.add_marker("slow")
        is_slow = item.get_closest_marker("slow") is not None
        kind, group = waiting if is_slow else computing, file
        if made_once := {name for name in MADE_ONCE & fixtures if _has_session_scope(item, name)}:
            kind, group = shared, f"{item.path.parent.name}: {min(made_once)}"
        elif item.get_closest_marker("alone"):
            group = item.nodeid
        elif is_slow and file.startswith(PURE) and not OTHER_PROGRAMS & fixtures:
            kind, group = computing, item.nodeid
        kind[group].append(item)
        if config.getoption("loadgroup", default=False):  # in a worker
            item._id = type(item.id).parse(f"{item.nodeid}@{group}")
    gates_first = sorted(waiting.values(), key=lambda tests: not tests[0].location[0].startswith("tests/e2e"))
    turns = [(WAITING_ENDS * turn / len(gates_first), tests) for turn, tests in enumerate(gates_first)]
    largest_first = sorted(computing.values(), key=_size, reverse=True)
    total, before = sum(map(_size, largest_first)), 0
    for tests in largest_first:
        turns.append((before / total, tests))
        before += _size(tests)
    items[:] = itertools.chain(*shared.values(), *(tests for _, tests in sorted(turns, key=itemgetter(0))))


def _size(tests: list[pytest.Item]) -> int:
    """About how long tests take, in that of a short one."""
    return sum(SLOW_AS_SHORT if test.get_closest_marker("slow") else 1 for test in tests)


def _has_session_scope(item: pytest.Item, fixture: str) -> bool:
    """Whether this fixture of a test is made once for all tests; some tests have one of the same name of their own."""
    definitions = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    return bool(definitions[fixture][-1].scope == "session")


def pytest_collection_finish() -> None:
    """Spare the garbage collector the hundred thousands of objects that stay until the end anyway."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def aws_cli() -> str:
    """The path of the unmodified `aws` command."""
    path = CHECKOUT / ".venv-awscli" / "bin" / "aws"
    if not path.exists():
        pytest.fail(f"{path} is missing: run `make setup`", pytrace=False)
    return str(path)


@pytest.fixture(scope="session")
def local_s3() -> Iterator[str]:
    """The endpoint URL of a local S3 (and SQS, EventBridge, ...) that starts empty and ends with the session."""
    with running_ministack() as endpoint_url:
        yield endpoint_url

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

# Objects made during collection live until the end; scanning them takes a quarter of its time. So garbage is collected
# from `pytest_collection_finish` on. (It stays off in xdist's controller, which collects no tests.)
gc.disable()

CHECKOUT = Path(__file__).resolve().parent

# No deadline: how long one example takes says more about the machine's other work than about the code.
settings.register_profile("dev", deadline=None)
# The same examples every time, so that a red build means a change and not luck; `dev` draws new ones, and more.
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
"""Directories whose tests are slow only if a fixture in OTHER_PROGRAMS or the mark says so."""

OTHER_PROGRAMS = {"aws_cli", "local_s3"}
MADE_ONCE = {"asset", "gate"}
"""Fixtures that take tens of seconds: all tests of a directory that use one run on one worker."""

SHORT_TESTS_PER_SLOW_TEST = 100
"""About how many of the others take as long as a slow test that computes."""

WAITING_SPREAD_OVER = 0.8
"""The files of slow tests start while this share of the computing tests does; the rest lets workers finish together."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one worker, so that what they share is made once.

    Tests that share a deployed gate or an asset start first. Then files of slow tests, most of which wait for other
    programs, alternate with files of tests that compute, which include the slow ones of `PURE`.

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
    items[:] = itertools.chain(*shared.values(), *_alternating([*waiting.values()], [*computing.values()]))


def _alternating(waiting: list[list[pytest.Item]], computing: list[list[pytest.Item]]) -> Iterator[list[pytest.Item]]:
    """The files of both: end-to-end tests before others that wait, and of those that compute the largest first."""
    waiting.sort(key=lambda tests: not tests[0].location[0].startswith("tests/e2e"))
    starts = [(WAITING_SPREAD_OVER * number / len(waiting), tests) for number, tests in enumerate(waiting)]
    computing.sort(key=_size, reverse=True)
    total, before = sum(map(_size, computing)), 0
    for tests in computing:
        starts.append((before / total, tests))
        before += _size(tests)
    return (tests for _, tests in sorted(starts, key=itemgetter(0)))


def _size(tests: list[pytest.Item]) -> int:
    """About how long tests take, in units of one that is not slow."""
    return sum(SHORT_TESTS_PER_SLOW_TEST if test.get_closest_marker("slow") else 1 for test in tests)


def _has_session_scope(item: pytest.Item, fixture: str) -> bool:
    """Whether this fixture of a test is made once for all tests; some tests have one of the same name of their own."""
    definitions = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    return bool(definitions[fixture][-1].scope == "session")


def pytest_collection_finish() -> None:
    """Turn garbage collection on, and exempt from it the hundreds of thousands of objects that collection made."""
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

"""A headless Chromium, where there is one."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

MISSING = "no Chromium is here (Debian: apt-get install chromium)"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Its command; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def draw(url: str, *options: str) -> None:
    """Have it show a page and end, as its options say."""
    with command(options, url) as line:
        subprocess.run(line, check=True, capture_output=True)


@contextmanager
def showing(url: str, *options: str) -> Iterator[None]:
    """Have it show a page for the block."""
    with (
        command(options, url) as line,
        subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def command(options: tuple[str, ...], url: str) -> Iterator[list[str]]:
    """The command line, with a profile of its own for the block."""
    found = chromium()
    if found is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        yield [found, *_OPTIONS, f"--user-data-dir={profile}", *options, url]

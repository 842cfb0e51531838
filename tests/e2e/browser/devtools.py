"""A headless Chromium that tests drive by its DevTools protocol, over a pair of pipes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.browser.chromium import command

_END = b"\0"
_ON_PIPES = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from descriptor 3 and writes answers to 4. Source: Chromium, --remote-debugging-pipe."""


@dataclass(slots=True)
class Browser:
    """A running Chromium.

    Attributes:
        commands: The file descriptor of commands to the browser.
        answers: The file descriptor of its answers.
        events: What it reported, by session: requests, errors and violations of a page's policy.
    """

    commands: int
    answers: int
    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _number: int = 0
    _read: bytes = b""

    def call(self, method: str, parameters: Mapping[str, Any], session: str = "") -> dict[str, Any]:
        """Send a command to a tab's session, or without one to the browser itself, and return the result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self.commands, json.dumps(message).encode() + _END)
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events[answer.get("sessionId", "")].append(answer)

    def _next(self) -> dict[str, Any]:
        while _END not in self._read:
            got = os.read(self.answers, 1 << 20)
            assert got, "the browser ended"
            self._read += got
        whole, _, self._read = self._read.partition(_END)
        return dict(json.loads(whole))


@dataclass(frozen=True, slots=True)
class Tab:
    """One page."""

    browser: Browser
    session: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the browser reported about this page."""
        return self.browser.events[self.session]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        return self.browser.call(method, parameters, self.session)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; of a promise what it comes to."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and let it go."""
        named = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **named, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def media(self, media: str = "", **features: str) -> None:
        """Have the page believe that it is printed, or shown to somebody who prefers something."""
        listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=media, features=listed)

    def requests(self) -> list[str]:
        """The URLs that the page asked for."""
        return [
            str(each["params"]["request"]["url"])
            for each in self.events
            if each.get("method") == "Network.requestWillBeSent"
        ]

    def errors(self) -> list[Any]:
        """What went wrong in the page."""
        return [
            each["params"]
            for each in self.events
            if each.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Audits.issueAdded")
        ]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a Chromium until the block ends."""
    (reads, commands), (answers, writes) = os.pipe(), os.pipe()
    with command(("--remote-debugging-pipe",), "about:blank") as line:
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_PIPES, str(reads), str(writes), *line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(reads, writes),
            start_new_session=True,
        )
        os.close(reads)
        os.close(writes)
        try:
            yield Browser(commands, answers)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(commands)
            os.close(answers)


@contextmanager
def driven(browser: Browser, file: Path, *, width: int = 1280, height: int = 900) -> Iterator[Tab]:
    """Open a file in a browser context of its own, wait until it has loaded, and let a test drive it for the block."""
    context = browser.call("Target.createBrowserContext", {})["browserContextId"]
    page = {"url": "about:blank", "browserContextId": context}
    target = browser.call("Target.createTarget", page)["targetId"]
    attached = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})
    tab = Tab(browser, attached["sessionId"])
    for domain in ("Page", "Runtime", "Network", "Log", "Audits", "Accessibility"):
        tab.call(f"{domain}.enable")
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
    tab.call("Page.navigate", url=file.as_uri())
    while tab.run("[location.href, document.readyState]") != [file.as_uri(), "complete"]:
        time.sleep(0.05)
    try:
        yield tab
    finally:
        browser.call("Target.disposeBrowserContext", {"browserContextId": context})

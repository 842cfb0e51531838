"""A deployment of policies, followed until it ends: what is shown, the key that rolls it back, and Ctrl-C."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from batchgate.errors import GateError
from batchgate_cli.exits import OutcomeUnknownError
from batchgate_cli.operating.keys import Pressed, keys
from batchgate_cli.operating.pushing import Deployment, Progress, Target
from batchgate_cli.output import print_line, printable_line

LOOK_EVERY: Final = 3.0
_FAILURES_AT_MOST: Final = 20
"""In a row: a minute."""

_DOES: Final = {
    Progress.VALIDATING: "the gate's validator reads it",
    Progress.DEPLOYING: "is being put in force",
    Progress.ROLLING_BACK: "is being rolled back",
}


class Watch(Struct):
    """Follows one deployment.

    Attributes:
        target: Where it is.
        seconds: How often to look.
    """

    target: Target
    seconds: float = LOOK_EVERY
    _shown: str = ""
    _failures: int = 0

    def until_end(self, deployment: Deployment) -> Deployment:
        """The deployment when it has ended.

        Raises:
            OutcomeUnknownError: AppConfig could not be asked for a minute; the deployment goes on.
            KeyboardInterrupt: It was explained what goes on.
        """
        with keys() as pressed, self._explaining(deployment):
            while deployment.state.goes_on:
                self._show(deployment, with_key=pressed is not None)
                deployment = self._next(deployment, pressed)
        self._clear()
        return deployment

    def _next(self, deployment: Deployment, pressed: Pressed | None) -> Deployment:
        key = ""
        if pressed is None:
            time.sleep(self.seconds)
        else:
            key = pressed(self.seconds)
        try:
            if "r" in key.lower() and deployment.state is not Progress.ROLLING_BACK:
                self._clear()
                print_line("rolling back ...", err=True)
                found = self.target.stop(deployment.number)
            else:
                found = self.target.deployment(deployment.number)
        except GateError as error:
            self._failures += 1
            if self._failures == _FAILURES_AT_MOST:
                raise OutcomeUnknownError(f"{error}. {goes_on(self.target, deployment)}") from error
            self._clear()
            print_line(printable_line(f"{error}; trying again"), err=True)
            return deployment
        self._failures = 0
        return found

    @contextmanager
    def _explaining(self, deployment: Deployment) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._clear()
            print_line(err=True)
            print_line(goes_on(self.target, deployment), err=True)
            raise

    def _show(self, deployment: Deployment, *, with_key: bool) -> None:
        """One line that changes on a terminal; elsewhere a line for each state."""
        if not sys.stderr.isatty():
            line = in_words(deployment, None)
            if line != self._shown:
                print_line(line, err=True)
                self._shown = line
            return
        hint = "; r rolls it back, Ctrl-C leaves it to AppConfig" if with_key else ""
        self._clear()
        self._shown = f"{in_words(deployment, datetime.now(UTC))}{hint}"
        sys.stderr.write(self._shown)
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._shown and sys.stderr.isatty():
            sys.stderr.write(f"\r{' ' * len(self._shown)}\r")
            sys.stderr.flush()
        self._shown = "" if sys.stderr.isatty() else self._shown


def in_words(deployment: Deployment, now: datetime | None) -> str:
    """How far it is; with the minutes of the bake time where the time is known."""
    what = f"policy version {deployment.version}" if deployment.version else "a version that batchgate did not push"
    begins = f"deployment {deployment.number}: {what}"
    if deployment.state is not Progress.BAKING:
        return f"{begins} {_DOES.get(deployment.state, f'is {deployment.state}')}"
    watched = f"in force, watched by alarms for {deployment.bake_minutes:g} min"
    if now is None or deployment.started_at is None:
        return f"{begins} is {watched}"
    gone = max(0, int((now - deployment.started_at) / timedelta(minutes=1)))
    return f"{begins} is {watched}, {gone} gone"


def goes_on(target: Target, deployment: Deployment) -> str:
    """What happens without this command, and what can be done about it."""
    return (
        f"deployment {deployment.number} goes on without this command: AppConfig watches the policies until the bake "
        "time ends, and rolls them back if an alarm becomes active. The same command shows it again; "
        f"`{target.stop_command(deployment.number)}` rolls it back"
    )

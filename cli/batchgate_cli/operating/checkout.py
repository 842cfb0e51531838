"""The checkout of batchgate that a command runs in: its settings and its policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchgate.errors import GateError
from batchgate.policy.compiled import PolicySet
from batchgate_cli.authoring import policy_file
from batchgate_cli.files import InputError, read_json


class CheckoutError(GateError):
    """The checkout's cdk.json can't be read."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A directory with the CDK app.

    Attributes:
        settings: What cdk.json's context has under `batchgate`; not validated, as only synthesis does that.
    """

    directory: Path
    settings: Mapping[str, Any]

    @property
    def stack_name(self) -> str:
        """The stack that `make deploy` would deploy."""
        return str(self.settings.get("stack_name", "batchgate"))

    def policies(self) -> PolicySet:
        """The policies that `make deploy` would put in force.

        Raises:
            PolicyError: They are invalid.
            OSError: A file can't be read.
        """
        names = self.settings.get("policy_files", ["policies/approval.yaml"])
        return policy_file.load([self.directory / name for name in names]).policies


def find_checkout(start: Path) -> Checkout | None:
    """The checkout around a directory; None where there is none.

    Raises:
        CheckoutError: There is one, and its cdk.json is not what CDK reads.
    """
    for directory in (start, *start.parents):
        path = directory / "cdk.json"
        if not (path.is_file() and (directory / "infra" / "gate_stack.py").is_file()):
            continue
        try:
            read: Any = read_json(path, "CDK's settings")
            return Checkout(directory, dict(read["context"].get("batchgate") or {}))
        except InputError as error:
            raise CheckoutError(str(error)) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise CheckoutError(f"{path}: expected CDK's settings with a context: {error}") from error
    return None

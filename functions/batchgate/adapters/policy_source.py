"""Where the policies in force come from."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from batchgate.errors import PolicyError, PolicyUnavailableError
from batchgate.policy.policy_set import PolicySet


@dataclass(slots=True)
class PackagedPolicy:
    """The policy document that was deployed with the code; it can't change while the code runs."""

    path: Path
    _read: PolicySet | None = field(default=None)

    def current(self) -> PolicySet:
        """The packaged policies, read once.

        Raises:
            PolicyUnavailableError: The file is missing, or is no policy document.
        """
        if self._read is None:
            self._read = self._load()
        return self._read

    def _load(self) -> PolicySet:
        try:
            return PolicySet.from_data(json.loads(self.path.read_bytes()))
        except (OSError, ValueError, RecursionError, PolicyError) as error:
            raise PolicyUnavailableError(f"{self.path}: {error}") from error

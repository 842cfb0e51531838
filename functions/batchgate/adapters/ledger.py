"""The decision ledger in this process's memory: sound within it, forgotten after it."""

from dataclasses import dataclass, field, replace
from threading import Lock

from batchgate.errors import LedgerConflictError
from batchgate.jobs.model import JobRef
from batchgate.ports import Review
from batchgate.state import State


@dataclass(slots=True)
class MemoryLedger:
    """The `DecisionLedger` port without a table.

    What it can't do: outlive the process, or keep two processes apart. S3 itself refuses to
    confirm a job twice, so what is lost is the history, and the proof.
    """

    states: dict[JobRef, State] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def read(self, ref: JobRef) -> State | None:
        """The job's state."""
        with self._lock:
            return self.states.get(ref)

    def write(self, state: State, *, replacing: State | None) -> State:
        """Write if nobody wrote since."""
        with self._lock:
            here = self.states.get(state.ref)
            if (here.rev if here else None) != (replacing.rev if replacing else None):
                raise LedgerConflictError(f"{state.ref}: somebody else wrote first")
            written = replace(state, rev=(here.rev if here else 0) + 1)
            self.states[state.ref] = written
            return written

    def claim(self, state: State, *, replacing: State | None) -> State:
        """Write a claim."""
        return self.write(state, replacing=replacing)

    def record_review(self, review: Review) -> None:
        """Append to the history."""
        with self._lock:
            self.reviews.append(review)

"""Several invocations at once, one moving at a time: whose turn it is comes from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from threading import Semaphore, Thread, current_thread
from typing import TypeAlias

Task: TypeAlias = Callable[[], None]


class _Worker(Thread):
    """A thread that runs one task after another, each only while it is given the turn."""

    def __init__(self, stage: Turns) -> None:
        super().__init__(daemon=True, name="actor")
        self.stage = stage
        self.turn = Semaphore(0)
        self.task: Task | None = None
        self.finished = False
        self.raised: BaseException | None = None

    def run(self) -> None:
        """Wait for tasks."""
        while True:
            self.turn.acquire()
            task = self.task
            if task is None:
                return
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it goes to whoever gave the task
                self.raised = error
            self.finished = True
            self.stage.back.release()


class Turns:
    """Gives turns to tasks; threads are kept from one time to the next."""

    def __init__(self) -> None:
        """No thread yet."""
        self.back = Semaphore(0)
        self.given = 0
        self._idle: list[_Worker] = []

    def take(self) -> None:
        """Of a task: give the turn back, and wait for the next one; alone nobody waits."""
        worker = current_thread()
        if isinstance(worker, _Worker):
            self.back.release()
            worker.turn.acquire()

    def together(self, tasks: Sequence[Task], rng: Random) -> None:
        """Run tasks to their ends, their steps mixed; what one raises is raised when all are done."""
        workers = []
        for task in tasks:
            worker = self._idle.pop() if self._idle else self._new()
            worker.task, worker.finished, worker.raised = task, False, None
            workers.append(worker)
        alive = list(workers)
        while alive:
            worker = rng.choice(alive)
            for _ in range(1 if rng.random() < 0.7 else rng.randrange(2, 6)):
                self.given += 1
                worker.turn.release()
                self.back.acquire()
                if worker.finished:
                    alive.remove(worker)
                    break
        self._idle += workers
        for worker in workers:
            if worker.raised is not None:
                raise worker.raised

    def _new(self) -> _Worker:
        worker = _Worker(self)
        worker.start()
        return worker

    def close(self) -> None:
        """End the threads."""
        for worker in self._idle:
            worker.task = None
            worker.turn.release()
            worker.join()
        self._idle.clear()

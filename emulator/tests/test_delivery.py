"""Delivery of events, reliable and unreliable."""

import threading
from collections import Counter
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3batch_emulator import HttpSink, SteppedClock, Unreliability, UnreliableSink
from s3batch_emulator.testing import START

EVENTS: list[dict[str, Any]] = [{"id": number} for number in range(200)]


def delivered(how: Unreliability, seed: int) -> tuple[list[int], list[int]]:
    """Which of 200 events, a second apart, arrive, and which are dropped."""
    clock = SteppedClock(START)
    arrived: list[int] = []
    sink = UnreliableSink(lambda event: arrived.append(event["id"]), clock, how, seed)
    for event in EVENTS:
        sink(event)
        clock.advance(timedelta(seconds=1))
    sink.flush()
    clock.advance(how.delay)
    return arrived, [event["id"] for event in sink.dropped]


@given(
    st.builds(
        Unreliability,
        drop=st.floats(0, 1),
        repeat=st.floats(0, 1),
        swap=st.floats(0, 1),
        delay=st.timedeltas(timedelta(0), timedelta(minutes=10)),
    ),
    st.integers(),
)
def test_every_event_arrives_or_was_dropped_and_at_most_twice(how: Unreliability, seed: int) -> None:
    """No event is invented, every lost one is reported, and the same seed gives the same result."""
    arrived, dropped = delivered(how, seed)
    assert set(arrived) | set(dropped) == set(range(200))
    assert not set(arrived) & set(dropped)
    assert set(Counter(arrived).values()) <= {1, 2}
    assert delivered(how, seed) == (arrived, dropped)


def test_a_reliable_sink_changes_nothing() -> None:
    """In order, once each."""
    assert delivered(Unreliability(), 1) == (list(range(200)), [])


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        (Unreliability(drop=0.5), lambda ids: 50 < len(ids) < 150),
        (Unreliability(repeat=0.5), lambda ids: 250 < len(ids) < 350),
        (Unreliability(swap=0.3), lambda ids: ids != sorted(ids) and len(ids) == 200),
        (Unreliability(delay=timedelta(seconds=10)), lambda ids: ids != sorted(ids) and len(ids) == 200),
    ],
)
def test_each_way_of_mistreating_events_shows(how: Unreliability, seen: Any) -> None:
    """Dropping, repeating, swapping and delaying do what they are called."""
    assert seen(delivered(how, 7)[0])


class _Listener(BaseHTTPRequestHandler):
    """Keeps the posted events; refuses those posted to /refuse."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/refuse":
            self.server.posted.append(body)  # type: ignore[attr-defined]
        self.send_response(500 if self.path == "/refuse" else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def test_events_are_posted_and_a_lost_one_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Delivery is best effort: a sink without a listener causes no error of the job."""
    posted: list[bytes] = []
    with HTTPServer(("127.0.0.1", 0), _Listener) as server:
        server.posted = posted  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        HttpSink(url)({"id": "one"})
        HttpSink(f"{url}/refuse")({"id": "two"})
        server.shutdown()
        thread.join()
    HttpSink(url)({"id": "three"})
    assert posted == [b'{"id":"one"}']
    assert ["event two was lost" in caplog.messages[0], "event three was lost" in caplog.messages[1]] == [True, True]

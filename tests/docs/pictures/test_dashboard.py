"""The picture of the dashboard shows what the gate printed."""

import json
import re

from tests.docs.pictures.dashboard import TEMPLATE, body_of, page
from tests.docs.pictures.day import play

MINUTES = 60


def test_every_widget_is_drawn_from_what_the_functions_printed() -> None:
    """A widget of a kind that the picture does not know, or a metric that nothing emits, would be a hole."""
    template = json.loads(TEMPLATE.read_text("utf-8"))
    day = play(MINUTES, jobs_a_minute=0.6)
    drawn = page(template, day, MINUTES)
    assert drawn.count("<section") == len(body_of(template)["widgets"])
    held = [state.ref.job_id for state in day.ledger.states.values() if state.phase == "held"]
    assert held
    assert all(job_id in drawn for job_id in held)
    charts = [json.loads(each) for each in re.findall(r"new Chart\(c\d+, (\{.*?\})\)(?:;|</script>)", drawn)]
    points = {line["label"]: line["data"] for each in charts for line in each["data"]["datasets"]}
    assert sum(point["y"] for point in points["Sweeps"]) == MINUTES
    news = [decision for decision in day.decisions if decision["action"] == "held"]
    assert len(news) >= len(held)
    assert sum(point["y"] for point in points["Held"]) == len(news)
    assert points["held jobs"][-1]["y"] == len(held)
    assert points["all-objects"]
    assert points["team-day"]

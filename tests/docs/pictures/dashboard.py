"""Draw the stack's dashboard as CloudWatch would show it after a day of the gate: `make pictures`.

What is drawn comes from the template's own dashboard, the functions' own lines and the widget's own answer. Metrics of
AWS's that nothing here makes (queues, durations) are named and left empty.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from batchgate.aws import wiring
from batchgate.handlers import held_jobs_widget
from tests.docs.pictures.day import Day, play
from tests.e2e.browser.chromium import draw
from tests.flow.deployed import Context

CHECKOUT = Path(__file__).resolve().parents[3]
TEMPLATE = CHECKOUT / "tests" / "infra" / "template.json"
"""The snapshot, which tests compare with what is synthesized."""

CHART = CHECKOUT / "node_modules" / "chart.js" / "dist" / "chart.umd.js"
UNIT = (62, 54)
"""Pixels of one of the dashboard's 24 columns, and of one of its rows."""

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")

STYLE = """
body {margin: 0; background: #f2f3f3; font: 13px 'Noto Sans', 'DejaVu Sans', sans-serif; position: relative}
section {position: absolute; background: #fff; border: 1px solid #d5dbdb; border-radius: 2px; overflow: hidden}
section > h2 {font-size: 14px; margin: 0; padding: 8px 12px}
section > div {position: absolute; inset: 34px 8px 6px 8px; overflow: auto}
.alarms {display: grid; grid-template-columns: repeat(5, 1fr); gap: 4px 16px; align-content: start}
.alarms b {display: inline-block; width: 150px; font-weight: normal}
.ok {color: #1d8102} .alarm {color: #d13212; font-weight: bold} .insufficient {color: #687078}
table {border-collapse: collapse; width: 100%} th {text-align: left; background: #fafafa}
td, th {border-bottom: 1px solid #eaeded; padding: 4px 8px; vertical-align: top}
code {font-family: 'DejaVu Sans Mono', monospace; font-size: 12px}
"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Metrics of a day, by namespace and name."""

    day: Day
    minutes: int

    def values(self, metric: Sequence[Any], statistic: str, period: int) -> list[float | None]:
        """One value a period; None where nothing was counted."""
        namespace, name = metric[:2]
        return self._in_periods(self._samples(namespace, name, metric), statistic, period)

    def budgets(self, period: int) -> Iterator[tuple[str, list[float | None]]]:
        """Each budget with the largest percentage of a period."""
        for name in dict.fromkeys(name for _, name, _ in self.day.budgets):
            samples = [(at, percent) for at, budget, percent in self.day.budgets if budget == name]
            yield name, self._in_periods(samples, "Maximum", period)

    def _in_periods(self, samples: Iterable[tuple[datetime, float]], statistic: str, period: int) -> list[float | None]:
        bins: list[list[float]] = [[] for _ in range(max(1, self.minutes * 60 // period))]
        for at, value in samples:
            place = int((at - self.day.begin) // timedelta(seconds=period))
            if 0 <= place < len(bins):
                bins[place].append(value)
        return [_aggregate(each, statistic) for each in bins]

    def _samples(self, namespace: str, name: str, metric: Sequence[Any]) -> list[tuple[datetime, float]]:
        if namespace == "batchgate":
            return [(at, said[name]) for at, said in self.day.metrics if name in said]
        if (namespace, name) == ("AWS/Lambda", "Invocations"):
            function = "sweep" if "Sweep" in str(metric) else "events"
            return [(at, 1.0) for at in self.day.calls[function]]
        return []


def _aggregate(values: list[float], statistic: str) -> float | None:
    if not values:
        return None
    if statistic.startswith("p"):
        return sorted(values)[math.ceil(len(values) * float(statistic[1:]) / 100) - 1]
    return sum(values) if statistic == "Sum" else max(values)


def body_of(template: dict[str, Any]) -> dict[str, Any]:
    """The dashboard in a template, with logical ids in place of what only a deployment knows."""
    [dashboard] = [each for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Dashboard"]
    _, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    text = "".join(part if isinstance(part, str) else _id_in(part) for part in parts)
    return cast("dict[str, Any]", json.loads(text))


def _id_in(reference: dict[str, Any]) -> str:
    return str(reference.get("Ref") or reference["Fn::GetAtt"][0])


def alarm_states(template: dict[str, Any], drawn: Drawn) -> list[tuple[str, str]]:
    """Each alarm's name and what it would be at the end of the day."""
    states = []
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            continue
        alarm = resource["Properties"]
        name = str(alarm["AlarmName"]).partition("-")[2]
        if "MetricName" not in alarm:
            states.append((name, "ok"))
            continue
        values = drawn.values([alarm["Namespace"], alarm["MetricName"]], alarm["Statistic"], alarm["Period"])
        missing = alarm["TreatMissingData"] == "breaching"
        below = alarm["ComparisonOperator"] == "LessThanThreshold"
        last = values[-alarm["EvaluationPeriods"] :]
        breaching = [
            missing if value is None else (value < alarm["Threshold"]) if below else (value >= alarm["Threshold"])
            for value in last
        ]
        states.append((name, "alarm" if sum(breaching) >= alarm["DatapointsToAlarm"] else "ok"))
    return states


def page(template: dict[str, Any], day: Day, minutes: int) -> str:
    """The dashboard as one HTML page."""
    drawn = Drawn(day, minutes)
    body = body_of(template)
    sections, scripts, height = [], [], 0
    for number, widget in enumerate(body["widgets"]):
        left, top = widget["x"] * UNIT[0], widget["y"] * UNIT[1]
        wide, high = widget["width"] * UNIT[0] - 8, widget["height"] * UNIT[1] - 8
        height = max(height, top + high + 16)
        properties = widget["properties"]
        content = ""
        match widget["type"]:
            case "alarm":
                boxes = (
                    f'<span><b>{html.escape(name)}</b> <span class="{state}">{state.upper()}</span></span>'
                    for name, state in alarm_states(template, drawn)
                )
                content = f'<div class="alarms">{"".join(boxes)}</div>'
            case "metric":
                content = f'<div><canvas id="c{number}"></canvas></div>'
                scripts.append(f"new Chart(c{number}, {json.dumps(chart(properties, drawn))})")
            case "custom":
                content = f"<div>{held(day)}</div>"
            case "log":
                content = f"<div>{by_policy(day)}</div>"
            case other:
                raise SystemExit(f"a widget of an unknown type: {other}")
        place = f"left: {left}px; top: {top}px; width: {wide}px; height: {high}px"
        sections.append(f'<section style="{place}"><h2>{html.escape(properties["title"])}</h2>{content}</section>')
    return (
        f'<!doctype html><meta charset="utf-8"><title>batchgate</title><style>{STYLE}</style>'
        f'<body style="width: {24 * UNIT[0]}px; height: {height}px">{"".join(sections)}'
        f"<script>{CHART.read_text('utf-8')}</script><script>{';'.join(scripts)}</script>"
    )


def chart(properties: dict[str, Any], drawn: Drawn) -> dict[str, Any]:
    """One graph in Chart.js's words."""
    datasets = []
    for (given, options, values), colour in zip(_lines(properties, drawn), COLOURS * 3, strict=False):
        period = int(options.get("period", 300))
        points = [{"x": place * period / 3600, "y": value} for place, value in enumerate(values) if value is not None]
        name = given + ("" if points else " (no data here)")
        axis = "y1" if options.get("yAxis") == "right" else "y"
        datasets.append(
            {
                "label": name,
                "data": points,
                "yAxisID": axis,
                "borderColor": options.get("color", colour),
                "backgroundColor": options.get("color", colour),
                "borderWidth": 1,
                "pointRadius": 0 if len(points) > 40 else 2,
                "fill": bool(properties.get("stacked")),
            }
        )
    scales: dict[str, Any] = {
        "x": {"type": "linear", "min": 0, "max": drawn.minutes / 60, "title": {"display": True, "text": "hour"}},
        "y": {"beginAtZero": True, "stacked": bool(properties.get("stacked")), "title": _words(properties, "left")},
    }
    if any(each["yAxisID"] == "y1" for each in datasets):
        title = _words(properties, "right")
        scales["y1"] = {"position": "right", "beginAtZero": True, "grid": {"drawOnChartArea": False}, "title": title}
    legend = {"position": "bottom", "labels": {"boxWidth": 10, "font": {"size": 11}}}
    options = {
        "animation": False,
        "maintainAspectRatio": False,
        "responsive": True,
        "scales": scales,
        "plugins": {"legend": legend},
    }
    return {"type": "line", "data": {"datasets": datasets}, "options": options}


def _lines(properties: dict[str, Any], drawn: Drawn) -> Iterator[tuple[str, dict[str, Any], list[float | None]]]:
    """The label of each line of a graph, its options, and its values."""
    metrics = [(each, each[-1] if isinstance(each[-1], dict) else {}) for each in properties["metrics"]]
    hidden = {options["id"]: metric for metric, options in metrics if "id" in options}
    for metric, options in metrics:
        expression = str(options.get("expression", ""))
        if options.get("visible") is False:
            continue
        if expression.startswith("SEARCH("):  # one metric for each budget
            yield from ((budget, options, values) for budget, values in drawn.budgets(int(options.get("period", 300))))
        elif expression:  # else of one kind only: a metric divided by a number
            of, _, number = expression.partition(" / ")
            merged = hidden[of][-1] | options
            values = drawn.values(hidden[of], str(merged["stat"]), int(merged.get("period", 300)))
            yield str(merged["label"]), merged, [value and value / float(number) for value in values]
        else:
            values = drawn.values(metric, str(options["stat"]), int(options.get("period", 300)))
            yield str(options.get("label", metric[1])), options, values


def _words(properties: dict[str, Any], side: str) -> dict[str, Any]:
    """What stands at an axis."""
    words = properties.get("yAxis", {}).get(side, {}).get("label")
    return {"display": bool(words), "text": words or ""}


def held(day: Day) -> str:
    """What the widget's function answers of the day's end."""
    made = cast("Any", wiring)._ledger
    cast("Any", wiring)._ledger = lambda home: day.ledger
    try:
        return str(held_jobs_widget.handler({}, cast("Any", Context())))
    finally:
        cast("Any", wiring)._ledger = made


def by_policy(day: Day) -> str:
    """What the query "Decisions by policy" counts."""
    counted: Counter[tuple[str, str]] = Counter()
    for policy, action, _ in {
        (policy, said["action"], said["id"])
        for said in day.decisions
        if said["action"] in ("approved", "cancelled", "held")
        for policy in said["policies"]
    }:
        counted[policy, action] += 1
    rows = "".join(
        f"<tr><td>{html.escape(policy)}</td><td>{action}</td><td>{count}</td></tr>"
        for (policy, action), count in counted.most_common()
    )
    return f"<table><tr><th>policy</th><th>decision.action</th><th>decisions</th></tr>{rows}</table>"


def picture(source: Path, to: Path, height: int) -> None:
    """Let a headless Chromium draw the page."""
    size = f"--window-size={24 * UNIT[0]},{height}"
    draw(source.as_uri(), "--hide-scrollbars", size, f"--screenshot={to}")


def main() -> int:
    """Play the day, draw, and say where the picture is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=24 * 60, help="how long the day is")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "build" / "dashboard.png")
    asked = parser.parse_args()
    out = asked.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    template = json.loads(TEMPLATE.read_text("utf-8"))
    sys.stdout.write(f"playing {asked.minutes / 60:g} hours ...\n")
    source = out.with_suffix(".html")
    source.write_text(page(template, play(asked.minutes), asked.minutes), "utf-8")
    rows = max(each["y"] + each["height"] for each in body_of(template)["widgets"])
    picture(source, out, rows * UNIT[1])
    sys.stdout.write(f"{out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

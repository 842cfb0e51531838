"""Whether a CloudTrail trail logs what EventBridge needs to deliver S3's job events."""

from collections.abc import Iterator, Mapping
from typing import Any

from batchgate_cli.operating.checks import Aws, Level, Line, NotCheckedError

_WITHOUT = "jobs are decided about a minute later, by the sweep alone"


def trail_lines(aws: Aws, region: str) -> Iterator[Line]:
    """One line: the first trail that logs write management events of this Region, or why none does.

    *Source*: EventBridge User Guide, "AWS service events delivered via AWS CloudTrail"; S3 User Guide,
    batch-ops-examples-event-bridge-cloud-trail (`readOnly` is false).
    """
    trails = aws.ask("cloudtrail", "DescribeTrails", includeShadowTrails=True)["trailList"]
    here = [each for each in trails if each.get("IsMultiRegionTrail") or each["HomeRegion"] == region]
    obstacles = []
    not_checked: NotCheckedError | None = None
    for trail in here:
        try:
            obstacle = _obstacle(aws, trail)
        except NotCheckedError as error:  # perhaps another one logs
            not_checked = not_checked or error
            continue
        if not obstacle:
            kind = "all Regions" if trail.get("IsMultiRegionTrail") else "this Region"
            yield Line("trail", Level.PASS, f"{trail['Name']} logs write management events of {kind}")
            return
        obstacles.append(f"{trail['Name']} {obstacle}")
    if not_checked is not None:
        raise not_checked
    found = "; ".join(obstacles) or f"no trail in {region}"
    do = "EventBridge gets S3's job events only from a trail: start that one" if obstacles else "set `trail` to true"
    yield Line("trail", Level.WARN, f"{found}: {_WITHOUT}", f"{do}, or have another trail log write management events")


def _obstacle(aws: Aws, trail: Mapping[str, Any]) -> str:
    """Why a trail delivers no job events; "" if it does."""
    name = trail["TrailARN"]
    if not aws.ask("cloudtrail", "GetTrailStatus", Name=name)["IsLogging"]:
        return "is not logging"
    selectors = aws.ask("cloudtrail", "GetEventSelectors", TrailName=name)
    if any(_basic_logs(each) for each in selectors.get("EventSelectors") or ()):
        return ""
    if any(_advanced_logs(each) for each in selectors.get("AdvancedEventSelectors") or ()):
        return ""
    return "logs no write management events"


def _basic_logs(selector: Mapping[str, Any]) -> bool:
    """*Source*: CloudTrail API, EventSelector; both members have defaults (true, All)."""
    return bool(selector.get("IncludeManagementEvents", True)) and selector.get("ReadWriteType", "All") != "ReadOnly"


def _advanced_logs(selector: Mapping[str, Any]) -> bool:
    """Whether a selector takes all write management events. A further condition may leave S3's out.

    *Source*: CloudTrail API, AdvancedFieldSelector.
    """
    fields = {each["Field"]: each for each in selector["FieldSelectors"]}
    if fields.pop("eventCategory", {}).get("Equals") != ["Management"]:
        return False
    read_only = fields.pop("readOnly", {}).get("Equals", ["false"])
    excluded = fields.pop("eventSource", {})
    keeps_s3 = excluded.keys() <= {"Field", "NotEquals"} and "s3.amazonaws.com" not in excluded.get("NotEquals", [])
    return "false" in read_only and keeps_s3 and not fields

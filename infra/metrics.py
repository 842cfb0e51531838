"""The gate's own metrics, as alarms and the dashboard read them."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from batchgate.contract import METRIC_NAMESPACE, SERVICE, Metric

MINUTE: Final = Duration.minutes(1)
FIVE_MINUTES: Final = Duration.minutes(5)
HOUR_SECONDS: Final = 3600


def gate_metric(name: Metric, statistic: str = "Sum", *, label: str | None = None) -> cloudwatch.Metric:
    """One of the gate's metrics, in periods of five minutes."""
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name.value,
        dimensions_map={"service": SERVICE},
        statistic=statistic,
        period=FIVE_MINUTES,
        label=label,
    )

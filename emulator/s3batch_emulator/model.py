"""The service model of the job API, as botocore ships it.

Only the names of the eight operations are written by hand: paths, members, limits and
errors all come from `s3control/2018-08-20`.
"""

import re
from dataclasses import dataclass
from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape

NAMESPACE = "http://awss3control.amazonaws.com/doc/2018-08-20/"

OPERATIONS = (
    "CreateJob",
    "DescribeJob",
    "ListJobs",
    "UpdateJobStatus",
    "UpdateJobPriority",
    "GetJobTagging",
    "PutJobTagging",
    "DeleteJobTagging",
)


@cache
def service() -> ServiceModel:
    """The S3 Control service model that the installed botocore ships."""
    return ServiceModel(Loader().load_service_model("s3control", "service-2"), "s3control")


@cache
def operation(name: str) -> OperationModel:
    """The model of one operation, by its API name such as `UpdateJobStatus`."""
    return service().operation_model(name)


@cache
def error_codes() -> frozenset[str]:
    """Every error code that the model declares for the job operations."""
    shapes = (shape for name in OPERATIONS for shape in operation(name).error_shapes)
    return frozenset(str(shape.error_code) for shape in shapes if isinstance(shape, StructureShape))


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of the routing table: an HTTP method and a path identify an operation."""

    operation: str
    method: str
    path: re.Pattern[str]


def _route(name: str) -> Route:
    http = operation(name).http
    literal = re.split(r"\{(\w+)\}", str(http["requestUri"]))
    pattern = "".join(
        f"(?P<{part}>[^/]*)" if position % 2 else re.escape(part) for position, part in enumerate(literal)
    )
    return Route(name, str(http["method"]), re.compile(pattern))


@cache
def routes() -> tuple[Route, ...]:
    """The routing table of the job operations, in the order of `OPERATIONS`."""
    return tuple(_route(name) for name in OPERATIONS)


@cache
def other_paths() -> tuple[re.Pattern[str], ...]:
    """Paths of the S3 Control operations that are not emulated."""
    paths = {str(service().operation_model(name).http["requestUri"]) for name in service().operation_names}
    paths -= {str(operation(name).http["requestUri"]) for name in OPERATIONS}
    return tuple(
        re.compile("".join("[^/]+" if position % 2 else re.escape(part) for position, part in enumerate(parts)))
        for parts in (re.split(r"(\{[^}]+\})", path.split("?")[0]) for path in sorted(paths))
    )

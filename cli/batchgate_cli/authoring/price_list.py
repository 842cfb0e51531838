"""What `batchgate policy prices` prints: every price that a document may have, to fill in."""

from collections.abc import Iterator
from textwrap import wrap

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.validation.prices import tiers

_HEAD = """\
# Prices in US dollars, with which `cost` and budgets estimate what a job costs. batchgate has no prices of its own:
# fill in those of your Region and contract, and remove the # before the prices that you need. Up to four decimals;
# write 0 for what is free. A job that needs a price that is missing here is held.
#
# AWS publishes them at https://aws.amazon.com/s3/pricing/; choose your Region there. Names in quotes are sections of
# that page.
prices:
  # "Management & insights", S3 Batch Operations. The S3 User Guide named 0.25 per job and 1.00 per million objects in
  # November 2026; compare with your Region.
  # job:
  # million_objects:

  # A million requests of each operation; one request is counted for each object. AWS states most prices for 1,000
  # requests: write a thousand times that.
  # million_requests:
"""
_SIZES_HEAD = """\

  # A gibibyte of the objects' sizes. An operation without a price here is not priced by size. With one, its jobs need a
  # manifest that gives every object's size (an inventory report with Size); without such a manifest they are held.
  # gibibyte:
"""
_RETRIEVALS = '"Storage & requests", requests and data retrievals'
_REQUESTS = {
    "LambdaInvoke": "requests and duration of your function, at https://aws.amazon.com/lambda/pricing/",
    "S3ComputeObjectChecksum": f'{_RETRIEVALS}: GET requests; "Management & insights": checksums',
    "S3DeleteObjectTagging": f"{_RETRIEVALS}: DELETE requests",
    "S3InitiateRestoreObject": f"{_RETRIEVALS}: restore requests; the highest price of the storage classes and tiers"
    " that you allow",
    "S3PutObjectCopy": f"{_RETRIEVALS}: COPY requests into the destination's storage class",
    "S3ReplicateObject": '"Replication"; PUT requests into the destination\'s storage class',
}
_OTHER_REQUESTS = f"{_RETRIEVALS}: PUT requests"
_SIZES = {
    "S3ComputeObjectChecksum": '"Management & insights": checksums, where they are priced by size',
    "S3InitiateRestoreObject": f"{_RETRIEVALS}: data retrievals of this tier",
    "S3PutObjectCopy": '"Data transfer", for a destination in another Region; data retrievals of the source\'s storage'
    " class",
    "S3ReplicateObject": '"Data transfer", for a destination in another Region',
}
_WIDTH = 120


def price_list() -> str:
    """A block of YAML in which each price stands as a comment, with the place where AWS publishes it."""
    lines = [*_HEAD.splitlines(), *_requests(), *_SIZES_HEAD.splitlines(), *_sizes()]
    return "".join(f"{line}\n" for line in lines)


def _requests() -> Iterator[str]:
    for operation in sorted(KNOWN_OPERATIONS):
        yield from _price(operation, _REQUESTS.get(operation, _OTHER_REQUESTS))


def _sizes() -> Iterator[str]:
    for operation, where in sorted(_SIZES.items()):
        for name in tiers(operation) or (operation,):
            yield from _price(name, where)


def _price(name: str, where: str) -> Iterator[str]:
    """Where it is published, and below that the key."""
    yield from wrap(where, _WIDTH, initial_indent="  #   # ", subsequent_indent="  #   # ")
    yield f"  #   {name}:"

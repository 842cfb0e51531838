"""The same histories over real HTTP: the emulator behind a server, the ledger on the local AWS's DynamoDB."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Any

import boto3

from batchgate.aws import ledger as ledgers
from batchgate.aws.ledger import DynamoLedger
from batchgate.contract import create_table_arguments
from batchgate_cli.local.ministack import running_ministack
from s3batch_emulator import SteppedClock, running_server
from tests.flow.stage import ACCOUNT, REGION
from tests.verification.soak.world import process


@contextmanager
def over_http(endpoint_url: str | None = None) -> Iterator[Callable[[SteppedClock, datetime], DynamoLedger]]:
    """Lead every client of this process over HTTP for the block; gives what makes a ledger on a table of its own.

    Args:
        endpoint_url: Of a local AWS that runs already; one is started otherwise.
    """
    if endpoint_url is None:
        with running_ministack() as started, over_http(started) as made:
            yield made
        return
    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=ledgers.CONFIG,
    )
    numbers = count(1)
    here = process()

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await here.router.world.application(scope, receive, send)
            return
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})

    def ledger(clock: SteppedClock, opened: datetime) -> DynamoLedger:
        number = next(numbers)
        if number > 1:
            dynamodb.delete_table(TableName=f"soak-{number - 1}")
        name = f"soak-{number}"
        dynamodb.create_table(**create_table_arguments(name))
        return DynamoLedger(dynamodb, name, ("aws", REGION, ACCOUNT), clock, _opened_at=opened)

    with running_server(asgi) as url:
        here.reach(url)
        try:
            yield ledger
        finally:
            here.reach()

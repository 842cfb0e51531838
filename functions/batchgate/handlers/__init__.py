"""The functions that Lambda calls; a few lines each.

Everything that is loaded before the first response stays in memory for good. Collecting garbage meanwhile would cost
some 20 ms of a cold start, so in Lambda the collector is off until then, and never examines those objects afterwards.
"""

import gc
import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    gc.disable()


def collecting_after_first_response(handler: Callable[P, T]) -> Callable[P, T]:
    """Turn the garbage collector on after the handler's first invocation, whether it returned or raised."""

    @wraps(handler)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return handler(*args, **kwargs)
        finally:
            if not gc.isenabled():
                gc.freeze()
                gc.enable()

    return wrapped

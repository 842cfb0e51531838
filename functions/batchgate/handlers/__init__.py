"""What Lambda calls; a few lines each.

What is loaded up to the first answer stays for good, so looking for garbage in it is a waste, of some 20 ms at a cold
start. In Lambda the collector is off until then, and what is there by then it never looks at.
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


def collecting_after_the_first_answer(handler: Callable[P, T]) -> Callable[P, T]:
    """Turn the collector on when the handler has answered, or failed, for the first time."""

    @wraps(handler)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return handler(*args, **kwargs)
        finally:
            if not gc.isenabled():
                gc.freeze()
                gc.enable()

    return wrapped

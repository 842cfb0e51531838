"""Serve ministack on one loopback port until standard input ends.

Runs in ministack's own environment, as a file: it may import nothing but the standard library and what is there.
Standard input is the life line to whoever started it: it ends when that process ends, however that one died.
Prints the port that it listens on as its one line of output.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time

SECONDS_TO_END = 5


def main() -> None:
    """Listen on the port named as the first argument (0: any free one) and serve until standard input ends."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        port = listener.getsockname()[1]
        os.environ["GATEWAY_PORT"] = str(port)  # ministack writes it into the URLs that it answers
        print(port, flush=True)
        try:
            asyncio.run(_serve(listener))
        finally:
            _end_group()


async def _serve(listener: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    ended = asyncio.Event()
    threading.Thread(target=_watch_input, args=(asyncio.get_running_loop(), ended), daemon=True).start()
    await serve(app, config, shutdown_trigger=ended.wait)


def _watch_input(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(ended.set)
    time.sleep(SECONDS_TO_END)
    _end_group()  # the loop hangs


def _end_group() -> None:
    """End this process and the functions that it runs, provided that the group is its own."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()

"""What one measured process runs: Lambda's runtime client is loaded, then the clock starts.

    python -I -S cold_start_process.py RUNTIME TASK HANDLER DECISIONS < event

The event on standard input has JOB_ID where the job's id goes; each decision is of another job. Prints one JSON object
as the last line of standard output: milliseconds from the import of the handler's module to the end of the first
decision, the processor's time for the same, both of each later decision, the most memory that was ever resident, and
the files that modules were loaded from.
"""

import json
import sys
import time


def main() -> None:
    """Start as Lambda does, decide, and tell how long it took."""
    runtime, task, handler_name, decisions = sys.argv[1:]
    sys.path[:0] = [task, runtime]
    from awslambdaric import bootstrap
    from awslambdaric.lambda_context import LambdaContext

    template = sys.stdin.read()
    arn = "arn:aws:lambda:us-east-1:123456789012:function:gate"
    context = LambdaContext("request", None, None, (time.time() + 30) * 1000, arn)
    events = [
        json.loads(template.replace("JOB_ID", f"00000000-0000-4000-8000-{number:012}"))
        for number in range(int(decisions))
    ]
    processor, begin = time.process_time(), time.perf_counter()
    handler = bootstrap._get_handler(handler_name)
    answers = [handler(events[0], context)]
    cold = time.perf_counter() - begin
    processor = time.process_time() - processor
    warm, warm_processor = [], []
    for event in events[1:]:
        context = LambdaContext("request", None, None, (time.time() + 30) * 1000, arn)
        used, begin = time.process_time(), time.perf_counter()
        answers.append(handler(event, context))
        warm.append(time.perf_counter() - begin)
        warm_processor.append(time.process_time() - used)
    assert answers == [{"batchItemFailures": []}] * len(answers), answers
    print()
    print(
        json.dumps(
            {
                "cold_ms": cold * 1000,
                "processor_ms": processor * 1000,
                "warm_ms": [each * 1000 for each in warm],
                "warm_processor_ms": [each * 1000 for each in warm_processor],
                "peak_mb": peak_mb(),
                "modules": sorted({getattr(each, "__file__", None) or "" for each in list(sys.modules.values())}),
            }
        )
    )


def peak_mb() -> float:
    """Resident memory at its most; not getrusage's figure, in which a child begins with its parent's."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib would be loaded for it
        kilobytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1_000_000


if __name__ == "__main__":
    main()

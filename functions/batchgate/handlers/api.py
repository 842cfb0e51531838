"""The API that people decide through: API Gateway calls it, with the caller that AWS verified. docs/openapi.yaml."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from batchgate.aws.announcements import count_error
from batchgate.aws.wiring import Home, find_policies, logger, open_ledger, open_ports
from batchgate.contract import API_ROUTES
from batchgate.errors import ChangedError, GateError
from batchgate.gate.people import cancel_for, record_approval
from batchgate.gate.state import Action
from batchgate.handlers import api_budgets, api_gate, api_jobs, collecting_after_first_response
from batchgate.handlers.api_problems import CONTENT_TYPE, ProblemError, Type, problem_of
from batchgate.handlers.api_requests import (
    Decide,
    ListBudgets,
    ListDecisions,
    ListJobs,
    NoQuery,
    PauseGate,
    body_of,
    caller_of,
    query_of,
    reason_in,
)
from batchgate.handlers.api_views import decided
from batchgate.jobs.model import JobRef
from batchgate.policy.wording import logged, printable
from batchgate.text import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from batchgate.gate.ports import PeoplesLedger, Ports, Review
    from batchgate.jobs.model import Json

app: Final = APIGatewayHttpResolver()

_VERSION: Final = re.compile(r"[0-9a-f]{12}")
_WHOLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{5,36}")


@collecting_after_first_response
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway, in its payload format 2.0."""
    return app.resolve(event, context)


def _require_caller(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[str]:
    """Refuse, before anything else, a request of which AWS does not say who calls."""
    who = caller_of(app.current_event.raw_event, _home().account_id)
    app.append_context(who=who)  # type: ignore[no-untyped-call]
    response: Response[str] = next_middleware(app)
    return response


app.use(middlewares=[_require_caller])


def _caller() -> str:
    """Who calls, from the request that the app holds: Lambda gives a process one request at a time.

    Each route still reads it before its first call to AWS. What is read later, the function's ARN, never changes.
    """
    return str(app.context["who"])


def _home() -> Home:
    return Home.of_function(app.lambda_context.invoked_function_arn)


def _ports() -> Ports:
    time_left = timedelta(milliseconds=app.lambda_context.get_remaining_time_in_millis())
    return open_ports(_home(), time_left, for_people=True)


def _ledger() -> PeoplesLedger:
    return open_ledger(_home())


def _answer(
    document: Json, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response[str]:
    return Response(
        status_code=int(status),
        content_type="application/json",
        body=msgspec.json.encode(document).decode(),
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


# --- Jobs -----------------------------------------------------------------------------------------------


@app.get("/jobs")
def list_jobs() -> Response[str]:
    """One page of open jobs."""
    return _answer(api_jobs.list_jobs(query_of(app.current_event.raw_event, ListJobs), _ledger()))


@app.get("/jobs/<job_id>")
def get_job(job_id: str) -> Response[str]:
    """One job, with all that an approver needs."""
    query_of(app.current_event.raw_event, NoQuery)
    home, who, ports = _home(), _caller(), _ports()
    ref = api_jobs.find_job(JobRef(home.partition, home.region, home.account_id, job_id), _ledger())
    return _answer(api_jobs.job_document(ref, who, ports, _ledger()))


@app.post("/jobs/<job_id>/approvals")
def approve_job(job_id: str) -> Response[str]:
    """Put the caller's approval on record, and review the job."""
    return _decide(job_id, record_approval)


@app.post("/jobs/<job_id>/cancellation")
def cancel_job(job_id: str) -> Response[str]:
    """Cancel the job in the caller's name."""
    return _decide(job_id, cancel_for)


def _decide(job_id: str, decide: Callable[[JobRef, str, str, str, Ports], Review]) -> Response[str]:
    event, who, home, ports = app.current_event.raw_event, _caller(), _home(), _ports()
    query_of(event, NoQuery)
    body = body_of(event, Decide)
    if not _WHOLE_ID.fullmatch(job_id):
        raise ProblemError(Type.INVALID, "path: expected a job's whole id, 5 to 36 of A-Z, a-z, 0-9, - and _")
    ref = JobRef(home.partition, home.region, home.account_id, job_id)
    try:
        review = decide(ref, who, reason_in(body), body.digest, ports)
    except ChangedError as changed:
        shown = api_jobs.job_document(ref, who, ports, _ledger())
        raise ProblemError(Type.JOB_CHANGED, str(changed), {"job": shown}) from changed
    status = HTTPStatus.ACCEPTED if review.action is Action.PENDING else HTTPStatus.OK
    return _answer(decided(review, ports.ledger.read(ref)), status)


# --- Decisions ------------------------------------------------------------------------------------------


@app.get("/decisions")
def list_decisions() -> Response[str]:
    """One page of what was decided."""
    query = query_of(app.current_event.raw_event, ListDecisions)
    return _answer(api_jobs.list_decisions(query, _ledger()))


@app.get("/policies/<version>")
def get_policies(version: str) -> Response[str]:
    """The policies of one version."""
    query_of(app.current_event.raw_event, NoQuery)
    if not _VERSION.fullmatch(version):
        raise ProblemError(Type.INVALID, "path: expected a version as decisions name it, 12 of 0-9 and a-f")
    document = find_policies(version)
    if document is None:
        raise ProblemError(
            Type.NOT_FOUND, f"no policies of the version {version} were deployed, as far as they are kept"
        )
    return _answer({"version": version, "document": document})


# --- Budgets --------------------------------------------------------------------------------------------


@app.get("/budgets")
def list_budgets() -> Response[str]:
    """One page of budgets' accounts."""
    query, ports = query_of(app.current_event.raw_event, ListBudgets), _ports()
    return _answer(api_budgets.list_budgets(query, ports.policies.current(), _ledger(), ports.clock.now()))


# --- The gate -------------------------------------------------------------------------------------------


@app.get("/pause")
def get_pause() -> Response[str]:
    """Whether the gate is paused."""
    query_of(app.current_event.raw_event, NoQuery)
    return _answer_pause(api_gate.show_pause(_ledger()))


@app.put("/pause")
def pause_gate() -> Response[str]:
    """Pause the gate in the caller's name."""
    event = app.current_event.raw_event
    query_of(event, NoQuery)
    reason = reason_in(body_of(event, PauseGate))
    found = api_gate.pause_gate(_caller(), reason, _ledger())
    logger.info("pause", extra={"pause": found})
    return _answer_pause(found)


@app.delete("/pause")
def resume_gate() -> Response[str]:
    """End the pause that the caller names."""
    query_of(app.current_event.raw_event, NoQuery)
    who = _caller()
    found = api_gate.resume_gate(app.current_event.headers.get("if-match"), _ledger())
    logger.info("resume", extra={"pause": found, "by": who})
    return _answer_pause(found)


def _answer_pause(found: dict[str, Json]) -> Response[str]:
    return _answer(found, headers={"ETag": str(found["etag"])} if found["paused"] else None)


@app.get("/status")
def get_status() -> Response[str]:
    """Whether the gate works."""
    query_of(app.current_event.raw_event, NoQuery)
    return _answer(api_gate.status(_home(), _ports(), _ledger()))


# --- Errors ---------------------------------------------------------------------------------------------


@app.exception_handler(GateError)  # type: ignore[untyped-decorator]
def _refuse(error: GateError) -> Response[str]:
    """Answer any error of the gate with its problem document. What is no refusal is logged and counted."""
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed: error of the gate", extra={"error": logged(error)})
        count_error(error)
    return _problem(problem)


@app.exception_handler(NotFoundError)  # type: ignore[untyped-decorator]
def _refuse_route(_: NotFoundError) -> Response[str]:
    """Answer a path or method that the API does not have."""
    event = app.current_event
    methods = [method for method, path in API_ROUTES if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), event.path)]
    if methods and event.http_method not in methods:
        detail = f"{event.path}: expected {' or '.join(methods)}"
        return _problem(ProblemError(Type.METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(methods)}))
    return _problem(ProblemError(Type.NOT_FOUND, "there is no such route; docs/openapi.yaml describes all"))


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def _fail(error: Exception) -> Response[str]:
    """The outermost boundary of a request: its caller learns nothing of an unexpected error's inside."""
    at = [f"{each.filename}:{each.lineno} {each.name}" for each in extract_tb(error.__traceback__)]
    details = {"error": shorten(printable(repr(error))), "at": at}
    logger.error("request failed: unexpected error", extra=details)
    count_error(error)
    return _problem(ProblemError(Type.ERROR, "unexpected error; it is in the log of the gate's function"))


def _problem(problem: ProblemError) -> Response[str]:
    return Response(
        status_code=int(problem.status),
        content_type=CONTENT_TYPE,
        body=msgspec.json.encode(problem.as_json()).decode(),
        headers={"Cache-Control": "no-store", **problem.headers},
    )

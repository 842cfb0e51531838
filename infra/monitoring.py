"""How people see that the gate works: alarms, a dashboard and saved queries."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from batchgate.contract import BUDGET_DIMENSION, Metric
from infra.alarms import (
    AlarmSpec,
    alarms_of_api,
    alarms_of_decisions,
    alarms_of_events,
    alarms_of_functions,
    alarms_of_manifests,
    alarms_of_policies,
)
from infra.dashboard import rows_of_widgets
from infra.gate_functions import GateFunctions
from infra.job_events import JobEvents
from infra.manifest_reading import ManifestReading
from infra.people_api import PeopleApi
from infra.settings import Settings


class Monitoring(Construct):
    """Alarms that notify the topic, one dashboard unless idle, and saved queries on the decisions in the logs.

    Attributes:
        of_harmful_policies: The alarms by which AppConfig rolls a new policy back. They depend on the topic alone, so
            they exist before the functions. Without data their state is OK, because AppConfig rolls back on
            INSUFFICIENT_DATA, too.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        job_events: JobEvents,
        functions: GateFunctions,
        people_api: PeopleApi,
        manifest_reading: ManifestReading | None,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._action = actions.SnsAction(topic)
        specs = (
            *alarms_of_policies(),
            *alarms_of_events(job_events),
            *alarms_of_functions(functions),
            *alarms_of_api(people_api),
            *alarms_of_manifests(manifest_reading),
            *alarms_of_decisions(settings.held_alarm_hours, idle=settings.idle),
        )
        specs = tuple(each for each in specs if each.when_idle or not settings.idle)
        alarms = {each.name: self._alarm(each) for each in specs}
        self.of_harmful_policies = tuple(alarms[each.name] for each in specs if each.rolls_back)
        if not settings.idle:
            cloudwatch.Dashboard(
                self,
                "Dashboard",
                dashboard_name=f"{settings.stack_name}-{Stack.of(self).region}",  # unique in all Regions of an account
                default_interval=Duration.days(1),
                widgets=rows_of_widgets([*alarms.values()], job_events, functions, people_api),
            )
        self._queries(functions)

    def _alarm(self, spec: AlarmSpec) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in spec.name.split("-")),
            alarm_name=f"{self._settings.stack_name}-{spec.name}",
            alarm_description=f"{spec.means} {spec.do} Step by step: docs/operations.md#{spec.name}",
            metric=spec.metric,
            threshold=spec.threshold,
            comparison_operator=spec.comparison,
            evaluation_periods=spec.out_of,
            datapoints_to_alarm=spec.of,
            treat_missing_data=spec.missing,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm

    def _queries(self, functions: GateFunctions) -> None:
        groups = [each.log_group for each in functions.deciding]
        columns = ("@timestamp", "decision.job_id", "decision.action", "decision.reason", "decision.policy_version")
        for construct_id, name, lines in (
            (
                "WhyJob",
                "why was job X decided so",
                {
                    "fields": [*columns, "decision.decided_by", "decision.claim_id", "decision.status"],
                    "filter_statements": ['decision.job_id = "put the job id here"'],
                    "sort": "@timestamp asc",
                },
            ),
            (
                "CancelledByPolicy",
                "what did policy Y cancel this week",
                {
                    "fields": [*columns, "decision.operation", "decision.total_tasks"],
                    "filter_statements": [
                        'decision.action = "cancelled"',
                        "decision.decided_by = decision.policy_version",
                        'decision.reason like "cancelled by put the policy name here"',
                    ],
                    "sort": "@timestamp desc",
                },
            ),
            (
                "Slowest",
                "slowest decisions",
                {
                    "fields": [*columns, "decision.seconds_to_decision"],
                    "filter_statements": ["ispresent(decision.seconds_to_decision)"],
                    "sort": "decision.seconds_to_decision desc",
                },
            ),
            (
                "Budgets",
                "how full is each budget",
                {
                    "filter_statements": [f"ispresent({Metric.BUDGET_USED})"],
                    "stats_statements": [
                        f"max({Metric.BUDGET_USED}) as percent, count(*) as reviews by {BUDGET_DIMENSION}, bin(1h)"
                    ],
                },
            ),
            (
                "WhatWentWrong",
                "warnings and errors",
                {
                    "fields": ["@timestamp", "level", "message", "error", "job"],
                    "filter_statements": ['level in ["WARNING", "ERROR", "CRITICAL"]'],
                    "sort": "@timestamp desc",
                },
            ),
        ):
            logs.QueryDefinition(
                self,
                f"{construct_id}Query",
                query_definition_name=f"{self._settings.stack_name}/{name}",
                query_string=logs.QueryString(limit=200, **lines),
                log_groups=groups,
            )

"""The API that people decide through: who calls is what AWS says, and each route is a permission."""

import json
from typing import Final, cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from batchgate.contract import API_ROUTES, API_STAGE
from infra.encryption import GateKey
from infra.settings import Settings

REQUESTS_PER_SECOND: Final = 50
REQUESTS_AT_ONCE: Final = 100
"""Of all callers together: more than a team's commands ask for, and few enough to leave the account its quota.

*Source*: API Gateway quotas: 10,000 requests a second and 5,000 at once, for all APIs of an account in a Region.
"""

ACCESS_LOG: Final = {
    "path": "$context.path",
    "at": "$context.requestTime",
    "request_id": "$context.requestId",
    "caller": "$context.identity.userArn",
    "account": "$context.identity.accountId",
    "source_ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "error": "$context.error.message",
    "integration_error": "$context.integrationErrorMessage",
    "milliseconds": "$context.responseLatency",
    "bytes": "$context.responseLength",
}
"""One line a request, also of those that API Gateway refuses. No query: reasons and patterns are no business of it.

Whether API Gateway escapes what it puts into a line is not documented. So of what a caller writes only the path is in
it, and comes first: of a member that is there twice the last one counts, which is AWS's.

*Source*: API Gateway Developer Guide, "Customize HTTP API access logs".
"""


class PeopleApi(Construct):
    """An HTTP API in front of one function. Every route has IAM authorization; there is no route for anything else.

    Attributes:
        api: The API; no CORS, so no page of another origin can read what it answers.
        log_group: The access log.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        key: GateKey | None,
        function: lambda_.Function,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = apigatewayv2.HttpApi(
            self,
            "Api",
            api_name=settings.stack_name,
            description="Decide the S3 Batch Operations jobs that batchgate holds",
            create_default_stage=False,
            default_authorizer=authorizers.HttpIamAuthorizer(),
        )
        integration = integrations.HttpLambdaIntegration("Function", function, scope_permission_to_route=False)
        for method, path in API_ROUTES:
            self.api.add_routes(path=path, methods=[apigatewayv2.HttpMethod[method]], integration=integration)
        self.log_group = logs.LogGroup(
            self,
            "AccessLogs",
            encryption_key=key.key if key else None,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,  # they say who asked for what
        )
        cast("logs.CfnLogGroup", self.log_group.node.default_child).retention_in_days = settings.log_retention_days
        self._stage = apigatewayv2.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name=API_STAGE,
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=REQUESTS_PER_SECOND, burst_limit=REQUESTS_AT_ONCE),
        )
        stage = cast("apigatewayv2.CfnStage", self._stage.node.default_child)
        stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=self.log_group.log_group_arn, format=json.dumps(ACCESS_LOG)
        )

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return self.api.api_endpoint

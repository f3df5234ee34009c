"""Schema of problem documents."""

from __future__ import annotations

from collections.abc import Mapping

from order_engine.application.runtime import Readiness
from order_engine.domain.commands import CLIENT_ACTIONS
from order_engine.wire.problems import TYPE_PREFIX
from order_engine_adapters.http.openapi.known_problems import known_problems
from order_engine_adapters.http.openapi.schemas.shapes import TEXT, Schema, open_set, received, reference


def problem() -> Mapping[str, Schema]:
    """Return the schema and its parts by name."""
    codes = [known.code for known in known_problems()]
    members: Mapping[str, Schema] = {
        "type": {**TEXT, "format": "uri", "description": f"`{TYPE_PREFIX}` and the code."},
        "title": {**TEXT, "description": "Short description of the code."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
        "detail": {**TEXT, "description": "Explanation of this occurrence."},
        "code": open_set(codes, "Stable identifier of the problem type."),
        "errors": {"type": "array", "items": reference("FieldProblem")},
        "order_status": reference("OrderStatus") | {"description": "The status of the order whose action was refused."},
        "allowed": {
            "type": "array",
            "items": open_set(CLIENT_ACTIONS, "An action that is currently allowed."),
            "description": "Allowed actions, if an action was refused.",
        },
        "state": open_set(
            [state for state in Readiness if state is not Readiness.READY],
            "For `/readyz`: why orders cannot be placed.",
        ),
        "request_id": {**TEXT, "description": "The request id, as in `X-Request-ID`."},
    }
    return {
        "Problem": received(
            members,
            "A problem document (RFC 9457).",
            optional=["errors", "order_status", "allowed", "state", "request_id"],
            # RFC 9457, section 3.2: clients must accept unknown members.
            additionalProperties=True,
        ),
        "FieldProblem": received(
            {
                "pointer": {**TEXT, "description": "JSON Pointer (RFC 6901) to the invalid value."},
                "detail": TEXT,
            },
            "An error in one value of the body.",
        ),
    }

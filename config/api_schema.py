"""What the OpenAPI description says of every call: how it is signed, and which errors it may give."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView

schema = SpectacularAPIView.as_view()

STATUSES = {
    "400": "Something in the request is not right: `field` names what, `detail` says how to mend it.",
    "401": "No token, or one that is unknown, revoked or expired.",
    "403": "Not for you: you organise this bounty, or the CSRF token of a browser session is missing.",
    "404": "It does not exist, or it is not yours to see.",
    "409": "Not now: the bounty is not open, or the Idempotency-Key stands for another submission.",
    "413": "The body or the file is too big.",
    "415": "Send application/json or multipart/form-data.",
    "429": "Too many requests, or a quota is used up. `Retry-After` says in how many seconds it is worth "
    "trying again, where that is known.",
}
ERROR = {
    "type": "object",
    "required": ["code", "detail", "field"],
    "properties": {
        "code": {"type": "string", "description": "For programs.", "examples": ["rule_error"]},
        "detail": {"type": "string", "description": "For people: a sentence that says what to change."},
        "field": {"type": ["string", "null"], "description": "What it is about, where it is one thing."},
    },
    "example": {
        "code": "bounty_closed",
        "detail": "This bounty takes no submissions: it is closed.",
        "field": None,
    },
}


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "config.api.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema) -> dict:
        return {"type": "http", "scheme": "bearer"}


def document_errors(result: dict, generator, request, public) -> dict:
    result["components"]["schemas"]["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            for status in statuses(path, operation):
                answer = {"description": STATUSES[status], "content": content}
                operation["responses"].setdefault(status, answer)
    return result


def statuses(path: str, operation: dict) -> list[str]:
    asked = any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
    found = {"401", "429"}
    if "{" in path:
        found.add("404")
    if asked:
        found.add("400")
    if "requestBody" in operation:
        found |= {"400", "403", "409", "413", "415"}
    return sorted(found)

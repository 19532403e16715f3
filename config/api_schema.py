"""What the OpenAPI description says of every call: how it is signed, and which errors it may give."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView

from .api import BAD_TOKEN

schema = SpectacularAPIView.as_view()

# Of each status: what it means, and one answer that has it.
STATUSES = {
    "400": (
        "Something in the request is not right: `field` names what, `detail` says how to mend it.",
        ("rule_error", "There is no column “agee”. Did you mean “age”?", "group_rule"),
    ),
    "401": ("No token, or one that is unknown, revoked or expired.", ("wrong_token", BAD_TOKEN, None)),
    "403": (
        "Not for you: you organise this bounty, the CSRF token of a browser session is missing, or a second "
        "factor is due (`mfa_required`): organisers and staff may need one, and a session shows it once.",
        ("own_bounty", "You organise this bounty, so you cannot submit to it.", None),
    ),
    "404": (
        "It does not exist, or it is not yours to see.",
        ("not_found", "No Audit matches the given query.", None),
    ),
    "409": (
        "Not now: the bounty is not open, the audit has no result, or the Idempotency-Key stands for "
        "something else.",
        ("bounty_closed", "This bounty takes no submissions: it is closed.", None),
    ),
    "413": (
        "The body or the file is too big.",
        ("file_too_big", "The file has 20,000,001 bytes; at most 20,000,000 are taken.", "group_file"),
    ),
    "415": (
        "Send application/json or multipart/form-data.",
        ("unsupported_media_type", 'Unsupported media type "text/plain" in request.', None),
    ),
    "429": (
        "Too many requests, or a quota is used up. `Retry-After` says in how many seconds it is worth "
        "trying again, where that is known.",
        ("throttled", "Request was throttled. Expected available in 12 seconds.", None),
    ),
}
# Calls that give what a worker has computed, or what an organiser has prepared.
NEED_A_RESULT = ("/result/", "/export.csv", "/sample/", "/model/", "/groups/", "/bundle/", "/bundle.onnx/")
# Answers that have one of several shapes.
ANY_OF = ("AnySubmission", "CheckResult")
ERROR = {
    "type": "object",
    "required": ["code", "detail", "field"],
    "properties": {
        "code": {"type": "string", "description": "For programs."},
        "detail": {"type": "string", "description": "For people: a sentence that says what to change."},
        "field": {"type": ["string", "null"], "description": "What it is about, where it is one thing."},
    },
}


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "config.api.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema) -> dict:
        return {"type": "http", "scheme": "bearer"}


def document_errors(result: dict, generator, request, public) -> dict:
    result["components"]["schemas"]["Error"] = ERROR
    for one in ANY_OF:
        schema = result["components"]["schemas"][one]
        # What a team sees of a submission is a part of what its organisers see.
        schema["anyOf"] = schema.pop("oneOf")
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    # As if it were left out.
                    parameter["allowEmptyValue"] = True
            for status in statuses(path, method, operation):
                operation["responses"].setdefault(status, error_answer(status))
    return result


def error_answer(status: str) -> dict:
    meaning, example = STATUSES[status]
    body = {
        "schema": {"$ref": "#/components/schemas/Error"},
        "example": dict(zip(ERROR["required"], example, strict=True)),
    }
    return {"description": meaning, "content": {"application/json": body}}


def statuses(path: str, method: str, operation: dict) -> list[str]:
    asked = any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
    found = {"401", "429"}
    if "{" in path:
        found.add("404")
    if asked:
        found.add("400")
    if path.endswith(NEED_A_RESULT):
        found.add("409")
    if method != "get":
        found.add("403")
    if "requestBody" in operation:
        found |= {"400", "403", "409", "413", "415"}
    return sorted(found)

"""What was submitted, as bytes: of rules and constants the text, of models the file."""

from django.db.models.fields.files import FieldFile

from .models import GroupJob
from .sandbox import Payload


def group_payload(job: GroupJob) -> Payload:
    if job.group_format == "rule":
        return Payload("rule", job.group_rule.encode())
    return Payload(job.group_format, read(job.group_file))


def predictor_payload(job: GroupJob) -> Payload:
    written = {"rule": job.predictor_rule, "constant": job.predictor_value}
    if job.predictor_format in written:
        return Payload(job.predictor_format, written[job.predictor_format].encode())
    return Payload(job.predictor_format, read(job.predictor_file))


def read(stored: FieldFile) -> bytes:
    with stored.open() as file:
        return file.read()

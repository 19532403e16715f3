"""The repaired model as files for its organiser to take away."""

from django.core.files.storage import default_storage

from fairness.bundle import Bundle, Fix, Part, Task
from fairness.bundle_file import write_bundle
from fairness.onnx_merge import NotMergeable, merge_onnx
from fairness.pointer_list import Node

from .models import Bounty, Submission
from .parts import schema_of
from .payloads import group_payload, predictor_payload
from .repaired import fixes_in, live_of

__all__ = ["NOT_REPAIRED", "ONNX", "ZIP", "NotMergeable", "bundle_of", "onnx_file", "zip_file"]

ZIP, ONNX = "application/zip", "application/octet-stream"
NOT_REPAIRED = "This bounty takes finds only, so its model is not repaired."


def zip_file(bounty: Bounty) -> bytes:
    return write_bundle(bundle_of(bounty))


def onnx_file(bounty: Bounty) -> bytes:
    """Raises NotMergeable with the reason, a sentence."""
    return merge_onnx(bundle_of(bounty))


def bundle_of(bounty: Bounty) -> Bundle:
    """The shared list and its parts. It is dated by the last acceptance, so that it is the same each time."""
    live = live_of(bounty)
    fixes, overall = fixes_in(live), live.life["overall"]
    last = fixes[-1].finished if fixes else bounty.opened_at
    return Bundle(
        bounty=bounty.slug,
        title=bounty.title,
        made=last.isoformat(timespec="seconds"),
        licence=bounty.licence,
        schema=schema_of(bounty),
        task=Task(
            kind=bounty.predicts,
            loss=bounty.loss,
            labels=tuple(bounty.labels),
            positive=bounty.positive_label,
            label_column=bounty.label_column,
            prediction_column=bounty.prediction_column,
        ),
        base=base_model(bounty),
        fixes=tuple(fix_of(number, fix) for number, fix in enumerate(fixes, start=1)),
        nodes=tuple(Node(node["group"], node["points_to"]) for node in live.nodes),
        errors={
            "leaderboard_half": {"before": overall[0], "after": overall[-1]},
            "final_half": bounty.final.get("model"),
        },
    )


def base_model(bounty: Bounty) -> Part | None:
    """The organiser's own model, where it was uploaded."""
    if "path" not in bounty.base_model:
        return None
    with default_storage.open(bounty.base_model["path"]) as file:
        return Part("onnx", file.read())


def fix_of(number: int, fix: Submission) -> Fix:
    group, predictor = group_payload(fix), predictor_payload(fix)
    return Fix(
        number=number,
        team=fix.team.name,
        submission=fix.pk,
        group=Part(group.format, group.data),
        predictor=Part(predictor.format, predictor.data),
    )

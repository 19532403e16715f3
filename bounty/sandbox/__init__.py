"""Run submitted models, all of them taken for hostile, on rows their authors never see."""

from .codes import FORMATS, REJECTIONS, Rejected, SandboxFailure
from .host import Output, Sandbox
from .judge import (
    Agreement,
    FixOutput,
    GroupOutput,
    Payload,
    check_base_model,
    judge_fix,
    judge_group,
)
from .table import FeatureTable
from .uses import group_uses
from .wanted import Wanted

__all__ = [
    "FORMATS",
    "REJECTIONS",
    "Agreement",
    "FeatureTable",
    "FixOutput",
    "GroupOutput",
    "Output",
    "Payload",
    "Rejected",
    "Sandbox",
    "SandboxFailure",
    "Wanted",
    "check_base_model",
    "group_uses",
    "judge_fix",
    "judge_group",
]

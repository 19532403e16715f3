"""Run submitted models, all of them taken for hostile, on rows their authors never see."""

from .codes import FORMATS, REJECTIONS, Rejected, SandboxFailure
from .host import Output, Sandbox
from .judge import Agreement, GroupOutput, check_base_model, judge_group
from .table import FeatureTable

__all__ = [
    "FORMATS",
    "REJECTIONS",
    "Agreement",
    "FeatureTable",
    "GroupOutput",
    "Output",
    "Rejected",
    "Sandbox",
    "SandboxFailure",
    "check_base_model",
    "judge_group",
]

"""What the page of a submission shows of its outcome: the rejection, the exact numbers, what was sent."""

from django.db.models.fields.files import FieldFile

from .. import repaired, words
from ..models import Check, Submission
from ..sandbox import REJECTIONS
from ..sandbox.judge import ABOUT_PREDICTOR


def rejection_of(job: Submission | Check) -> dict:
    """What to change and, of a fix, in which of its two models; of hidden rows that is not told."""
    if not job.error:
        return {}
    about = ""
    if job.predictor_format and job.error != "failed_on_hidden_rows" and not getattr(job, "on_hidden", False):
        about = "predictor" if job.error_detail.startswith(ABOUT_PREDICTOR) else "group"
    detail = job.error_detail.removeprefix(ABOUT_PREDICTOR).strip()
    return {"refusal": f"{REJECTIONS.get(job.error, '')} {detail}".strip(), "about": about}


def numbers_of(submission: Submission) -> dict:
    if not submission.numbers:
        return {}
    if submission.kind == Submission.Kind.FIX:
        return fix_numbers(submission)
    return {"numbers": find_numbers(submission)}


def find_numbers(find: Submission) -> dict:
    """The verdict's numbers with the rates of each part."""
    parts = [
        part
        | {
            "rate": part["errors"] / part["exposure"],
            "rest_rate": part["rest_errors"] / part["rest_exposure"],
        }
        for part in find.numbers.get("parts", [])
    ]
    return find.numbers | {"parts": parts, "part_level": find.bounty.level / 2}


def fix_numbers(fix: Submission) -> dict:
    """Its number in the model, and the verdicts on the shared list and on the team's own, side by side."""
    shared, solo = fix.numbers, fix.numbers["solo"]
    return {
        "number": repaired.numbers_of(fix.bounty)[fix.pk] if fix.accepted else None,
        "lists": [with_words(shared), with_words(solo)],
        "test": words.TESTS.get(shared["test"] or solo["test"], ""),
        "repairs": [{"fix": number, "version": version} for number, version in shared["repairs"]],
        "own_repairs": own_repairs(fix) if solo["repairs"] else [],
    }


def with_words(verdict: dict) -> dict:
    """With the error of the group, and of all rows, were the predictor alone taken in."""
    weight, before = verdict["group_weight"], verdict["group_before"]
    return verdict | {
        "said": Submission.Code(verdict["code"]).label,
        "group_alone": before - verdict["gain"] / weight if weight else None,
        "alone": verdict["before"] - verdict["gain"],
    }


def own_repairs(fix: Submission) -> list[dict]:
    """Repairs of the team's own list, whose groups are those of its own fixes."""
    own = list(fix.team.submissions.filter(solo_accepted=True).order_by("id").values_list("pk", flat=True))
    return [
        {"fix": own[number - 1], "version": version} for number, version in fix.numbers["solo"]["repairs"]
    ]


def sent_with(submission: Submission) -> dict:
    """Sizes of the files that were sent."""
    return {
        "group_size": size_of(submission.group_file),
        "predictor_size": size_of(submission.predictor_file),
    }


def size_of(file: FieldFile) -> int | None:
    try:
        return file.size if file else None
    except FileNotFoundError:
        return None

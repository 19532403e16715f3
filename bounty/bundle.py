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



@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for as long as the block runs; a file that is open then goes on until it is closed."""
    with tempfile.TemporaryDirectory() as name:
        try:
            yield Path(name)
        except BundleError as error:
            raise NotWritten(str(error)) from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise NotWritten(NO_ROOM) from error


def zip_in(folder: Path, bounty: Bounty) -> Path:
    path = folder / "bundle.zip"
    with path.open("wb") as file:
        write_bundle(bundle_of(bounty), file)
    return path


def merge(folder: Path) -> None:
    """From bundle.zip to repaired.onnx, in a process that knows nothing of the site."""
    limits = [f"--seconds={MERGE_SECONDS}", f"--memory-mb={MERGE_MEMORY_MB}"]
    command = [sys.executable, "-m", "fairness", "merge", "bundle.zip", "repaired.onnx", *limits]
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(settings.BASE_DIR),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
    }
    with (folder / "said").open("wb") as stderr:
        try:
            ended = subprocess.run(  # noqa: S603 -- our own program and arguments, no shell
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                timeout=2 * MERGE_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise NotWritten(TOO_SLOW.format(seconds=MERGE_SECONDS)) from error
    if ended == 0:
        return
    with (folder / "said").open("rb") as file:
        said = file.read(SAID_BYTES).decode(errors="replace")
    if ended == BAD_INPUT:
        raise NotWritten(said.partition("\n")[0].removeprefix("merge: "))
    if ended in (-signal.SIGXCPU, -signal.SIGKILL):
        raise NotWritten(TOO_SLOW.format(seconds=MERGE_SECONDS))
    logger.warning("merging a bundle ended with %s: %s", ended, said)
    raise NotWritten(ENDED.format(memory=MERGE_MEMORY_MB))


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

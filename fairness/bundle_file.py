"""A bundle as one zip file: manifest.json, and every model as a file of its own with its SHA-256.

docs/bundle.md says what each field holds.
"""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from fairness.bundle import Bundle, BundleError, Fix, Part, Task, check_bundle
from fairness.columns import Column, shown
from fairness.pointer_list import Node

FORMAT, VERSION = "faultline-bundle", 1
MANIFEST = "manifest.json"
MAX_MANIFEST = 32 << 20
MAX_UNPACKED = 1 << 30
EXTENSIONS = {"rule": "sql", "constant": "txt", "onnx": "onnx", "skops": "skops", "python": "py"}
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # zip knows none before; a real time would make equal bundles differ

PART = {"format": str, "file": str, "sha256": str}
FIX = {"number": int, "team": str, "submission": int, "group": PART, "predictor": PART}
FIELDS: dict[str, Any] = {
    "format": str,
    "version": int,
    "bounty": str,
    "title": str,
    "made": str,
    "licence": str,
    "schema": [{"name": str, "dtype": str}],
    "task": {
        "kind": str,
        "loss": str,
        "labels": [str],
        "positive": str,
        "label_column": str,
        "prediction_column": str,
    },
    "base": (PART, {"format": str, "column": str}),
    "fixes": [FIX],
    "nodes": [{"group": int, "version": (int, type(None))}],
    "errors": dict,
}
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, KeyError)


def write_bundle(bundle: Bundle, file: IO[bytes], *, max_unpacked: int = MAX_UNPACKED) -> None:
    """Write the bundle as a zip file, one model after the other; equal bundles give equal bytes.

    Raises BundleError where its parts do not fit together or are more than `read_bundle` takes, ValueError
    for a number in `errors` that is not finite.
    """
    check_bundle(bundle)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        store = _Store(archive, max_unpacked)
        text = json.dumps(_described(bundle, store), indent=1, ensure_ascii=False, allow_nan=False).encode()
        if len(text) > MAX_MANIFEST:
            raise BundleError(f"The bundle's {MANIFEST} would have more than {MAX_MANIFEST >> 20} MB.")
        store.add(MANIFEST, text)


class _Store:
    """The archive that is being written, and how much has gone into it."""

    def __init__(self, archive: zipfile.ZipFile, max_unpacked: int) -> None:
        self.archive, self.left, self.most = archive, max_unpacked, max_unpacked

    def part(self, stem: str, part: Part) -> dict[str, str]:
        name, data = f"{stem}.{EXTENSIONS[part.format]}", part.data
        self.add(name, data)
        return {"format": part.format, "file": name, "sha256": hashlib.sha256(data).hexdigest()}

    def add(self, name: str, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            raise BundleError(
                f"The models have more than {self.most / 2**20:,.0f} MB together; a bundle may not hold more."
            )
        entry = zipfile.ZipInfo(name, FIRST_DAY)
        entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
        self.archive.writestr(entry, data)


def _described(bundle: Bundle, store: _Store) -> dict[str, Any]:
    """The manifest, once the models that it names are stored."""
    task = bundle.task
    return {
        "format": FORMAT,
        "version": VERSION,
        "bounty": bundle.bounty,
        "title": bundle.title,
        "made": bundle.made,
        "licence": bundle.licence,
        "schema": [{"name": column.name, "dtype": column.dtype} for column in bundle.schema],
        "task": vars(task) | {"labels": list(task.labels)},
        "base": {"format": "column", "column": task.prediction_column}
        if bundle.base is None
        else store.part("base", bundle.base),
        "fixes": [
            {
                "number": fix.number,
                "team": fix.team,
                "submission": fix.submission,
                "group": store.part(f"parts/{fix.number:03}-group", fix.group),
                "predictor": store.part(f"parts/{fix.number:03}-predictor", fix.predictor),
            }
            for fix in bundle.fixes
        ],
        "nodes": [vars(node) for node in bundle.nodes],
        "errors": bundle.errors,
    }


def read_bundle(file: Path | str | IO[bytes], *, max_unpacked: int = MAX_UNPACKED) -> Bundle:
    """The bundle in a zip file, once every file in it has the hash that the manifest gives.

    Nothing is unpacked to disk. Raises BundleError for a file that is no bundle, is of another version, holds
    other files than its manifest names, unpacks to more than `max_unpacked` bytes, or was changed.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > max_unpacked:
                raise BundleError(f"The bundle unpacks to more than {max_unpacked / 2**20:,.0f} MB.")
            if any(entry.compress_type not in COMPRESSIONS for entry in entries):
                raise BundleError("The bundle is compressed in another way than bundles are.")
            manifest = _manifest(archive)
            files = _files(manifest)
            found = [entry.filename for entry in entries]
            _check_names(found, [MANIFEST, *files])
            contents = {name: archive.read(name) for name in files}
    except BROKEN as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise BundleError("The file is no bundle, or it is damaged: it cannot be unpacked.") from error
    for name, sha256 in files.items():
        if hashlib.sha256(contents[name]).hexdigest() != sha256:
            raise BundleError(f"{shown(name)} is not what was bundled: its SHA-256 is another. Get it anew.")
    bundle = _bundle(manifest, contents)
    check_bundle(bundle)
    return bundle


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    if MANIFEST not in archive.namelist():
        raise BundleError(f"The file is no bundle: it holds no {MANIFEST}.")
    if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST:
        raise BundleError(f"{MANIFEST} has more than {MAX_MANIFEST >> 20} MB.")
    try:
        manifest = json.loads(archive.read(MANIFEST))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{MANIFEST} is not JSON.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleError(f"The file is no bundle: the format in its {MANIFEST} is not {FORMAT}.")
    if manifest.get("version") != VERSION:
        given = shown(manifest.get("version"))
        raise BundleError(f"The bundle is of version {given}; this program reads version {VERSION}.")
    if misfit := _misfit(manifest, FIELDS, "the manifest"):
        raise BundleError(f"{MANIFEST} is not as it should be: see {misfit}.")
    return manifest


def _misfit(value: object, wanted: Any, place: str) -> str | None:
    """The first place where a JSON value is not as wanted: a type, a record, a list, or one of several."""
    if isinstance(wanted, tuple):
        misfits = [_misfit(value, one, place) for one in wanted]
        return None if None in misfits else misfits[0]
    if isinstance(wanted, list):
        if not isinstance(value, list):
            return place
        found = (_misfit(item, wanted[0], f"{place}[{i}]") for i, item in enumerate(value))
        return next((misfit for misfit in found if misfit), None)
    if isinstance(wanted, dict):
        if not isinstance(value, dict) or value.keys() != wanted.keys():
            return place
        found = (_misfit(value[key], one, f"{key} in {place}") for key, one in wanted.items())
        return next((misfit for misfit in found if misfit), None)
    return None if type(value) is wanted else place


def _records(manifest: dict[str, Any]) -> list[dict[str, str]]:
    fixes = manifest["fixes"]
    base = [manifest["base"]] if "file" in manifest["base"] else []
    return [*base, *(fix[role] for fix in fixes for role in ("group", "predictor"))]


def _files(manifest: dict[str, Any]) -> dict[str, str]:
    """Name -> hash of the files the manifest names."""
    records = _records(manifest)
    files = {record["file"]: record["sha256"] for record in records}
    if len(files) < len(records):
        raise BundleError(f"{MANIFEST} names one file for two models.")
    return files


def _check_names(found: list[str], named: list[str]) -> None:
    for name in found:
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise BundleError(f"The bundle holds a file called {shown(name)}, which points outside of it.")
    if unknown := sorted(set(found) - set(named)):
        raise BundleError(f"The bundle holds {shown(unknown[0])}, which {MANIFEST} does not name.")
    if missing := sorted(set(named) - set(found)):
        raise BundleError(f"The bundle lacks {shown(missing[0])}, which {MANIFEST} names.")
    if len(found) > len(named):
        raise BundleError("The bundle holds two files of one name.")


def _bundle(manifest: dict[str, Any], contents: dict[str, bytes]) -> Bundle:
    def part(record: dict[str, str]) -> Part:
        return Part(record["format"], contents[record["file"]])

    task, base = manifest["task"], manifest["base"]
    if "file" not in base and (base["format"], base["column"]) != ("column", task["prediction_column"]):
        raise BundleError("The base model is an ONNX model, or the task's column of predictions.")
    return Bundle(
        bounty=manifest["bounty"],
        title=manifest["title"],
        made=manifest["made"],
        licence=manifest["licence"],
        schema=tuple(Column(**column) for column in manifest["schema"]),
        task=Task(**task | {"labels": tuple(task["labels"])}),
        base=part(base) if "file" in base else None,
        fixes=tuple(
            Fix(**fix | {"group": part(fix["group"]), "predictor": part(fix["predictor"])})
            for fix in manifest["fixes"]
        ),
        nodes=tuple(Node(**node) for node in manifest["nodes"]),
        errors=manifest["errors"],
    )

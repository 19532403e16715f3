"""A whole repaired model as one ONNX file.

Its inputs are the schema's columns by name, [rows, 1]: float64 for numbers, NaN where missing, and strings,
"" where missing. Its first output is the answer, [rows], named after the task's kind: `label` (strings, also
where labels are numbers), `number` or `probability` (float64). Its second is `answered_by`, int64 [rows]: 0
for the base model, k for fix k.

The graph does what `fairness.bundle_predict` does. Groups and the base model run on all rows. Who answers a
row is a chain of versions, each a choice between the version before it and a fix or a version pointed to. A
predictor runs on the rows it answers, and not at all where there are none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, ValueInfoProto, checker, helper

from fairness.bundle import (
    ANSWERED_BY,
    BASE,
    Bundle,
    Fix,
    NotMergeable,
    check_bundle,
    check_mergeable,
    part_name,
    parts,
)
from fairness.bundle_answers import constant
from fairness.onnx_answers import answers_of, group_of
from fairness.onnx_check import DEFAULT
from fairness.onnx_graph import DOUBLE, INT64, STRING, Graph, rows_of
from fairness.onnx_inputs import Feed
from fairness.onnx_parts import OLDEST, convert, embed, feeds_of, read_part, versions_needed
from fairness.onnx_rules import add_rule


@dataclass(frozen=True)
class Model:
    """An ONNX part ready to be embedded, what its inputs are given, and its output as stated."""

    proto: ModelProto
    feeds: tuple[Feed, ...]
    output: ValueInfoProto


def merge_onnx(bundle: Bundle) -> bytes:
    """The bundle as one ONNX file that answers every row as the bundle does.

    An answer that stops the bundle because it is none of the labels is "" here. Raises NotMergeable where the
    base model is not in the bundle, for scikit-learn and Python models, for rules that use what ONNX has no
    equal operator for (`fairness.onnx_rules.add_rule`), and for ONNX models whose operators or outputs do not
    fit together with the others.
    """
    check_bundle(bundle)
    check_mergeable(bundle)
    models, versions = _read_models(bundle)
    graph = _Merger(bundle, models).merge()
    opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    kinds = {"number": DOUBLE, "text": STRING}
    model = helper.make_model(
        graph.finish(
            [rows_of(column.name, kinds[column.dtype], columns=1) for column in bundle.schema],
            [rows_of(bundle.task.kind, _kind(bundle, STRING)), rows_of(ANSWERED_BY, INT64)],
        ),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="faultline",
    )
    about = {"bounty": bundle.bounty, "title": bundle.title, "made": bundle.made, "licence": bundle.licence}
    helper.set_model_props(model, about)
    try:
        checker.check_model(model)
    except checker.ValidationError as error:
        raise NotMergeable(f"The parts do not make one valid ONNX file: {error}") from error
    return bytes(model.SerializeToString())


def _read_models(bundle: Bundle) -> tuple[dict[str, Model], dict[str, int]]:
    """The ONNX parts by name, all in the same versions of the operators, and these versions."""
    read: dict[str, ModelProto] = {}
    versions = {DEFAULT: OLDEST}
    groups = [part_name("group", fix) for fix in bundle.fixes]
    for name, part in parts(bundle):
        if part.format == "onnx":
            with _blaming(name):
                probability = bundle.task.kind == "probability" and name not in groups
                read[name] = read_part(part.data, probability=probability)
                for domain, version in versions_needed(read[name]).items():
                    versions[domain] = max(versions.get(domain, 1), version)
    models = {}
    for name, model in read.items():
        with _blaming(name):
            # Converting forgets the stated shapes.
            stated = feeds_of(model, bundle.schema), model.graph.output[0]
            models[name] = Model(convert(model, versions), *stated)
    return models, versions


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise NotMergeable(f"{name} cannot be part of one ONNX file: {error}") from error


def _kind(bundle: Bundle, labels: int) -> int:
    """The type of answers, where labels are of type `labels`."""
    return labels if bundle.task.kind == "label" else DOUBLE


class _Merger:
    """The graph in the making; answers are label codes until the end."""

    def __init__(self, bundle: Bundle, models: dict[str, Model]) -> None:
        self.bundle, self.models = bundle, models
        prefix = "/"
        while any(column.name.startswith(prefix) for column in bundle.schema):
            prefix += "/"
        self.graph = Graph(prefix)
        self.columns = {column.name: column.name for column in bundle.schema}
        self.flat = {name: self.graph.flat(name) for name in self.columns}

    def merge(self) -> Graph:
        task = self.bundle.task
        answers = self._base()
        answered_by = self._walk([self._group(fix) for fix in self.bundle.fixes], answers)
        for fix in self.bundle.fixes:
            held = self.graph.add("Equal", answered_by, self.graph.constant(fix.number))
            answers = self._answered(fix, held, answers)
        if task.kind == "label":
            # The code -1, of no label, is the last entry.
            table = self.graph.constant(np.array([*task.labels, ""], dtype=object))
            answers = self.graph.add("Gather", table, answers)
        self.graph.name(answers, task.kind)
        self.graph.name(answered_by, ANSWERED_BY)
        return self.graph

    def _base(self) -> str:
        with _blaming(BASE):
            model = self.models[BASE]
            inner = self.graph.inner("base")
            output = embed(inner, model.proto, model.feeds, self.columns)
            answers = answers_of(inner, output, model.output, self.bundle.task)
        self.graph.take(inner)
        return answers

    def _group(self, fix: Fix) -> str:
        name = part_name("group", fix)
        with _blaming(name):
            if fix.group.format == "rule":
                return add_rule(self.graph, fix.group.text, self.bundle.schema, self.flat)
            model = self.models[name]
            inner = self.graph.inner(f"group{fix.number}")
            output = embed(inner, model.proto, model.feeds, self.columns)
            held = group_of(inner, output, model.output)
        self.graph.take(inner)
        return held

    def _walk(self, groups: list[str], rows: str) -> str:
        """`fairness.pointer_list.sources`, where a version is a tensor and a pointer its name."""
        start = self.graph.add("Expand", self.graph.constant(0), self.graph.add("Shape", rows))
        versions = [start]
        for node in self.bundle.nodes:
            source = self.graph.constant(node.group) if node.version is None else versions[node.version]
            versions.append(self.graph.add("Where", groups[node.group - 1], source, versions[-1]))
        return versions[-1]

    def _answered(self, fix: Fix, held: str, answers: str) -> str:
        """The answers, with the predictor's where it is held that it answers."""
        task, name = self.bundle.task, part_name("predictor", fix)
        with _blaming(name):
            if fix.predictor.format == "onnx":
                return self._run(name, fix, held, answers)
            if fix.predictor.format == "constant":
                given = self.graph.constant(constant(fix.predictor, task))
            else:
                true = add_rule(self.graph, fix.predictor.text, self.bundle.schema, self.flat)
                yes = task.labels.index(task.positive)
                given = self.graph.add("Where", true, *map(self.graph.constant, (yes, 1 - yes)))
        return self.graph.add("Where", held, given, answers)

    def _run(self, name: str, fix: Fix, held: str, answers: str) -> str:
        """A branch in which the predictor sees the rows it answers: on others it may fail, as on none."""
        model = self.models[name]
        rows = self.graph.flat(self.graph.add("NonZero", held))
        any_row = self.graph.add("Greater", self.graph.add("Size", rows), self.graph.constant(0))
        run, keep = self.graph.inner(f"predictor{fix.number}"), self.graph.inner(f"without{fix.number}")
        used = {column for feed in model.feeds for column in feed.columns}
        columns = {column: run.add("Gather", self.columns[column], rows, axis=0) for column in sorted(used)}
        output = embed(run, model.proto, model.feeds, columns)
        given = answers_of(run, output, model.output, self.bundle.task)
        kind = _kind(self.bundle, INT64)
        return self.graph.add(
            "If",
            any_row,
            then_branch=run.finish([], [rows_of(run.add("ScatterElements", answers, rows, given), kind)]),
            else_branch=keep.finish([], [rows_of(keep.add("Identity", answers), kind)]),
        )

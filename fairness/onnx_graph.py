"""An ONNX graph in the making."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

DOUBLE, FLOAT, INT64, STRING = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


@dataclass
class Graph:
    """Nodes and constants, whose names all begin with `prefix`; tensors are handed on by their names."""

    prefix: str
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The first output of a new node of the default domain."""
        output = f"{self.prefix}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, value: NDArray[Any] | str | float | int | bool) -> str:
        """A tensor that is the same for all rows; float is double, int is int64, text is string."""
        array = np.asarray(value, dtype=object) if isinstance(value, str) else np.asarray(value)
        name = f"{self.prefix}c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def flat(self, tensor: str) -> str:
        """[n, 1] or [n] as [n]."""
        return self.add("Reshape", tensor, self.constant(np.array([-1])))

    def join(self, conditions: list[str], operator: str = "Or") -> str:
        """Many conditions as one, by a balanced tree of Or or And."""
        while len(conditions) > 1:
            pairs = zip(conditions[::2], conditions[1::2], strict=False)
            joined = [self.add(operator, *pair) for pair in pairs]
            conditions = joined + conditions[len(conditions) & ~1 :]
        return conditions[0]

    def inner(self, name: str) -> "Graph":
        """An empty graph whose names are no other's, to be taken in or to become a branch."""
        return Graph(f"{self.prefix}{name}/")

    def take(self, inner: "Graph") -> None:
        self.nodes.extend(inner.nodes)
        self.constants.extend(inner.constants)

    def name(self, tensor: str, name: str) -> None:
        """Give a tensor a name of its own."""
        self.nodes.append(helper.make_node("Identity", [tensor], [name], f"{self.prefix}{len(self.nodes)}"))

    def finish(self, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> GraphProto:
        name = self.prefix.strip("/") or "graph"
        return helper.make_graph(self.nodes, name, inputs, outputs, self.constants)


def rows_of(name: str, kind: int, *, columns: int | None = None) -> ValueInfoProto:
    """A tensor [rows] or [rows, columns]."""
    shape: list[str | int] = ["rows"] if columns is None else ["rows", columns]
    return helper.make_tensor_value_info(name, kind, shape)

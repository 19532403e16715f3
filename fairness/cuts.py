"""What two tables give away together.

Add and subtract the cells of two splits of the same rows, with any factors, and what is left is a sum over
the joint cells (r, c) with factors f(r) - g(c). So it is about the joint cells where f and g differ. Take the
cells of both splits as the nodes of a graph and the joint cells that have rows as its edges: those are the
edges severed when nodes of unlike f and g are set apart, and fewest people are involved when two sides are.
So the smallest set of people that both tables give away is the smallest cut of the graph.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fairness.cells import Ints
from fairness.rates import Floats

FEW_NODES = 12  # so few that every cut is looked at
MOST_NODES = 2_000
DUST = 1e-9  # of sums of thirds and sevenths


@dataclass(frozen=True)
class People:
    """m sets of rows that are never split further: whose each is, int64[m] in ascending order, or None where
    rows are people; and how many rows it has.
    """

    person: Ints | None
    rows: Floats

    def count(self, code: Ints, n: int) -> Floats:
        """People of each code 0..n-1, each counted once in a code: float64[n]."""
        if self.person is None:
            return np.bincount(code, self.rows, n).astype(np.float64, copy=False)
        order = np.argsort(code.astype(np.uint16) if n <= 1 << 16 else code, kind="stable")
        codes, persons = code[order], self.person[order]
        fresh = np.ones(len(codes), np.bool_)
        fresh[1:] = (codes[1:] != codes[:-1]) | (persons[1:] != persons[:-1])
        return np.bincount(codes[fresh], minlength=n).astype(np.float64)

    def take(self, which: NDArray[np.bool_]) -> "People":
        return People(None if self.person is None else self.person[which], self.rows[which])

    def shared(self, code: Ints, n: int) -> Floats:
        """As count, each person shared out evenly among the codes they have, so that sums over codes count
        nobody more than once.
        """
        if self.person is None:
            return self.count(code, n)
        pairs = np.unique(self.person * n + code)
        persons, codes = pairs // n, pairs % n
        often = np.bincount(persons)
        return np.bincount(codes, 1 / often[persons], n).astype(np.float64)

    def met(self, code: Ints, n: int) -> Floats:
        """Who has which code, float64[persons or codes, n]: a row's weight where rows are people."""
        if self.person is None:
            return np.diag(self.count(code, n))
        names, place = np.unique(self.person, return_inverse=True)
        table = np.zeros((len(names), n))
        table[place, code] = 1
        return table


def safe_together(people: People, one: Ints, other: Ints, least: int) -> bool:
    """Whether no sum and difference of the cells of two splits, int64[m] each, is about fewer than `least`
    people and about anybody.

    Exact where rows are people or few nodes are left to cut; elsewhere False may also mean that it could not
    be shown.

    >>> rows = People(None, np.array([40.0, 3, 50]))  # the three are in group 1 and came on day 0
    >>> safe_together(rows, np.array([0, 1, 1]), np.array([0, 0, 1]), 10)
    False
    """
    graph = _Graph.of(people, one, other).contracted(least)
    return all(part.cut_reaches(least) for part in graph.parts())


@dataclass(frozen=True)
class _Graph:
    """Nodes 0..nodes-1; ends: int64[2, edges]; the edge of each set of rows, int64[m]."""

    nodes: int
    ends: Ints
    edge: Ints
    people: People

    @staticmethod
    def of(people: People, one: Ints, other: Ints) -> "_Graph":
        width = int(other.max()) + 1 if other.size else 1
        present, edge = dense(one * width + other)
        first = int(one.max()) + 1 if one.size else 0
        return _Graph(first + width, np.stack([present // width, present % width + first]), edge, people)

    def contracted(self, least: int) -> "_Graph":
        """The graph with the ends of every edge of `least` people made one, until there is none."""
        graph = self
        while len(graph.edge):
            heavy = graph.people.count(graph.edge, graph.ends.shape[1]) >= least
            if not heavy.any():
                break
            graph = graph.joined(heavy)
        return graph

    def joined(self, edges: NDArray[np.bool_]) -> "_Graph":
        count, label = _components(self.nodes, self.ends[:, edges])
        ends = np.sort(label[self.ends], axis=0)
        kept = (ends[0] != ends[1])[self.edge]
        present, edge = dense((ends[0] * count + ends[1])[self.edge[kept]])
        return _Graph(count, np.stack([present // count, present % count]), edge, self.people.take(kept))

    def parts(self) -> Iterator["_Graph"]:
        """The connected parts that have edges."""
        count, label = _components(self.nodes, self.ends)
        for part in range(count):
            inside = label[self.ends[0]] == part
            if inside.any():
                rows = inside[self.edge]
                nodes, ends = np.unique(self.ends[:, inside], return_inverse=True)
                place = np.cumsum(inside) - 1
                yield _Graph(len(nodes), ends.reshape(2, -1), place[self.edge[rows]], self.people.take(rows))

    def cut_reaches(self, least: int) -> bool:
        """Whether every cut of a connected graph severs edges of at least `least` people."""
        edges = self.ends.shape[1]
        if self.nodes <= FEW_NODES:
            sides = np.arange(1, 1 << (self.nodes - 1))[:, None] >> np.arange(self.nodes) & 1
            severed = (sides[:, self.ends[0]] != sides[:, self.ends[1]]).astype(np.float64)
            together = severed @ self.people.met(self.edge, edges).T
            if self.people.person is not None:
                together = (together > 0).astype(np.float64)
            return bool(together.sum(-1).min() >= least)
        return self.nodes <= MOST_NODES and _is_connected(
            self.nodes, self.ends, self.people.shared(self.edge, edges), least - DUST
        )


def _is_connected(nodes: int, ends: Ints, weight: Floats, least: float) -> bool:
    """Whether every cut of a connected graph weighs at least `least`.

    Nodes are visited in the order of how strongly they are bound to those before (Nagamochi and Ibaraki
    1992). Where an edge brings a node's bond to `least`, no lighter cut sets its ends apart, so they are made
    one. The last edge does, unless what binds its node is a lighter cut itself.
    """
    while nodes > 1:
        table = np.zeros((nodes, nodes))
        np.add.at(table, (ends[0], ends[1]), weight)
        table += table.T
        if table.sum(0).min() < least:
            return False
        count, label = _components(nodes, _bound(table, least))
        ends = label[ends]
        kept = ends[0] != ends[1]
        ends, weight, nodes = ends[:, kept], weight[kept], count
    return True


def _bound(table: Floats, least: float) -> Ints:
    """Pairs of nodes that no cut below `least` sets apart, int64[2, k]: one visit to every node."""
    bond = np.zeros(len(table))
    found: list[Ints] = []
    for _ in range(len(table)):
        node = int(np.argmax(bond))
        bond += table[node]
        bond[node] = -np.inf
        strong = np.flatnonzero((table[node] > 0) & (bond >= least))
        found.append(np.stack([np.full(len(strong), node), strong]))
    return np.concatenate(found, axis=1)


def _components(nodes: int, ends: Ints) -> tuple[int, Ints]:
    graph = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(nodes, nodes))
    count, label = connected_components(graph, directed=False)
    return int(count), label.astype(np.int64)


def dense(code: Ints) -> tuple[Ints, Ints]:
    """The codes present, ascending, and each one's place among them."""
    top = int(code.max()) + 1 if code.size else 0
    if top > 16 * len(code) + 1024:
        present, place = np.unique(code, return_inverse=True)
        return present, place.astype(np.int64)
    there = np.zeros(top, np.bool_)
    there[code] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[code]

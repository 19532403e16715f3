"""What a public report offers, against a reader who subtracts whatever can be subtracted."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairness.cells import Cells, GroupColumn
from fairness.cuts import FEW_NODES, People, safe_together
from fairness.disclosure import Disclosure, offered
from fairness.spans import few_in_span

LEAST = 5


def cells_of(codes: list, people=None, conditions: int = 0, exposed=None) -> Cells:
    """Cells of rows: the group of each in each column, and whose it is."""
    n = len(codes[0])
    names = [f"c{place}" for place in range(len(codes))]
    columns = tuple(
        GroupColumn(
            name,
            "condition" if place >= len(codes) - conditions else "group",
            "not said",
            tuple(f"g{group}" for group in range(int(np.max(code)) + 1)),
        )
        for place, (name, code) in enumerate(zip(names, codes, strict=True))
    )
    frame = pl.DataFrame(
        {
            "cluster": np.zeros(n, np.int32) if people is None else np.asarray(people, np.int32),
            **{name: np.asarray(code, np.int16) for name, code in zip(names, codes, strict=True)},
            "rows": np.ones(n),
            "0/wer/n": np.ones(n) if exposed is None else np.asarray(exposed, np.float64),
        }
    )
    frame = frame.group_by("cluster", *names).agg(pl.all().sum()).sort("cluster", *names)
    return Cells(columns, ("system",), ("wer",), people is not None, False, frame)


class Reader:
    """Whoever reads all that is offered, and knows which combinations there are."""

    def __init__(self, cells: Cells, found: Disclosure, least: int) -> None:
        self.cells, self.least = cells, least
        self.rows = cells.frame["rows"].to_numpy()
        self.cluster = cells.frame["cluster"].to_numpy()
        views = [(), *((name,) for name in found.columns), *found.pairs]
        self.views = [self.sets(view) for view in views]
        self.all = [one for view in self.views for one in view]
        joint = np.stack([cells.codes(cells.place(name)) for name in found.columns] or [0 * self.rows])
        self.atom = np.unique(joint, axis=1, return_inverse=True)[1].ravel()

    def sets(self, view) -> list[np.ndarray]:
        masks = [np.ones(len(self.rows), np.bool_)]
        for name in view:
            code = self.cells.codes(self.cells.place(name))
            masks = [mask & (code == group) for mask in masks for group in np.unique(code)]
        return [mask for mask in masks if mask.any()]

    def people(self, mask) -> int:
        if self.cells.clustered:
            return len(np.unique(self.cluster[mask]))
        return int(self.rows[mask].sum())

    def few(self, mask) -> bool:
        return 0 < self.people(mask) < self.least

    def small_sets(self) -> Iterator:
        yield from (one for one in self.all if self.few(one))

    def differences(self) -> Iterator:
        for larger in self.all:
            for smaller in self.all:
                if not (smaller & ~larger).any():
                    if self.few(larger & ~smaller):
                        yield larger & ~smaller
                    if 0 < self.people(larger) - self.people(smaller) < self.least:
                        yield larger & ~smaller

    def remainders(self) -> Iterator:
        for larger in self.all:
            for view in self.views:
                inside = [one for one in view if not (one & ~larger).any()]
                left = larger & ~np.any([np.zeros_like(larger), *inside], axis=0)
                if inside and self.few(left):
                    yield left

    def chains(self) -> Iterator:
        for larger in self.all:
            inside = [one for one in self.all if not (one & ~larger).any()]
            for one, other in combinations(inside, 2):
                if not (one & other).any() and self.few(larger & ~one & ~other):
                    yield larger & ~one & ~other

    def unions(self) -> Iterator:
        """Any sets of one view less any sets of another, of views with few sets."""
        for one, other in combinations(self.views, 2):
            if len(one) + len(other) > 12:
                continue
            for added in selections(one):
                for taken in selections(other):
                    if not (taken & ~added).any() and self.few(added & ~taken):
                        yield added & ~taken

    def combinations_of_all(self) -> Iterator:
        """Any sum with any factors: joint cells without which the published sets have a lower rank."""
        atoms = int(self.atom.max()) + 1
        first = np.unique(self.atom, return_index=True)[1]
        table = np.array([one[first] for one in self.all], np.float64)
        rank = np.linalg.matrix_rank(table)
        light = [atom for atom in range(atoms) if self.few(self.atom == atom)]

        def grow(chosen: list[int], rest: list[int]) -> Iterator:
            for place, atom in enumerate(rest):
                wider = [*chosen, atom]
                mask = np.isin(self.atom, wider)
                if self.few(mask):
                    if np.linalg.matrix_rank(np.delete(table, wider, axis=1)) < rank:
                        yield mask
                    yield from grow(wider, rest[place + 1 :])

        yield from grow([], light)

    def simple(self) -> Iterator:
        for attack in (self.small_sets, self.differences, self.remainders, self.chains):
            yield from attack()


def selections(sets: list) -> list[np.ndarray]:
    return [
        np.any([one for place, one in enumerate(sets) if number >> place & 1], axis=0)
        for number in range(1, 1 << len(sets))
    ]


def without_control(cells: Cells, least: int) -> Disclosure:
    """Every column, and every pair whose cells are all large enough: what a careless report offers."""
    names = [column.name for column in cells.columns]
    reader = Reader(cells, Disclosure(tuple(names), ()), least)
    pairs = [pair for pair in combinations(names, 2) if not any(reader.few(one) for one in reader.sets(pair))]
    return Disclosure(tuple(names), tuple(pairs))


def random_cells(seed: int, rows: int, groups: list[int], clustered: bool) -> Cells:
    """Columns of which some nearly follow from others, as regions do from accents; small groups merged."""
    random = np.random.default_rng(seed)
    n_people = max(rows // 3, 1) if clustered else rows
    codes = []
    for place, count in enumerate(groups):
        code = random.choice(count, n_people, p=random.dirichlet(np.full(count, 2.0)))
        if codes and random.random() < 0.6:
            follow = random.integers(0, count, int(codes[0].max()) + 1)[
                codes[random.integers(place)] % (codes[0].max() + 1)
            ]
            code = np.where(random.random(n_people) < random.choice([0.02, 0.1]), code, follow)
        size = np.bincount(code)
        code = np.where(size[code] < LEAST, np.argmax(size), code)
        codes.append(np.unique(code, return_inverse=True)[1])
    if not clustered:
        return cells_of(codes)
    people = np.arange(rows) % n_people
    codes = [code[people] for code in codes]
    noise = random.integers(0, 2, rows)
    codes[-1] = np.where(random.random(rows) < 0.3, noise, codes[-1])
    return cells_of(codes, people, conditions=1)


tables = st.builds(
    random_cells,
    st.integers(0, 2**32),
    st.integers(30, 400),
    st.lists(st.integers(2, 4), min_size=2, max_size=4),
    st.booleans(),
)
small_tables = st.builds(
    random_cells,
    st.integers(0, 2**32),
    st.integers(30, 150),
    st.lists(st.integers(2, 3), min_size=2, max_size=3),
    st.booleans(),
)


@settings(max_examples=120, deadline=None)
@given(tables)
def test_no_subtraction_of_what_is_offered_singles_out_few_people(cells):
    reader = Reader(cells, offered(cells, LEAST), LEAST)
    assert next(reader.simple(), None) is None


@settings(max_examples=60, deadline=None)
@given(small_tables)
def test_no_unions_less_unions_do_either(cells):
    assert next(Reader(cells, offered(cells, LEAST), LEAST).unions(), None) is None


@settings(max_examples=150, deadline=None)
@given(small_tables)
def test_nor_does_any_sum_with_any_factors_where_tables_are_small(cells):
    reader = Reader(cells, offered(cells, LEAST), LEAST)
    if sum(reader.few(reader.atom == atom) for atom in np.unique(reader.atom)) <= 12:
        assert next(reader.combinations_of_all(), None) is None


def test_without_the_control_the_same_reader_finds_people():
    found = {"simple": 0, "unions": 0, "combinations_of_all": 0}
    for seed in range(40):
        cells = random_cells(seed, 120, [3, 3, 2], bool(seed % 2))
        careless = Reader(cells, without_control(cells, LEAST), LEAST)
        careful = Reader(cells, offered(cells, LEAST), LEAST)
        for name in found:
            found[name] += next(getattr(careless, name)(), None) is not None
            assert next(getattr(careful, name)(), None) is None
    assert min(found.values()) >= 5, found


def test_it_still_offers_most_of_what_is_harmless():
    columns = pairs = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        codes = [random.integers(0, count, 2000) for count in (4, 3, 2)]
        found = offered(cells_of(codes), 10)
        columns, pairs = columns + len(found.columns), pairs + len(found.pairs)
    assert (columns, pairs) == (60, 60)


def test_a_column_that_gives_three_people_away_is_not_offered():
    """Region north is accent scots and three more people."""
    accent = np.repeat([0, 1, 2], [40, 60, 50])
    region = np.where(accent == 0, 0, 1)
    region[40:43] = 0
    assert offered(cells_of([accent, region]), 10) == Disclosure(("c0",), ())
    region[40:60] = 0
    assert offered(cells_of([accent, region]), 10).columns == ("c0", "c1")


def test_groups_of_people_come_before_conditions():
    accent = np.repeat([0, 1, 2], [40, 60, 50])
    device = np.where(accent == 0, 0, 1)
    device[40:43] = 0
    cells = cells_of([device, accent])
    columns = tuple(
        GroupColumn(column.name, role, column.mark, column.groups)
        for column, role in zip(cells.columns, ("condition", "group"), strict=True)
    )
    assert offered(Cells(columns, *cells_rest(cells)), 10).columns == ("c1",)


def cells_rest(cells: Cells):
    return cells.systems, cells.metrics, cells.clustered, cells.weighted, cells.frame


def test_a_pair_with_a_small_cell_is_not_offered():
    sex, accent = np.repeat([0, 1], 100), np.tile([0, 1, 1, 1], 50)
    accent[100:200] = np.where(np.arange(100) < 93, 1, 0)
    assert offered(cells_of([sex, accent]), 10) == Disclosure(("c0", "c1"), ())
    accent[100:105] = 0
    assert offered(cells_of([sex, accent]), 10).pairs == (("c0", "c1"),)


def test_an_empty_cell_of_a_pair_is_no_secret():
    sex, accent = np.repeat([0, 0, 1], 50), np.repeat([0, 1, 1], 50)
    assert offered(cells_of([sex, accent]), 10).pairs == (("c0", "c1"),)


def test_a_difference_of_rows_with_few_people_behind_it_is_told():
    """Everybody was recorded clean, and three of them noisy, a hundred times each."""
    people = np.concatenate([np.repeat(np.arange(40), 5), np.repeat(np.arange(3), 100)])
    noise = np.repeat([0, 1], [200, 300])
    room = np.where(people < 20, 0, 1)
    assert offered(cells_of([room, noise], people, conditions=1), 10).columns == ("c0",)
    assert offered(cells_of([room, noise], conditions=1), 10).columns == ("c0", "c1")


def test_a_difference_of_counts_of_people_is_told():
    """All but three of forty people were recorded noisy too: 40 less 37."""
    people = np.concatenate([np.arange(40), np.arange(37)])
    noise, room = np.repeat([0, 1], [40, 37]), np.where(people < 20, 0, 1)
    assert offered(cells_of([room, noise], people, conditions=1), 10).columns == ("c0",)
    people = np.concatenate([np.arange(40), np.arange(40)])
    noise, room = np.repeat([0, 1], [40, 40]), np.where(people < 20, 0, 1)
    assert offered(cells_of([room, noise], people, conditions=1), 10) == Disclosure(
        ("c0", "c1"), (("c0", "c1"),)
    )


def test_three_columns_can_tell_what_no_two_do():
    """A country less one of its accents and one of its regions: two people, whom no two columns show."""
    country = np.repeat([0, 1], [52, 200])
    accent, region = np.ones(252, np.int64), np.ones(252, np.int64)
    accent[:25], region[25:50] = 0, 0
    views = [country, accent, region]
    people = People(None, np.ones(252))
    assert all(safe_together(people, one, other, 10) for one, other in combinations(views, 2))
    assert few_in_span(people, views, views, 10) is True
    assert offered(cells_of(views), 10).columns == ("c0", "c1")


def test_three_pairs_can_tell_a_joint_cell_that_no_two_do():
    """Of the eight joint cells one is empty, so all three tables by two columns say what the others hold."""
    size = [2, 30, 30, 30, 30, 30, 30, 0]
    codes = [np.repeat([number >> place & 1 for number in range(8)], size) for place in (2, 1, 0)]
    assert offered(cells_of(codes), 10).pairs == (("c0", "c1"), ("c0", "c2"))
    size[7] = 12  # what is unknown can now be moved around all eight
    codes = [np.repeat([number >> place & 1 for number in range(8)], size) for place in (2, 1, 0)]
    assert len(offered(cells_of(codes), 10).pairs) == 3


def test_people_whose_rows_have_no_exposure_do_not_fill_a_group():
    """Of the eleven people of group 0, two said nothing at all: tables count nine."""
    code = np.repeat([0, 1], [11, 50])
    exposed = np.ones(61)
    exposed[:2] = 0
    other = np.arange(61) % 2
    assert offered(cells_of([code, other], exposed=exposed), 10).columns == ("c1",)
    assert offered(cells_of([code, other]), 10).columns == ("c0", "c1")


def test_too_few_people_are_offered_nothing():
    assert offered(cells_of([np.array([0, 1] * 4)]), 10) == Disclosure((), ())
    assert offered(cells_of([np.array([0, 1] * 4)]), 4) == Disclosure(("c0",), ())


def test_with_a_smallest_group_of_one_everything_is_offered():
    cells = random_cells(1, 100, [3, 3, 2], False)
    found = offered(cells, 1)
    assert (len(found.columns), len(found.pairs)) == (3, 3)
    assert found.as_dict()["pairs"][0] == ["c0", "c1"]


@pytest.mark.parametrize("clustered", [False, True])
def test_the_smallest_cut_is_that_of_all_cuts(clustered):
    """Against every choice of nodes, also where the graph has too many nodes to try them all."""
    seen = set()
    for seed in range(60):
        random = np.random.default_rng(seed)
        rows = int(random.integers(20, 120))
        one, other = (random.integers(0, count, rows) for count in random.integers(3, 8, 2))
        person = np.sort(random.integers(0, rows // 2, rows)) if clustered else None
        one, other = (np.unique(code, return_inverse=True)[1] for code in (one, other))
        people = People(person, np.ones(rows))
        first, nodes = int(one.max()) + 1, int(one.max()) + int(other.max()) + 2
        fewest = rows
        for number in range(1, 1 << (nodes - 1)):
            severed = (number >> one & 1) != (number >> (first + other) & 1)
            if severed.any():
                count = int(severed.sum()) if person is None else len(np.unique(person[severed]))
                fewest = min(fewest, count)
        if person is None or nodes <= FEW_NODES:
            assert safe_together(people, one, other, fewest)
        assert not safe_together(people, one, other, fewest + 1)
        seen.add(nodes > FEW_NODES)
    assert seen == {False, True}


def test_the_order_of_rows_changes_nothing():
    random = np.random.default_rng(5)
    codes = [random.integers(0, count, 300) for count in (4, 3, 2)]
    people = random.integers(0, 90, 300)
    order = random.permutation(300)
    straight = cells_of(codes, people, conditions=1)
    mixed = cells_of([code[order] for code in codes], people[order], conditions=1)
    assert offered(straight, LEAST) == offered(mixed, LEAST)

"""Hostile skops files: types that run things, archives that unpack to mountains, models corrupted inside."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from .arena import CONTAINED, OTHER, Attack

SCHEMA = "schema.json"
ANY_END = (
    f"{CONTAINED} {OTHER} unreadable_model model_error crashed too_slow too_much_memory not_zero_or_one "
)
ANY_END += "wrong_output_shape wrong_inputs has_missing_answers too_many_labels too_large"


def data() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "y": rng.normal(size=300)})
    return frame, (frame.x > 0).to_numpy().astype(int)


def fitted(model: object) -> Callable[[], bytes]:
    return lambda: skops.io.dumps(model.fit(*data()))


def tree() -> bytes:
    return fitted(DecisionTreeClassifier(max_depth=1, random_state=0))()


def parts(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def edited(make: Callable[[], bytes], change: Callable[[dict], object]) -> Callable[[], bytes]:
    """The file with its schema changed: in place, or by what `change` returns."""

    def edit() -> bytes:
        files = parts(make())
        schema = json.loads(files[SCHEMA])
        files[SCHEMA] = json.dumps(change(schema) or schema).encode()
        return pack(files)

    return edit


def rooted(node: dict) -> Callable[[], bytes]:
    """A file whose whole model is this node."""
    return lambda: pack({SCHEMA: json.dumps({"protocol": 2, "_skops_version": "0.16", **node}).encode()})


def planted(node: dict, attribute: str = "attack") -> Callable[[], bytes]:
    """A good model with one more attribute: this node."""

    def change(schema: dict) -> None:
        schema["content"]["content"][attribute] = node
        schema["content"]["key_types"]["content"].append(
            {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode", "__id__": 12345}
        )

    return edited(tree, change)


def node(loader: str, name: str, **content: object) -> dict:
    module, _, kind = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": kind, "__id__": 999_999, **content}


def text(value: object) -> dict:
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def sequence(kind: str, *items: dict) -> dict:
    loader = {"tuple": "TupleNode", "list": "ListNode"}[kind]
    return node(loader, f"builtins.{kind}", content=list(items))


def arrays(change: Callable[[np.ndarray], np.ndarray | bytes | None], where: Callable[[np.ndarray], bool]):
    """Change the stored arrays that `where` picks; a change may also give the raw bytes of a file."""

    def edit(packed: bytes) -> bytes:
        files = parts(packed)
        picked = 0
        for name, content in files.items():
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(content))
                if where(array):
                    changed = change(array)
                    files[name] = (
                        changed if isinstance(changed, bytes) else npy(array if changed is None else changed)
                    )
                    picked += 1
        assert picked, "the attack found nothing to change"
        return pack(files)

    return edit


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def is_nodes(array: np.ndarray) -> bool:
    return array.dtype.names is not None


def with_nodes(model: object, **values: float) -> Callable[[], bytes]:
    """A fitted tree model whose nodes all hold these values."""

    def change(array: np.ndarray) -> None:
        for name, value in values.items():
            array[name] = value

    return lambda: arrays(change, is_nodes)(fitted(model)())


def with_arrays(model: object, change: Callable[[np.ndarray], object], kind: str) -> Callable[[], bytes]:
    return lambda: arrays(change, lambda array: array.dtype.kind in kind and not is_nodes(array))(
        fitted(model)()
    )


def header(shape: tuple, dtype: str = "<f8") -> bytes:
    """An array of a few bytes that says that it is larger."""
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


class Bomb:
    def __reduce__(self) -> tuple:
        return print, ("the pickle ran",)


def bomb(size: int) -> bytes:
    return pack({SCHEMA: b"{}", "zeros.npy": bytes(size)}, zipfile.ZIP_DEFLATED)


def bomb_in_schema() -> bytes:
    return pack({SCHEMA: b"[" + b"0," * (50 << 20) + b"0]"}, zipfile.ZIP_DEFLATED)


def bomb_that_lies() -> bytes:
    """The central directory says ten bytes; the stream holds a hundred megabytes."""
    packed = bytearray(pack({SCHEMA: b" " * (100 << 20)}, zipfile.ZIP_DEFLATED))
    central = packed.rindex(b"PK\x01\x02")
    packed[central + 24 : central + 28] = struct.pack("<I", 10)
    return bytes(packed)


def overlapping() -> bytes:
    """A thousand entries of the directory that are all the same stream."""
    content = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = content.compress(bytes(1 << 20)) + content.flush()
    local = (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(stream), 1 << 20, 1, 0) + b"z" + stream
    )
    entry = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, 0, len(stream), 1 << 20, 1, 0, 0, 0, 0, 0, 0
    )
    central = b"".join(entry + b"z" for _ in range(1000))
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1000, 1000, len(central), len(local), 0)
    return local + central + end


def nested_lists(depth: int) -> dict:
    inner = text(1)
    for _ in range(depth):
        inner = sequence("list", inner)
    return inner


def tower(levels: int) -> dict:
    """Every level holds the one below it ten times, by reference: 10 to the power of levels, in few lines."""
    inner: dict = text(1)
    inner["__id__"] = 1
    for level in range(2, levels):
        inner = sequence("list", inner, *[{**text(0), "__id__": level - 1} for _ in range(9)])
        inner["__id__"] = level
    return inner


def attacks(cases: dict[str, tuple], **how: object) -> list[Attack]:
    return [
        Attack(name, "skops", payload, tuple(ends.split()), **how) for name, (payload, ends) in cases.items()
    ]


CALLS_SYSTEM = node("FunctionNode", "os.system", content={"function": "system", "module_path": "os"})
FORBIDDEN = attacks(
    {
        "a function of os": (planted(CALLS_SYSTEM), "forbidden_type"),
        "a function of os by its other name": (
            planted(node("FunctionNode", "posix.system")),
            "forbidden_type",
        ),
        "eval": (planted(node("TypeNode", "builtins.eval")), "forbidden_type"),
        "exec as a type": (rooted(node("TypeNode", "builtins.exec")), "forbidden_type"),
        "an import as a type": (rooted(node("TypeNode", "importlib.import_module")), "forbidden_type"),
        "a program as an object": (
            rooted(
                node("ObjectNode", "subprocess.Popen", content=node("DictNode", "builtins.dict", content={}))
            ),
            "forbidden_type",
        ),
        "a program by its constructor": (
            planted(
                node(
                    "ConstructorFromReduceNode",
                    "subprocess.Popen",
                    content=sequence("tuple", sequence("list", text("true"))),
                )
            ),
            "forbidden_type",
        ),
        "a path by its constructor": (
            planted(
                node(
                    "ConstructorFromReduceNode", "pathlib.PosixPath", content=sequence("tuple", text("/etc"))
                )
            ),
            "forbidden_type",
        ),
        "a list by a constructor": (
            planted(node("ConstructorFromReduceNode", "builtins.list", content=sequence("tuple"))),
            "forbidden_type",
        ),
        "a method of a good model": (
            edited(
                tree,
                lambda schema: {
                    **node("MethodNode", f"{schema['__module__']}.{schema['__class__']}"),
                    "content": {"func": "__class__", "obj": {k: v for k, v in schema.items() if k[0] == "_"}},
                    "protocol": 2,
                },
            ),
            "forbidden_type unreadable_model",
        ),
        "a partial": (planted(node("PartialNode", "functools.partial", content={})), "forbidden_type"),
        "an operator": (
            planted(node("OperatorFuncNode", "operator.methodcaller", attrs=text([]))),
            "forbidden_type",
        ),
        "an attribute getter": (planted(node("OperatorFuncNode", "operator.attrgetter")), "forbidden_type"),
        "a dictionary that calls": (
            planted(
                node(
                    "DefaultDictNode",
                    "collections.defaultdict",
                    content={
                        "main": node("DictNode", "builtins.dict", content={}),
                        "default_factory": CALLS_SYSTEM,
                    },
                )
            ),
            "forbidden_type",
        ),
        "bytes": (planted(node("BytesNode", "builtins.bytes", file=SCHEMA)), "forbidden_type"),
        "a loader that is not there": (planted(node("EvilNode", "builtins.str")), "forbidden_type"),
        "a loader of an old protocol": (
            planted(node("_DictWithDeprecatedKeysNode", "builtins.dict")),
            "forbidden_type",
        ),
        "a good type of another loader": (planted(node("ObjectNode", "builtins.str")), "forbidden_type"),
        "a good name in another module": (
            planted(node("ObjectNode", "evil.LogisticRegression")),
            "forbidden_type",
        ),
        "a name with a path in it": (
            planted(node("TypeNode", "builtins.str.__class__.mro")),
            "forbidden_type",
        ),
        "a name that is no text": (
            planted({"__loader__": "TypeNode", "__module__": 7, "__class__": []}),
            "forbidden_type",
        ),
        "a name that is an attack": (
            planted(node("TypeNode", "<script>.\x1b[2J\n" + "x" * 5000)),
            "forbidden_type",
        ),
        "a loader that is a list": (
            planted({**text(1), "__loader__": ["JsonNode"]}),
            "forbidden_type unreadable_model model_error",
        ),
        "a node inside a text field": (
            edited(tree, lambda schema: schema.update(_skops_version=CALLS_SYSTEM)),
            "forbidden_type",
        ),
        "a bit generator that is a function": (
            planted(
                node(
                    "RandomGeneratorNode",
                    "numpy.random._generator.Generator",
                    content={
                        "bit_generator": node(
                            "DictNode",
                            "builtins.dict",
                            content={"bit_generator": text("seed")},
                            key_types=sequence("list"),
                        ),
                        "seed_seq": node("DictNode", "builtins.dict", content={}, key_types=sequence("list")),
                    },
                )
            ),
            "unreadable_model",
        ),
        "a function of one's own": (
            fitted(Pipeline([("f", FunctionTransformer(np.exp)), ("m", LogisticRegression())])),
            "forbidden_type",
        ),
        "a loader of files as a function": (
            fitted(
                Pipeline(
                    [("f", FunctionTransformer(np.abs)), ("s", SelectKBest(k=1)), ("m", LogisticRegression())]
                )
            ),
            "forbidden_type",
        ),
        "a search": (fitted(GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2)), "forbidden_type"),
        "a sparse matrix": (
            planted(node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", file="x.npz")),
            "forbidden_type",
        ),
        "no type at all": (lambda: pack({SCHEMA: b"{}"}), "unreadable_model"),
    }
)
ARCHIVES = attacks(
    {
        "nothing": (lambda: b"", "unreadable_model"),
        "noise": (lambda: np.random.default_rng(0).bytes(4096), "unreadable_model"),
        "a pickle": (lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.", "unreadable_model"),
        "an archive cut in half": (lambda: tree()[: len(tree()) // 2], "unreadable_model"),
        "an archive without its end": (lambda: tree()[:-30], "unreadable_model"),
        "an archive with a wrong sum": (
            lambda: tree().replace(b'"protocol"', b'"protoc0l"'),
            "unreadable_model",
        ),
        "no schema": (lambda: pack({"other.json": b"{}"}), "unreadable_model"),
        "a schema that is no JSON": (lambda: pack({SCHEMA: b"{'a': 1"}), "unreadable_model"),
        "a schema that is a list": (lambda: pack({SCHEMA: b"[]"}), "unreadable_model"),
        "a schema that is no text": (lambda: pack({SCHEMA: b"\xff\xfe\x00"}), "unreadable_model"),
        "a schema without a protocol": (
            edited(tree, lambda schema: schema.pop("protocol") and None),
            "unreadable_model",
        ),
        "a protocol to come": (
            edited(tree, lambda schema: schema.update(protocol=10**9)),
            "unreadable_model",
        ),
        "a protocol below zero": (
            edited(tree, lambda schema: schema.update(protocol=-1)),
            "unreadable_model",
        ),
        "brackets too deep": (lambda: pack({SCHEMA: b"[" * 10**6}), "unreadable_model"),
        "lists too deep": (planted(nested_lists(300)), "unreadable_model model_error contained"),
        "a bomb": (lambda: bomb(300 << 20), "too_large"),
        "a bomb under the cap": (lambda: bomb(100 << 20), "unreadable_model"),
        "a bomb in the schema": (bomb_in_schema, "unreadable_model too_much_memory"),
        "a bomb that lies about its size": (bomb_that_lies, "unreadable_model too_much_memory"),
        "a thousand entries of one stream": (overlapping, "too_large unreadable_model"),
        "a way up the path": (
            planted(node("NdArrayNode", "numpy.ndarray", type="numpy", file="../../../etc/passwd")),
            "unreadable_model",
        ),
        "a file of the system": (
            planted(node("NdArrayNode", "numpy.ndarray", type="numpy", file="/etc/shadow")),
            "unreadable_model",
        ),
        "files that would be written up the path": (
            lambda: pack({**parts(tree()), "../../made": b"x", "/tmp/made": b"x"}),
            OTHER,
        ),
        "the schema as an array": (
            planted(node("NdArrayNode", "numpy.ndarray", type="numpy", file=SCHEMA)),
            "unreadable_model",
        ),
        "an object that holds itself": (
            planted({**sequence("list", {**text(1), "__id__": 999_999}), "__id__": 999_999}),
            "unreadable_model model_error contained",
        ),
        "a cached node of nothing": (planted(node("CachedNode", "builtins.str")), "forbidden_type"),
        "a tower of references": (planted(tower(60)), "contained unreadable_model too_slow"),
    },
    memory_mb=128,
    wall_seconds=3.0,
)
STUMP = DecisionTreeClassifier(max_depth=1, random_state=0)
CORRUPTED = attacks(
    {
        "a tree whose children are out of reach": (
            with_nodes(STUMP, left_child=10**9, right_child=10**9),
            ANY_END,
        ),
        "a tree whose children are below zero": (
            with_nodes(STUMP, left_child=-(10**6), right_child=-7),
            ANY_END,
        ),
        "a tree that comes back to its root": (with_nodes(STUMP, left_child=0, right_child=0), ANY_END),
        "a tree with a feature out of reach": (with_nodes(STUMP, feature=10**6), ANY_END),
        "a tree with a feature below zero": (with_nodes(STUMP, feature=-(10**9)), ANY_END),
        "a tree of thresholds that are no numbers": (with_nodes(STUMP, threshold=np.nan), ANY_END),
        "a forest whose children are out of reach": (
            with_nodes(
                RandomForestClassifier(3, max_depth=1, random_state=0), left_child=2**40, right_child=2**40
            ),
            ANY_END,
        ),
        "boosting whose children are out of reach": (
            with_nodes(HistGradientBoostingClassifier(max_iter=2), left=2**31 - 1, right=2**31 - 1),
            ANY_END,
        ),
        "boosting that comes back to its root": (
            with_nodes(HistGradientBoostingClassifier(max_iter=2), left=0, right=0, is_leaf=0),
            ANY_END,
        ),
        "boosting with a feature out of reach": (
            with_nodes(HistGradientBoostingClassifier(max_iter=2), feature_idx=2**40),
            ANY_END,
        ),
        "neighbours whose indices are out of reach": (
            with_arrays(
                KNeighborsClassifier(algorithm="kd_tree"), lambda array: np.full_like(array, 2**40), "i"
            ),
            ANY_END,
        ),
        "weights of no numbers": (
            with_arrays(LogisticRegression(), lambda array: array * np.nan, "f"),
            ANY_END,
        ),
        "weights of another shape": (
            with_arrays(LogisticRegression(), lambda array: np.ones((7, 11, 13)), "f"),
            "model_error",
        ),
        "weights of text": (
            with_arrays(LogisticRegression(), lambda array: np.full(array.shape, "x"), "f"),
            "model_error",
        ),
        "weights that are a pickle": (
            with_arrays(LogisticRegression(), lambda array: npy(np.array([Bomb()], object)), "f"),
            "unreadable_model",
        ),
        "weights of a giant shape": (
            with_arrays(LogisticRegression(), lambda array: header((10**6, 10**6), "'<f8'"), "f"),
            "unreadable_model too_much_memory",
        ),
        "weights of a shape below zero": (
            with_arrays(LogisticRegression(), lambda array: header((-5, -5), "'<f8'"), "f"),
            "unreadable_model too_much_memory",
        ),
        "weights whose type is code": (
            with_arrays(
                LogisticRegression(), lambda array: header((1, 2), "__import__('os').system('true')"), "f"
            ),
            "unreadable_model",
        ),
        "weights whose type is objects": (
            with_arrays(LogisticRegression(), lambda array: header((1, 2), "'|O'"), "f"),
            "unreadable_model",
        ),
        "classes that are words": (
            with_arrays(
                LogisticRegression(), lambda array: np.array(["no", "yes"]) if array.size == 2 else None, "i"
            ),
            "not_zero_or_one",
        ),
        "classes out of reach": (
            with_arrays(LogisticRegression(), lambda array: array[:0], "i"),
            "model_error",
        ),
        "fewer columns than it says": (
            edited(
                fitted(LogisticRegression()),
                lambda schema: schema["content"]["content"].pop("feature_names_in_") and None,
            ),
            ANY_END,
        ),
        "an attribute in the place of its method": (planted(text("predict"), "predict"), "no_predict"),
        "steps that are no list": (
            edited(
                fitted(Pipeline([("m", LogisticRegression())])),
                lambda schema: schema["content"]["content"].update(steps=text("steps")),
            ),
            "model_error no_predict",
        ),
        "a scaler, which predicts nothing": (fitted(StandardScaler()), "no_predict"),
        "a list, which predicts nothing": (rooted(sequence("list", text(1))), "no_predict unreadable_model"),
        "a regression, which answers halves": (fitted(LinearRegression()), "not_zero_or_one too_many_labels"),
        "a cache folder": (
            lambda: skops.io.dumps(
                Pipeline([("s", StandardScaler()), ("m", LogisticRegression())])
                .fit(*data())
                .set_params(memory="/tmp/made-by-a-pipeline")
            ),
            CONTAINED + " " + OTHER,
        ),
        "all processors": (
            fitted(RandomForestClassifier(5, random_state=0, n_jobs=-1)),
            CONTAINED + " " + OTHER,
        ),
        "a loud forest": (
            lambda: skops.io.dumps(
                RandomForestClassifier(5, random_state=0).fit(*data()).set_params(verbose=99)
            ),
            CONTAINED + " " + OTHER,
        ),
        "columns that are not there": (
            fitted(ColumnTransformer([("s", StandardScaler(), ["x"])])),
            "no_predict",
        ),
        "neighbours without end": (
            lambda: skops.io.dumps(
                KNeighborsClassifier(100_000, algorithm="brute").fit(
                    np.zeros((200_000, 2)), np.arange(200_000) % 2
                )
            ),
            "too_slow too_much_memory",
        ),
    },
    memory_mb=256,
    wall_seconds=1.5,
)


SKOPS_ATTACKS = FORBIDDEN + ARCHIVES + CORRUPTED

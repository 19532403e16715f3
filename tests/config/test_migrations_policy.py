"""Two releases run side by side while one takes the other's place, so no migration takes away what the
earlier one uses, or holds a lock for long (docs/operate.md, "Migrations"). A class attribute `excused` of a
migration, from an operation's name here to the reason, lets one through.
"""

from collections.abc import Iterator

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import connection, models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

# Made before anything ran side by side.
SINCE = {"bounty": "0005", "audits": "0002", "common": "0002", "config": "0002"}

GONE = "the earlier release still uses it"
HIDDEN = "what it does cannot be read off"
FORBIDDEN = {
    operations.DeleteModel: GONE,
    operations.RenameModel: GONE,
    operations.RemoveField: GONE,
    operations.RenameField: GONE,
    operations.AlterModelTable: GONE,
    operations.AlterUniqueTogether: "a UniqueConstraint over a finished index says it",
    operations.AlterIndexTogether: "AddIndexConcurrently says it",
    operations.AlterOrderWithRespectTo: GONE,
    operations.RunSQL: HIDDEN,
    operations.SeparateDatabaseAndState: HIDDEN,
}
ALLOWED = (
    operations.CreateModel,
    operations.AlterModelOptions,
    operations.AlterModelManagers,
    operations.AlterModelTableComment,
    operations.RemoveConstraint,
    operations.RenameIndex,
    AddConstraintNotValid,
    ValidateConstraint,
)
NEEDS_DEFAULT = "the earlier release writes rows without it: null=True or db_default"
SCANS = "it holds a lock while every row is read"


def name_of(operation: operations.base.Operation) -> str:
    model = getattr(operation, "model_name", "") or getattr(operation, "name", "")
    part = getattr(operation, "name", "") if getattr(operation, "model_name", "") else ""
    part = part or getattr(getattr(operation, "index", None), "name", "")
    part = part or getattr(getattr(operation, "constraint", None), "name", "")
    return " ".join(filter(None, (type(operation).__name__, f"{model}.{part}" if part else model))).lower()


def objection(migration: Migration, operation: operations.base.Operation, before: ProjectState) -> str:
    """Why an operation may not run while an earlier release does; nothing when it may."""
    kind = type(operation)
    if kind in FORBIDDEN:
        return FORBIDDEN[kind]
    made = {made.name_lower for made in migration.operations if isinstance(made, operations.CreateModel)}
    if getattr(operation, "model_name", "").lower() in made or kind in ALLOWED:
        return ""
    if kind is operations.AddField:
        return of_a_new_field(operation.field)
    if kind is operations.AlterField:
        return of_another_field(before, migration.app_label, operation)
    if kind in (AddIndexConcurrently, RemoveIndexConcurrently):
        return "" if migration.atomic is False else "it cannot run in a transaction: atomic = False"
    if kind is operations.RunPython:
        return "" if operation.reverse_code else "there is no way back: reverse_code, if only noop"
    if kind in (operations.AddIndex, operations.RemoveIndex):
        return f"{SCANS}: {kind.__name__}Concurrently"
    if kind is operations.AddConstraint:
        return f"{SCANS}: AddConstraintNotValid, and ValidateConstraint in the next migration"
    return "nobody has thought about it"


def of_a_new_field(field: models.Field) -> str:
    if field.many_to_many:
        return ""
    if field.unique or field.db_index:
        return f"{SCANS} to index it: the field first, AddIndexConcurrently then"
    return "" if field.null or field.has_db_default() else NEEDS_DEFAULT


def of_another_field(before: ProjectState, app: str, operation: operations.AlterField) -> str:
    old = before.models[app, operation.model_name.lower()].fields[operation.name]
    new = operation.field
    if old.null and not new.null:
        return (
            NEEDS_DEFAULT if not new.has_db_default() else f"{SCANS}: a constraint that is not valid at first"
        )
    if (new.unique and not old.unique) or (new.db_index and not old.db_index):
        return f"{SCANS} to index it: AddIndexConcurrently"
    if old.has_db_default() and not new.has_db_default() and not new.null:
        return NEEDS_DEFAULT
    types = [field.db_type(connection) for field in (old, new)]
    wider = all(kind and kind.startswith("varchar") for kind in types) and old.max_length <= new.max_length
    return "" if types[0] == types[1] or wider else f"{SCANS} and written anew"


def objections(migration: Migration, before: ProjectState) -> Iterator[str]:
    excused = getattr(migration, "excused", {})
    used = set()
    for operation in migration.operations:
        reason = objection(migration, operation, before)
        if reason and excused.get(name_of(operation), "").strip():
            used.add(name_of(operation))
        elif reason:
            yield f"{migration}: {name_of(operation)}: {reason}"
        operation.state_forwards(migration.app_label, before)
    yield from (f"{migration}: excuses {name}, which needs no excuse" for name in set(excused) - used)


def test_no_migration_hurts_a_release_that_still_runs(db):
    loader = MigrationLoader(None, ignore_no_migrations=True)
    found = []
    for app, since in SINCE.items():
        for key in sorted(key for key in loader.disk_migrations if key[0] == app and key[1] >= since):
            found += objections(loader.disk_migrations[key], loader.project_state(key, at_end=False))
    assert found == []


# What the check itself lets through and what it does not, tried on operations


def state() -> ProjectState:
    project = ProjectState()
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=10)),
        ("maybe", models.IntegerField(null=True)),
    ]
    operations.CreateModel("Thing", fields).state_forwards("shop", project)
    return project


def tried(*these, **attributes) -> list[str]:
    attributes = {"operations": list(these)} | attributes
    return list(objections(type("Migration", (Migration,), attributes)("0009_tried", "shop"), state()))


@pytest.mark.parametrize(
    "operation",
    [
        operations.RemoveField("thing", "name"),
        operations.RenameField("thing", "name", "title"),
        operations.DeleteModel("Thing"),
        operations.RenameModel("Thing", "Item"),
        operations.RunSQL("SELECT 1"),
        operations.RunPython(lambda apps, editor: None),
        operations.AddField("thing", "count", models.IntegerField(default=0)),
        operations.AddField("thing", "code", models.CharField(max_length=9, null=True, unique=True)),
        operations.AlterField("thing", "maybe", models.IntegerField()),
        operations.AlterField("thing", "maybe", models.IntegerField(db_default=0)),
        operations.AlterField("thing", "maybe", models.BigIntegerField(null=True)),
        operations.AlterField("thing", "name", models.CharField(max_length=5)),
        operations.AlterField("thing", "name", models.CharField(max_length=10, unique=True)),
        operations.AddIndex("thing", models.Index(fields=["name"], name="thing_name")),
        operations.AddConstraint("thing", models.CheckConstraint(condition=models.Q(maybe__gt=0), name="c")),
        AddIndexConcurrently("thing", models.Index(fields=["name"], name="thing_name")),
    ],
    ids=name_of,
)
def test_it_objects(operation):
    assert len(tried(operation)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        operations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))]),
        operations.AddField("thing", "count", models.IntegerField(default=0, db_default=0)),
        operations.AddField("thing", "count", models.IntegerField(null=True)),
        operations.AlterField("thing", "name", models.CharField(max_length=20, blank=True)),
        operations.AlterField("thing", "name", models.CharField(max_length=10, null=True)),
        operations.RunPython(operations.RunPython.noop, operations.RunPython.noop),
        AddConstraintNotValid("thing", models.CheckConstraint(condition=models.Q(maybe__gt=0), name="c")),
    ],
    ids=name_of,
)
def test_it_lets_through(operation):
    assert tried(operation) == []


def test_an_index_may_be_built_beside_the_traffic_or_on_a_new_table():
    index = models.Index(fields=["id"], name="thing_id")
    assert tried(AddIndexConcurrently("thing", index), atomic=False) == []
    other = operations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))])
    assert tried(other, operations.AddIndex("other", index)) == []


def test_an_excuse_needs_a_reason_and_something_to_excuse():
    removal = operations.RemoveField("thing", "name")
    assert (
        tried(removal, excused={"removefield thing.name": "No release since 0.3 reads or writes it."}) == []
    )
    assert len(tried(removal, excused={"removefield thing.name": " "})) == 2
    assert len(tried(excused={"removefield thing.name": "It was."})) == 1

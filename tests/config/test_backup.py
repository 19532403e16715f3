"""A backup holds everything, says when it does not, and brings a site back that has lost everything."""

import json
import shutil
import stat
import subprocess
import tracemalloc
from pathlib import Path

import polars as pl
import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from audits.models import Audit
from bounty import drafts, parts
from bounty.models import Bounty, Submission, TableUpload
from config import backup, postgres, restore
from tests.bounty.fixes import open_repairable, send_find, send_fix
from tests.conftest import as_upload, draft, end_other_sessions, lending_table

pytestmark = pytest.mark.django_db(transaction=True)
RULES = ("age < 30 AND home = 'rent'", "age >= 60")


@pytest.fixture(autouse=True)
def alone(db):
    end_other_sessions()


@pytest.fixture
def folders(tmp_path):
    """Both storages in folders of this test's own: it deletes them."""
    aliases = (parts.OPEN, parts.HIDDEN, parts.HIDDEN)
    # A field has a storage of its own once a test has changed STORAGES.
    stored = [storages[parts.OPEN], storages[parts.HIDDEN], TableUpload._meta.get_field("table").storage]
    before = [storage._location for storage in stored]
    move(stored, [tmp_path / alias for alias in aliases])
    yield tmp_path
    move(stored, before)


def move(stored: list, places: list) -> None:
    for storage, place in zip(stored, places, strict=True):
        storage._location = place
        storage.__dict__.pop("base_location", None)
        storage.__dict__.pop("location", None)


@pytest.fixture
def judged(folders, cast, run_worker):
    """A bounty with finds and a fix."""
    bounty = open_repairable(cast.owner, run_worker)
    for rule in RULES:
        send_find(cast.participant, bounty, rule)
        run_worker()
    send_fix(cast.rival, bounty, RULES[0], "1")
    run_worker()
    return bounty


@pytest.fixture
def site(folders, cast):
    """A draft with its table and prepared data, and an audit: files of both storages, named in each way."""
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table(50)))
    frame = pl.DataFrame({"a": [1, 2, 3]})
    bounty.parts = {
        part: {kind: parts.store(frame, bounty, part, kind) for kind in (parts.FEATURES, parts.TRUTH)}
        for part in ("sample", "final")
    }
    bounty.base_model = {"path": storages["default"].save("tableupload/model", ContentFile(b"a model"))}
    bounty.save()
    audit = Audit(
        owner=cast.owner, kind="speech", title="Voices", file_name="voices.csv", file_sha256="0" * 64
    )
    audit.file.save("voices.csv", ContentFile(b"reference,hypothesis\n"), save=False)
    audit.save()
    return bounty


@pytest.fixture
def drop_kept():
    """Databases that restores have kept go with the test."""
    yield
    with postgres.connect() as server:
        names = server.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE current_database() || '\\_%'"
        ).fetchall()
        for (name,) in names:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def rows_of_all_tables() -> dict[str, list]:
    with postgres.connect() as server:
        tables = [
            name
            for (name,) in server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            if name not in backup.LEFT_OUT
        ]
        return {
            name: sorted(map(repr, server.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))))
            for name in tables
        }


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        f"{alias}/{path.relative_to(folder / alias)}": path.read_bytes()
        for alias in (parts.OPEN, parts.HIDDEN)
        for path in (folder / alias).rglob("*")
        if path.is_file()
    }


def lose_everything(folder: Path) -> None:
    """The database and every file, as with a new machine."""
    restore.forget_connections()
    name = postgres.parameters()["dbname"]
    with postgres.connect("postgres") as server:
        for statement in ("DROP DATABASE {}", "CREATE DATABASE {}"):
            server.execute(sql.SQL(statement).format(sql.Identifier(name)))
    for alias in (parts.OPEN, parts.HIDDEN):
        shutil.rmtree(folder / alias)


def back_up(folder: Path) -> Path:
    call_command("backup", folder / "backup")
    return folder / "backup"


def put_into(taken: Path, path: str, content: bytes) -> None:
    """As somebody who may write into a backup: with a sum that is right."""
    (taken / path).parent.mkdir(exist_ok=True)
    (taken / path).write_bytes(content)
    sums = backup.read_sums(taken) | {path: backup.digest_of([content])}
    (taken / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))


def refused(taken: Path) -> str:
    """What is said of a backup that is neither whole nor restored."""
    with pytest.raises(CommandError) as checked:
        call_command("backup", verify=taken)
    with pytest.raises(CommandError) as restored:
        call_command("restore", taken, overwrite=True)
    assert str(checked.value) == str(restored.value)
    return str(restored.value)


def test_a_site_that_lost_everything_comes_back(judged, site, folders, client, drop_kept):
    parts.delete_discarded()
    board = client.get(f"/api/v1/bounties/{judged.slug}/leaderboard/").json()
    rows, files = rows_of_all_tables(), files_of(folders)
    assert sum(Submission.objects.values_list("accepted", flat=True)) == 3
    taken = back_up(folders)
    lose_everything(folders)
    assert rows_of_all_tables() == {}

    call_command("restore", taken)

    parts.read_part.cache_clear()
    assert rows_of_all_tables() == rows
    assert files_of(folders) == files
    assert client.get(f"/api/v1/bounties/{judged.slug}/leaderboard/").json() == board
    call_command("rejudge", judged.slug, check=True)
    call_command("migrate", verbosity=0, check_unapplied=True)


def test_what_comes_back_can_go_on(judged, folders, cast, run_worker, drop_kept):
    """Numbers of new rows go on after the restored ones."""
    taken = back_up(folders)
    lose_everything(folders)
    call_command("restore", taken)
    last = Submission.objects.latest("id").pk
    submission = send_find(cast.rival, Bounty.objects.get(pk=judged.pk), RULES[0])
    run_worker()
    submission.refresh_from_db()
    assert submission.pk > last
    assert submission.status == "scored"


def test_a_backup_is_its_owners_alone_and_sha256sum_agrees(site, folders):
    taken = back_up(folders)
    for path in (taken, *taken.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=taken, check=True)


def test_it_holds_every_file_of_both_storages_and_no_sessions(site, folders, client, cast):
    client.force_login(cast.owner)
    taken = back_up(folders)
    held = {f"{alias}/{name}" for alias, name in backup.files_in(taken)}
    assert held == set(files_of(folders))
    assert any(path.startswith("hidden/parts/") for path in held)
    facts = json.loads((taken / "manifest.json").read_text())
    assert "django_session" not in facts["rows"]
    assert facts["rows"]["audits_audit"] == 1
    reader = postgres.reader(taken / "database.dump", 15)
    listed = subprocess.run(
        [reader, "--list", taken / "database.dump"], capture_output=True, text=True, check=True
    ).stdout
    assert "TABLE DATA public bounty_bounty" in listed
    assert "TABLE DATA public django_session" not in listed


def test_rows_and_files_are_of_one_moment(site, folders, monkeypatch, cast):
    """What comes after the snapshot is in neither; what is deleted meanwhile is told."""
    real, gone = backup.dump, TableUpload.objects.get()

    def meanwhile(path, snapshot):
        digest = real(path, snapshot)
        with postgres.connect() as server:
            server.execute("DELETE FROM bounty_tableupload WHERE id = %s", [gone.pk])
            server.execute("UPDATE bounty_bounty SET title = 'Later' WHERE slug = 'lending'")
        storages[parts.HIDDEN].delete(gone.table.name)
        return digest

    monkeypatch.setattr(backup, "dump", meanwhile)
    facts = backup.back_up(folders / "backup", print)
    assert facts["deleted"] == [[parts.HIDDEN, gone.table.name]]
    assert facts["missing"] == []
    assert facts["rows"]["bounty_tableupload"] == TableUpload.objects.count() + 1


def test_a_file_that_is_named_and_not_there_fails_the_backup_and_is_told(site, folders):
    lost = Audit.objects.get().file.name
    storages[parts.OPEN].delete(lost)
    with pytest.raises(CommandError, match=f"1 files .* first default/{lost}"):
        call_command("backup", folders / "backup")
    call_command("backup", verify=folders / "backup")


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "unfinished", "manifest"])
def test_damage_is_found_and_nothing_is_restored(site, folders, damage, drop_kept):
    taken = back_up(folders)
    victim = taken / "files" / Path(*backup.files_in(taken)[0][:1], backup.files_in(taken)[0][1])
    if damage == "changed":
        data = bytearray(victim.read_bytes())
        data[-1] ^= 1
        victim.write_bytes(data)
    elif damage == "missing":
        victim.unlink()
    elif damage == "added":
        (taken / "files" / "default" / "more").write_bytes(b"")
    elif damage == "manifest":
        (taken / "manifest.json").write_text("{}")
    else:
        (taken / "SHA256SUMS").unlink()
    rows = rows_of_all_tables()
    said = {"changed": "has changed", "missing": "is missing", "added": "does not belong to it"}
    said |= {"unfinished": "no finished backup", "manifest": "manifest.json has changed"}
    for command, arguments in (
        ("backup", {"verify": taken}),
        ("restore", {"source": taken, "overwrite": True}),
    ):
        with pytest.raises(CommandError, match=said[damage]):
            call_command(command, *([arguments.pop("source")] if "source" in arguments else []), **arguments)
    assert rows_of_all_tables() == rows


@pytest.mark.parametrize(
    "path",
    [
        "files/staticfiles/app.js",
        "files/nosuch/x",
        "files/x",
        "more",
        "files/default/a\\..\\b",
        "files/default/.",
    ],
)
def test_a_file_that_no_backup_of_ours_has_is_refused(site, folders, path):
    """With sums that are right: nothing but the two storages is written to."""
    taken = back_up(folders)
    with (taken / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  {path}\n")
    assert (
        refused(taken)
        == f"A file is named “{path.removeprefix('files/default/')}”, which is no name of ours."
    )


def test_a_link_is_refused_unread(site, folders, tmp_path):
    taken = back_up(folders)
    (tmp_path / "secret").write_bytes(b"known")
    put_into(taken, "files/default/link", b"known")
    (taken / "files/default/link").unlink()
    (taken / "files/default/link").symlink_to(tmp_path / "secret")
    assert "files/default/link is a link" in refused(taken)


MANIFEST = {
    "format": 1,
    "made": "2027-01-01T02:00:00+00:00",
    "migrations": [["bounty", "0001_initial"]],
    "rows": {"auth_user": 1},
    "files": 1,
    "missing": [],
    "deleted": [],
}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        *(json.dumps({key: value for key, value in MANIFEST.items() if key != left}) for left in MANIFEST),
        json.dumps(MANIFEST | {"rows": {"auth_user": "many"}}),
        json.dumps(MANIFEST | {"rows": []}),
        json.dumps(MANIFEST | {"migrations": [["bounty"]]}),
        json.dumps(MANIFEST | {"missing": [[1, 2]]}),
    ],
)
def test_a_manifest_that_lacks_something_is_refused(site, folders, content):
    taken = back_up(folders)
    put_into(taken, "manifest.json", content.encode())
    assert "has a manifest that cannot be read" in refused(taken)


def test_a_backup_without_its_manifest_or_dump_is_refused(site, folders):
    taken = back_up(folders)
    for path in ("manifest.json", "database.dump"):
        (taken / path).unlink()
        lines = (taken / "SHA256SUMS").read_text().splitlines()
        (taken / "SHA256SUMS").write_text("".join(f"{line}\n" for line in lines if path not in line))
        assert f"{path} is missing" in refused(taken)


def test_a_list_of_sums_that_is_no_text_is_refused(site, folders):
    taken = back_up(folders)
    (taken / "SHA256SUMS").write_bytes(b"\xff\xfe\n")
    assert "SHA256SUMS cannot be read" in refused(taken)


def test_one_sum_stands_for_a_backup_and_another_one_is_refused(site, folders, capsys, drop_kept):
    taken = back_up(folders)
    told = capsys.readouterr().out.partition("Its sum is ")[2].partition(":")[0]
    found = subprocess.run(["sha256sum", taken / "SHA256SUMS"], capture_output=True, text=True, check=True)
    assert told == found.stdout.split()[0]
    call_command("backup", verify=taken)
    assert told in capsys.readouterr().out

    put_into(taken, "files/default/planted", b"by somebody")
    call_command("backup", verify=taken)
    rows, files = rows_of_all_tables(), files_of(folders)
    with pytest.raises(CommandError, match="is not the backup of that sum"):
        call_command("restore", taken, overwrite=True, sum=told)
    assert (rows_of_all_tables(), files_of(folders)) == (rows, files)
    with pytest.raises(CommandError, match="no finished backup"):
        call_command("restore", folders, overwrite=True, sum=told)
    call_command("restore", taken, overwrite=True, sum=backup.sum_of(taken).upper())


def test_what_is_written_while_a_backup_is_read_in_is_kept(site, folders, monkeypatch, drop_kept, capsys):
    """Also where the site was empty before: a process that was started too early may have written."""
    taken = back_up(folders)
    rows = rows_of_all_tables()
    lose_everything(folders)
    call_command("migrate", verbosity=0)
    real = restore.read_database

    def meanwhile(*arguments):
        real(*arguments)
        with postgres.connect() as server:
            server.execute("INSERT INTO auth_group (name) VALUES ('early')")

    monkeypatch.setattr(restore, "read_database", meanwhile)
    call_command("restore", taken)
    kept = capsys.readouterr().out.rpartition("DROP DATABASE ")[2].split(";")[0]
    assert rows_of_all_tables() == rows
    with postgres.connect(kept) as server:
        assert server.execute("SELECT name FROM auth_group").fetchall() == [("early",)]


def test_a_site_that_is_there_is_not_overwritten_unasked(site, folders):
    taken = back_up(folders)
    rows, files = rows_of_all_tables(), files_of(folders)
    with pytest.raises(CommandError, match=r"There is a site here already .*--overwrite"):
        call_command("restore", taken)
    assert (rows_of_all_tables(), files_of(folders)) == (rows, files)


def test_overwriting_keeps_what_was_there(site, folders, drop_kept, capsys):
    taken = back_up(folders)
    rows, files = rows_of_all_tables(), files_of(folders)
    Bounty.objects.filter(pk=site.pk).update(title="Later")
    changed = next(path for path in (folders / "default").rglob("*") if path.is_file())
    changed.write_bytes(b"other")
    with pytest.raises(CommandError, match="There is a site here"):
        call_command("restore", taken)
    call_command("restore", taken, overwrite=True)
    kept = capsys.readouterr().out.rpartition("DROP DATABASE ")[2].split(";")[0]
    assert rows_of_all_tables() == rows
    now = files_of(folders)
    assert {name: now[name] for name in files} == files
    assert [data for name, data in now.items() if ".before-" in name] == [b"other"]
    with postgres.connect(kept) as server:
        assert server.execute("SELECT title FROM bounty_bounty WHERE slug = 'lending'").fetchone() == (
            "Later",
        )


def test_an_installed_and_unused_site_counts_as_empty(site, folders, drop_kept):
    """As `docker compose up` leaves it on a new machine: migrated, with nothing in it."""
    taken = back_up(folders)
    rows = rows_of_all_tables()
    lose_everything(folders)
    call_command("migrate", verbosity=0)
    call_command("restore", taken)
    assert rows_of_all_tables() == rows


def test_it_does_not_restore_under_a_running_site(site, folders):
    taken = back_up(folders)
    with postgres.connect(), pytest.raises(CommandError, match="1 other sessions use the database"):
        call_command("restore", taken, overwrite=True)


@pytest.mark.parametrize("step", ["read_database", "check_rows", "change_places"])
def test_nothing_is_lost_when_it_fails_half_way(site, folders, monkeypatch, step, drop_kept):
    taken = back_up(folders)
    rows = rows_of_all_tables()

    def fail(*_, **__):
        raise psycopg.OperationalError("the server went away")

    with monkeypatch.context() as patched:
        patched.setattr(restore, step, fail)
        with pytest.raises(CommandError, match="the present database was not touched: the server went away"):
            call_command("restore", taken, overwrite=True)
    assert rows_of_all_tables() == rows
    call_command("restore", taken, overwrite=True)
    assert rows_of_all_tables() == rows


def test_a_dump_that_cannot_be_read_in_leaves_the_database(site, folders, drop_kept):
    taken = back_up(folders)
    rows = rows_of_all_tables()
    put_into(taken, "database.dump", (taken / "database.dump").read_bytes()[:20_000])
    with pytest.raises(CommandError, match="pg_restore could not read the database in"):
        call_command("restore", taken, overwrite=True)
    assert rows_of_all_tables() == rows


def test_a_backup_of_a_newer_version_is_refused(site, folders):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('bounty', '9999_later', now())"
        )
    taken = back_up(folders)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '9999_later'")
    with pytest.raises(CommandError, match=r"bounty\.9999_later"):
        call_command("restore", taken, overwrite=True)


def test_it_needs_a_new_folder(site, folders):
    back_up(folders)
    with pytest.raises(CommandError, match="is there already"):
        back_up(folders)
    with pytest.raises(CommandError, match="Name a folder"):
        call_command("backup")


def test_a_large_file_is_never_held_as_a_whole(folders, db):
    """Peak memory while a 64 MB file goes through is far below its size."""
    name = storages[parts.OPEN].save("large", ContentFile(bytes(64_000_000)))
    tracemalloc.start()
    backup.write(folders / "copy", backup.read(storages[parts.OPEN], name))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (folders / "copy").stat().st_size == 64_000_000
    assert peak < 8_000_000


def test_the_password_of_the_database_is_in_no_argument(monkeypatch):
    started = {}

    def popen(argv, **options):
        started.update(argv=argv, **options)

    monkeypatch.setattr(
        postgres.connection, "get_connection_params", lambda: {"dbname": "site", "password": "hunter2"}
    )
    monkeypatch.setattr(subprocess, "Popen", popen)
    postgres.start(["pg_dump"])
    assert "hunter2" not in " ".join(started["argv"])
    assert started["env"]["PGPASSWORD"] == "hunter2"

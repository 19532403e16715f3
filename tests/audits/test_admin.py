"""The operator's view: texts and viewers can be changed, what was computed cannot, and no file is linked."""

import pytest
from django.urls import reverse

from audits.models import Audit
from tests.audits.conftest import stored_files


@pytest.fixture
def admin(client, cast):
    client.force_login(cast.staff)
    return client


def page_of(audit: Audit) -> str:
    return reverse("admin:audits_audit_change", args=[audit.pk])


def test_the_list_finds_an_audit_by_title_key_and_owner(admin, done):
    for text in ("Dictation", done.key, "owner"):
        answer = admin.get(reverse("admin:audits_audit_changelist"), {"q": text})
        assert answer.status_code == 200 and done.key in answer.content.decode()
    assert (
        done.key not in admin.get(reverse("admin:audits_audit_changelist"), {"q": "other"}).content.decode()
    )


def test_texts_and_viewers_can_be_changed_and_the_rest_cannot(admin, cast, done):
    page = admin.get(page_of(done)).content.decode()
    assert done.file_sha256 in page and done.file.name not in page and done.cells.name not in page
    sent = {
        "title": "Other",
        "visibility": "unlisted",
        "viewers": [cast.participant.pk],
        "kind": "classification",
    }
    assert admin.post(page_of(done), sent).status_code == 302
    done.refresh_from_db()
    assert (done.title, done.visibility, done.kind) == ("Other", "unlisted", "speech")
    assert list(done.viewers.all()) == [cast.participant] and done.is_done


def test_nothing_is_added_here(admin):
    assert admin.get(reverse("admin:audits_audit_add")).status_code == 403


def test_deleting_takes_the_files_along(admin, done, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin.post(reverse("admin:audits_audit_delete", args=[done.pk]), {"post": "yes"})
    assert answer.status_code == 302 and not Audit.objects.exists() and not stored_files()

"""What the platform remembers of audits. Rules about change stand in intake and in constraints here."""

import secrets

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import F, Q, Sum

from common.files import private_path
from common.jobs import UNFINISHED, Job, Status
from fairness.audit import settings_from
from fairness.kinds import KINDS, Kind
from fairness.kinds.base import Settings
from fairness.look import column_names

# 32 characters without look-alikes: 5 bits each, so that an address is a secret of 70 bits.
KEY_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
KEY_LENGTH = 14
DESCRIPTION_CHARACTERS = 20_000
ROLES_MISSING = "roles_missing"


def new_key() -> str:
    return "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))


class Visibility(models.TextChoices):
    PRIVATE = "private", "Private"
    UNLISTED = "unlisted", "Unlisted"
    PUBLIC = "public", "Public"


class AuditQuerySet(models.QuerySet):
    def listed_to(self, user) -> "AuditQuerySet":
        """What lists and searches show; an audit without a result is its owner's alone."""
        return self if user.is_staff else self.filter(self._theirs(user) | self._open(Visibility.PUBLIC))

    def visible_to(self, user) -> "AuditQuerySet":
        """What an address opens: whoever has that of an unlisted audit may read it."""
        shared = self._open(Visibility.PUBLIC, Visibility.UNLISTED)
        return self if user.is_staff else self.filter(self._theirs(user) | shared)

    def owned_by(self, user) -> "AuditQuerySet":
        if user.is_staff:
            return self
        return self.filter(owner=user.pk) if user.pk else self.none()

    def matching(self, text: str) -> "AuditQuerySet":
        """Those whose title, system, series or release holds a text."""
        named = Q(title__icontains=text) | Q(system__icontains=text) | Q(series__icontains=text)
        return self.filter(named | Q(release__icontains=text)) if text else self

    def for_lists(self) -> "AuditQuerySet":
        """Without the long fields, which may have megabytes."""
        return self.select_related("owner").defer("result", "look", "log")

    def stored_bytes(self) -> int:
        return self.aggregate(total=Sum(F("file_bytes") + F("result_bytes"), default=0))["total"]

    def _open(self, *visibilities: Visibility) -> Q:
        return Q(visibility__in=visibilities, status=Status.SCORED)

    def _theirs(self, user) -> Q:
        if not user.pk:
            return Q(pk__in=[])
        # A subquery: joined, an audit would come once for each of its viewers.
        named = Audit.viewers.through.objects.filter(user=user.pk).values("audit")
        return Q(owner=user.pk) | Q(pk__in=named, status=Status.SCORED)


class Audit(Job):
    """Somebody's table of results of one or more systems, measured by group.

    Until its roles are confirmed it is a draft: rejected, with the error `roles_missing`. Its file is kept as
    long as it is, so that it can be measured again under other settings; meanwhile it has no result.
    """

    key = models.CharField(max_length=KEY_LENGTH, unique=True, default=new_key, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="audits")
    viewers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="viewable_audits", blank=True)
    kind = models.CharField(max_length=30)
    title = models.CharField(max_length=120)
    description = models.TextField(
        blank=True,
        max_length=DESCRIPTION_CHARACTERS,
        validators=[MaxLengthValidator(DESCRIPTION_CHARACTERS)],
    )
    system = models.SlugField(max_length=60, blank=True)
    series = models.SlugField(max_length=60, blank=True)
    release = models.CharField(max_length=60, blank=True)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PRIVATE)

    file = models.FileField(upload_to=private_path, editable=False)
    file_name = models.CharField(max_length=200, editable=False)
    file_bytes = models.PositiveBigIntegerField(default=0, editable=False)
    file_sha256 = models.CharField(max_length=64, editable=False)
    # The file's columns and first rows as fairness.look read them, for the page that asks what they mean.
    look = models.JSONField(default=dict, editable=False)
    # Column -> role, and the fields of fairness.kinds.base.Settings, as they were confirmed or are proposed.
    roles = models.JSONField(default=dict, editable=False)
    settings = models.JSONField(default=dict, editable=False)

    stage = models.CharField(max_length=100, blank=True, editable=False)
    progress = models.FloatField(default=0, editable=False)

    result = models.JSONField(default=dict, editable=False)
    # The headline and the group columns, as lists show them without reading the whole result.
    card = models.JSONField(default=dict, editable=False)
    cells = models.FileField(upload_to=private_path, blank=True, editable=False)
    cells_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    rows = models.FileField(upload_to=private_path, blank=True, editable=False)
    rows_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    result_bytes = models.PositiveBigIntegerField(default=0, editable=False)

    idempotency_key = models.CharField(max_length=100, blank=True, editable=False)
    request_sha256 = models.CharField(max_length=64, blank=True, editable=False)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status=Status.SCORED, cells__gt="", rows__gt="") & ~Q(result={})
                | ~Q(status=Status.SCORED) & Q(cells="", rows="", result={}),
                name="audit_has_a_result_when_it_is_done",
            ),
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="audit_once_per_idempotency_key",
            ),
            # A long audit must leave the other worker processes to bounties.
            models.UniqueConstraint(
                fields=["status"],
                condition=Q(status=Status.RUNNING),
                name="audit_one_runs_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="audit_unfinished", condition=Q(status__in=UNFINISHED)),
            models.Index(fields=["visibility", "status", "-id"], name="audit_listed"),
            models.Index(fields=["owner", "-id"], name="audit_of_owner"),
            models.Index(fields=["system"], name="audit_of_system", condition=~Q(system="")),
            models.Index(fields=["owner", "series"], name="audit_of_series", condition=~Q(series="")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column_names(self.look))

    def get_kind(self) -> Kind:
        return KINDS[self.kind]

    def settings_of(self) -> Settings:
        return settings_from(self.settings)

    @property
    def is_draft(self) -> bool:
        """Whether somebody must still say what its columns are."""
        return self.status == Status.REJECTED and self.error == ROLES_MISSING

    @property
    def is_done(self) -> bool:
        return self.status == Status.SCORED

    def is_owned_by(self, user) -> bool:
        return bool(user.pk) and (user.is_staff or user.pk == self.owner_id)

    def shows_texts_to(self, user) -> bool:
        """Texts, single people and small cells are for the owner, the people they named, and staff."""
        if not user.pk:
            return False
        return self.is_owned_by(user) or self.viewers.filter(pk=user.pk).exists()

"""What the platform remembers of bounties. Rules about change stand in intake and in constraints here."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from common.files import hidden_storage, private_path
from common.jobs import UNFINISHED, Job, Status
from fairness.rates import LOSS_OF, MEASURES, OF_NUMBERS
from fairness.tables import sample_columns

MEASURE_NAMES = {
    "error": "Error rate",
    "false_rejection": "False rejection rate",
    "false_acceptance": "False acceptance rate",
    "squared_error": "Relative squared error",
    "absolute_error": "Relative absolute error",
    "log_loss": "Relative log loss",
    "wer": "Word error rate",
}
NORMALISER_NAMES = {
    "none": "None: texts are compared as written",
    "basic": "Basic: case, punctuation and Unicode forms are ignored",
    "english": "English: spelling, contractions, numbers and fillers are made alike too",
}
GROUP_FORMAT_NAMES = {
    "rule": "Rule (SQL condition)",
    "onnx": "ONNX model",
    "skops": "scikit-learn (skops)",
    "python": "Python function",
}
PREDICTOR_FORMAT_NAMES = {
    "rule": "Rule (SQL condition)",
    "constant": "Constant",
    "onnx": "ONNX model",
    "skops": "scikit-learn (skops)",
    "python": "Python function",
}
PARTS = ("sample", "leaderboard", "final")
# As fairness.verdict.judge_find asks of each side of a gap; a cluster with rows on both sides counts on both.
LEAST_CLUSTERS = 20


def count_of(rows: models.QuerySet) -> models.Expression:
    """How many rows of a correlated queryset there are, as a column."""
    counted = rows.order_by().values("bounty").annotate(n=models.Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


class BountyQuerySet(models.QuerySet):
    def visible_to(self, user) -> "BountyQuerySet":
        """Opened bounties are public; a draft is its organisers' and the operators'."""
        if user.is_staff:
            return self
        public = Q(opened_at__isnull=False)
        return self.filter(public | Q(pk__in=self.organised_by(user))) if user.pk else self.filter(public)

    def organised_by(self, user) -> "BountyQuerySet":
        if user.is_staff:
            return self
        return self.filter(organisers=user.pk) if user.pk else self.none()

    def for_lists(self) -> "BountyQuerySet":
        """Without the long fields: what the close found may have megabytes."""
        return self.defer("final", "description")

    def with_counts(self) -> "BountyQuerySet":
        """Teams and accepted finds of each, as lists show them."""
        # Counted apart: joined, every team would meet every submission.
        return self.for_lists().annotate(
            n_teams=count_of(Team.objects.filter(bounty=OuterRef("pk"))),
            n_accepted=count_of(Submission.objects.filter(bounty=OuterRef("pk"), accepted=True)),
        )

    def taking_submissions(self) -> "BountyQuerySet":
        now = timezone.now()
        return self.filter(
            Q(closes_at__isnull=True) | Q(closes_at__gt=now),
            Q(opens_at__isnull=True) | Q(opens_at__lte=now),
            opened_at__isnull=False,
            closed_at__isnull=True,
            # Clocks may differ: nothing comes in once the final half was read.
            finalised_at__isnull=True,
        )


class Bounty(models.Model):
    """A model's predictions on a hidden test set, opened to outsiders."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    summary = models.CharField(max_length=240, blank=True)
    description = models.TextField(blank=True, max_length=50_000)
    licence = models.CharField("licence of the data", max_length=120, blank=True)
    source = models.CharField("source of the data", max_length=500, blank=True)
    system = models.SlugField(max_length=60, blank=True)
    organisers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="organised_bounties")

    measure = models.CharField(
        max_length=20, choices=[(name, MEASURE_NAMES[name]) for name in MEASURES], default="error"
    )
    label_column = models.CharField(max_length=100)
    prediction_column = models.CharField(max_length=100)
    favourable_label = models.CharField(max_length=100, blank=True)
    normaliser = models.CharField(max_length=20, choices=list(NORMALISER_NAMES.items()), default="basic")
    cluster_column = models.CharField(max_length=100, blank=True)
    weight_column = models.CharField(max_length=100, blank=True)
    visible_columns = models.JSONField(default=list, blank=True)
    group_columns = models.JSONField(default=list, blank=True)
    sample_share = models.FloatField(
        default=0.2, validators=[MinValueValidator(0.01), MaxValueValidator(0.9)]
    )
    leaderboard_share = models.FloatField(
        default=0.4, validators=[MinValueValidator(0.01), MaxValueValidator(0.98)]
    )
    random_state = models.PositiveBigIntegerField(default=0)

    min_rows = models.PositiveIntegerField(default=30, validators=[MinValueValidator(10)])
    alpha = models.FloatField(default=0.05, validators=[MinValueValidator(0.0001), MaxValueValidator(0.2)])
    verdict_cap = models.PositiveIntegerField(
        default=1000, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    team_cap = models.PositiveIntegerField(default=100, validators=[MinValueValidator(1)])
    daily_cap = models.PositiveIntegerField(default=20, validators=[MinValueValidator(1)])
    rejected_daily_cap = models.PositiveIntegerField(default=30, validators=[MinValueValidator(1)])
    wall_seconds = models.PositiveIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(120)]
    )
    allow_python = models.BooleanField(default=False)
    takes_fixes = models.BooleanField(default=True)
    # The design's epsilon: by how much the overall error must fall for a fix to be accepted.
    min_gain = models.FloatField(default=0.0, validators=[MinValueValidator(0), MaxValueValidator(0.5)])
    house_teams = models.BooleanField(default=False)
    publish_groups = models.BooleanField(default=True)
    opens_at = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)

    created = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Facts of the prepared data: [{"name", "dtype"}], the labels, and per part the rows, files and hashes.
    schema = models.JSONField(default=list, editable=False)
    labels = models.JSONField(default=list, editable=False)
    # Of numbers: {"unit": the best constant's mean loss on the public sample, "low", "high": of all labels}.
    loss_facts = models.JSONField(default=dict, editable=False)
    normaliser_version = models.CharField(max_length=200, blank=True, editable=False)
    parts = models.JSONField(default=dict, editable=False)
    base_model = models.JSONField(default=dict, editable=False)

    # What the close found on the final half (bounty.closing), published once.
    final = models.JSONField(default=dict, editable=False)
    finalised_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BountyQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-created"]
        verbose_name_plural = "bounties"
        constraints = [
            models.CheckConstraint(
                condition=Q(sample_share__gt=0)
                & Q(leaderboard_share__gt=0)
                & Q(sample_share__lt=1 - F("leaderboard_share")),
                name="bounty_shares_leave_a_final_half",
                violation_error_message="Sample share and leaderboard share together must stay under 1: "
                "what is left is the final half.",
            ),
            models.CheckConstraint(
                condition=Q(team_cap__lte=F("verdict_cap")),
                name="bounty_team_cap_within_verdict_cap",
                violation_error_message="A team's share of the verdicts cannot exceed all verdicts.",
            ),
            models.CheckConstraint(
                condition=Q(closes_at__isnull=True)
                | Q(opens_at__isnull=True)
                | Q(closes_at__gt=F("opens_at")),
                name="bounty_closes_after_it_opens",
                violation_error_message="The closing date must come after the opening date.",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def phase(self) -> str:
        """draft, upcoming, open or closed."""
        now = timezone.now()
        if self.opened_at is None:
            return "draft"
        if self.closed_at or (self.closes_at and self.closes_at <= now):
            return "closed"
        return "upcoming" if self.opens_at and self.opens_at > now else "open"

    @property
    def is_speech(self) -> bool:
        """Whether rows are utterances and errors are counted in words."""
        return self.measure == "wer"

    @property
    def truth_columns(self) -> tuple[str, ...]:
        """What the truth of a part says of each row, beside its counts: texts for reading."""
        return sample_columns(self.measure)[:2]

    @property
    def truth_named(self) -> str:
        return "references and hypotheses" if self.is_speech else "labels and predictions"

    @property
    def clusters_named(self) -> str:
        return "speakers" if self.is_speech else "clusters"

    @property
    def min_clusters(self) -> int | None:
        """Clusters that a group and its rest each need, where clusters are named."""
        return LEAST_CLUSTERS if self.cluster_column else None

    @property
    def is_prepared(self) -> bool:
        return bool(self.parts)

    @property
    def level(self) -> float:
        """What every verdict is judged at: the error budget over the cap on verdicts."""
        return self.alpha / self.verdict_cap

    @property
    def group_formats(self) -> dict[str, str]:
        return {key: name for key, name in GROUP_FORMAT_NAMES.items() if key != "python" or self.allow_python}

    @property
    def predictor_formats(self) -> dict[str, str]:
        """Formats a fix's predictor may have; a rule answers one of two labels."""
        left_out = set() if self.allow_python else {"python"}
        if self.predicts != "label" or len(self.labels) != 2:
            left_out.add("rule")
        return {key: name for key, name in PREDICTOR_FORMAT_NAMES.items() if key not in left_out}

    @property
    def accepts_fixes(self) -> bool:
        """Words and weighted rows are no losses that a better predictor could lower row by row."""
        return self.takes_fixes and not self.is_speech and not self.weight_column

    @property
    def loss(self) -> str:
        """What fixes are judged by: every mistake counts, also where finds count one kind."""
        return LOSS_OF.get(self.measure, "zero_one")

    @property
    def predicts(self) -> str:
        """What a predictor answers: a label, a number or a probability."""
        if self.measure in OF_NUMBERS:
            return "number"
        return "probability" if self.measure == "log_loss" else "label"

    @property
    def positive_label(self) -> str:
        """What a rule that is true predicts."""
        return self.favourable_label or (self.labels[-1] if self.labels else "")

    @property
    def publishes_groups(self) -> bool:
        """Whether accepted groups are everybody's to see: after the close, unless said otherwise at
        opening.
        """
        return self.publish_groups and self.finalised_at is not None

    def shows_numbers_to(self, user) -> bool:
        """Until the close, exact numbers are the organisers' alone."""
        return self.phase == "closed" or self.is_organised_by(user)

    def is_organised_by(self, user) -> bool:
        return bool(user.pk) and (user.is_staff or self.organisers.filter(pk=user.pk).exists())


class Team(models.Model):
    """Who submits to one bounty; so far one user, made when they join it."""

    bounty = models.ForeignKey(Bounty, on_delete=models.CASCADE, related_name="teams")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="teams")
    name = models.CharField(max_length=150)
    # An automatic participant, shown as a baseline (bounty.house).
    is_house = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bounty", "user"], name="team_one_per_user"),
            models.UniqueConstraint(fields=["bounty", "name"], name="team_name_once_in_a_bounty"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupJob(Job):
    """A job that runs a submitted group and, for a fix, a predictor on it."""

    group_format = models.CharField(max_length=10, choices=list(GROUP_FORMAT_NAMES.items()))
    group_rule = models.TextField(blank=True)
    group_file = models.FileField(upload_to=private_path, blank=True)
    group_file_name = models.CharField(max_length=200, blank=True)
    predictor_format = models.CharField(
        max_length=10, choices=list(PREDICTOR_FORMAT_NAMES.items()), blank=True
    )
    predictor_rule = models.TextField(blank=True)
    predictor_value = models.CharField(max_length=200, blank=True)
    predictor_file = models.FileField(upload_to=private_path, blank=True)
    predictor_file_name = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True


class TableUpload(Job):
    """An organiser's table (and model) on its way to being a bounty's prepared data.

    The newest of a draft is the one that counts. Its file is kept until the bounty opens, so that the data
    can be prepared again when a setting changes.
    """

    bounty = models.ForeignKey(Bounty, on_delete=models.CASCADE, related_name="uploads")
    table = models.FileField(storage=hidden_storage, upload_to=private_path, blank=True)
    table_name = models.CharField(max_length=200)
    model_file = models.FileField(upload_to=private_path, blank=True)
    # The table's columns and first rows as bounty.preview read them, for the page that asks what they mean.
    preview = models.JSONField(default=dict, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="table_unfinished", condition=Q(status__in=UNFINISHED)),
        ]

    def __str__(self) -> str:
        return f"{self.table_name} for {self.bounty}"


# What uses one of K: judged, rejected only on hidden rows, or still on its way to a verdict.
USING_VERDICTS = Q(status__in=[*UNFINISHED, Status.SCORED]) | Q(status=Status.REJECTED, on_hidden=True)


class SubmissionQuerySet(models.QuerySet):
    def visible_to(self, user) -> "SubmissionQuerySet":
        """A submission is its team's and the bounty's organisers'."""
        if user.is_staff:
            return self
        if not user.pk:
            return self.none()
        return self.filter(Q(team__user=user.pk) | Q(bounty__in=Bounty.objects.filter(organisers=user.pk)))

    def unfinished(self) -> "SubmissionQuerySet":
        return self.filter(status__in=UNFINISHED)

    def using_verdicts(self) -> "SubmissionQuerySet":
        return self.filter(USING_VERDICTS)


class Submission(GroupJob):
    """A find: a group in which the measure is claimed to be worse. A fix: a group and a better predictor on
    it.

    Its id is its place in the order.
    """

    class Kind(models.TextChoices):
        FIND = "find", "Find"
        FIX = "fix", "Fix"

    class Code(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        NOT_PROVEN = "not_proven", "Not proven"
        NOTHING_NEW = "nothing_new", "Nothing new"
        TOO_LITTLE_EXPOSURE = "too_little_exposure", "Too few people"

    # A judged submission has used one of K and may be what later ones are judged against: it stays.
    bounty = models.ForeignKey(Bounty, on_delete=models.PROTECT, related_name="submissions")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="submissions")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.FIND)
    note = models.TextField(blank=True, max_length=2000)
    idempotency_key = models.CharField(max_length=100, blank=True, editable=False)
    request_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    # A keyed hash of the network it came from (bounty.alike).
    origin = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    on_hidden = models.BooleanField("was rejected on hidden rows only", default=False, editable=False)
    sample_share = models.FloatField(null=True, editable=False)
    # By column, the share of answers that change when its values are shuffled: on up to 400 public rows,
    # from inside and outside by turns, in two runs.
    uses = models.JSONField(default=dict, editable=False)

    # The verdict. `code` and `accepted` are the participant's to see, `numbers` and `points` are not.
    accepted = models.BooleanField(null=True, editable=False)
    code = models.CharField(max_length=20, choices=Code, blank=True, editable=False)
    points = models.FloatField(default=0, editable=False)
    numbers = models.JSONField(default=dict, editable=False)
    # Of a fix, on the list of its team alone.
    solo_accepted = models.BooleanField(null=True, editable=False)
    solo_points = models.FloatField(default=0, editable=False)
    duplicate_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, editable=False)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="submission_once_per_idempotency_key",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.SCORED, accepted__isnull=False)
                | (~Q(status=Status.SCORED) & Q(accepted__isnull=True)),
                name="submission_scored_has_a_verdict",
            ),
        ]
        indexes = [
            models.Index(fields=["bounty", "status", "id"]),
            models.Index(fields=["team", "created"]),
            models.Index(fields=["id"], name="submission_unfinished", condition=Q(status__in=UNFINISHED)),
            # Quotas and standings are counted from an index alone.
            models.Index(
                fields=["bounty", "team", "created"],
                include=["status"],
                name="submission_using_verdict",
                condition=USING_VERDICTS,
            ),
            models.Index(fields=["bounty", "kind", "team", "id"], name="submission_standings"),
            models.Index(
                fields=["bounty", "kind", "id"],
                name="submission_judged",
                condition=Q(accepted__isnull=False),
            ),
            models.Index(
                fields=["bounty", "id"],
                name="submission_accepted",
                condition=Q(accepted=True) | Q(solo_accepted=True),
            ),
            models.Index(fields=["-finished"], name="submission_latest", condition=Q(accepted=True)),
            models.Index(fields=["bounty", "-id"], name="submission_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class Masks(models.Model):
    """Which hidden rows a submission's group holds, as packed bits, row order as in the stored parts.

    Verdicts are recomputed from these, never from the submitted code.
    """

    submission = models.OneToOneField(
        Submission, on_delete=models.PROTECT, related_name="masks", primary_key=True
    )
    leaderboard = models.BinaryField()
    final = models.BinaryField()

    class Meta:
        verbose_name = verbose_name_plural = "masks"

    def __str__(self) -> str:
        return f"Masks of submission {self.submission_id}"


class Answers(models.Model):
    """What a fix's predictor answers for the hidden rows of its group, in their order
    (bounty.parts.pack_answers).

    Verdicts and the repaired model are recomputed from these, never from the submitted code.
    """

    submission = models.OneToOneField(
        Submission, on_delete=models.PROTECT, related_name="answers", primary_key=True
    )
    leaderboard = models.BinaryField()
    final = models.BinaryField()

    class Meta:
        verbose_name = verbose_name_plural = "answers"

    def __str__(self) -> str:
        return f"Answers of submission {self.submission_id}"


class Live(models.Model):
    """What the accepted submissions made of the hidden rows, as pages show it.

    A worker writes it with each acceptance (bounty.repaired.record), so that who serves pages reads no hidden
    row.
    """

    bounty = models.OneToOneField(Bounty, on_delete=models.CASCADE, related_name="live", primary_key=True)
    # The last accepted submission that is in it.
    last = models.PositiveBigIntegerField()
    nodes = models.JSONField(default=list)
    rounds = models.JSONField(default=list)
    life = models.JSONField(default=dict)
    coverage = models.JSONField(default=list)

    class Meta:
        verbose_name = verbose_name_plural = "live model"

    def __str__(self) -> str:
        return f"Live model of {self.bounty_id}"


class Discarded(models.Model):
    """A file nobody needs any more: a worker deletes it, as who discards it may not have the right."""

    storage = models.CharField(max_length=20)
    path = models.CharField(max_length=200)

    class Meta:
        verbose_name_plural = "discarded files"

    def __str__(self) -> str:
        return self.path


class Check(GroupJob):
    """A dry run on the public sample, of a group or of a fix: costs no quota."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="checks")
    result = models.JSONField(default=dict, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["team", "created"]),
            models.Index(fields=["id"], name="check_unfinished", condition=Q(status__in=UNFINISHED)),
        ]

    def __str__(self) -> str:
        return f"Check {self.pk}"


class HouseTurn(Job):
    """A house team's turn to look at the public sample and submit what it finds (bounty.house)."""

    class Method(models.TextChoices):
        SLICES = "slices", "Slices and trees"
        COSTS = "costs", "Cost-sensitive search"

    bounty = models.ForeignKey(Bounty, on_delete=models.CASCADE, related_name="house_turns")
    method = models.CharField(max_length=10, choices=Method)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bounty", "method"], name="house_turn_once")]
        indexes = [
            models.Index(fields=["id"], name="house_turn_unfinished", condition=Q(status__in=UNFINISHED)),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} on {self.bounty}"


class Credit(Job):
    """What each team contributed to a closed bounty's model, on its way into Bounty.final (bounty.credit)."""

    bounty = models.OneToOneField(Bounty, on_delete=models.CASCADE, related_name="credit")
    # The steps made so far: a worker does some at a time.
    found = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name_plural = "credit"
        indexes = [
            models.Index(fields=["id"], name="credit_unfinished", condition=Q(status__in=UNFINISHED)),
        ]

    def __str__(self) -> str:
        return f"Credit on {self.bounty}"

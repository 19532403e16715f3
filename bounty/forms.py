"""What an organiser fills in: a bounty, its table, and what to look for among the submissions."""

from django import forms
from django.conf import settings
from django.utils.text import slugify

from fairness.tables import sample_columns

from .drafts import RESERVED_SLUGS, SLUG_RESERVED
from .models import GROUP_FORMAT_NAMES, NORMALISER_NAMES, Bounty, Status, Submission, TableUpload
from .preview import column_names

ONE_SIDED = ("false_rejection", "false_acceptance")
ROLES = {
    "label_column": "label",
    "prediction_column": "prediction",
    "cluster_column": "cluster",
    "weight_column": "weight",
}
# The words of a bounty on speech: what a role is called, and its field's label and help.
SPEECH_ROLES = ROLES | {
    "label_column": "reference",
    "prediction_column": "hypothesis",
    "cluster_column": "speaker",
}
SPEECH_WORDING = {
    "label_column": (
        "Reference: what was said",
        "The transcript by people. Rows without a word in it count for nothing.",
    ),
    "prediction_column": ("Hypothesis: what the system wrote", "Empty where it wrote nothing."),
    "cluster_column": (
        "Speaker",
        "Who speaks. Give it wherever one person has several rows: evidence is then counted by speaker, and "
        "no speaker is on both sides of the split. Without it the promise does not hold.",
    ),
}
# Names that give a column's role away, so that the page can propose it.
USUAL_NAMES = {
    "label_column": ("label", "y_true", "y", "target", "truth", "actual", "outcome"),
    "prediction_column": ("prediction", "predicted", "y_pred", "pred", "predicted_label", "decision"),
    "cluster_column": ("cluster", "person", "person_id", "applicant_id", "user_id", "speaker"),
    "weight_column": ("weight", "weights", "sample_weight"),
}
USUAL_SPEECH_NAMES = USUAL_NAMES | {
    "label_column": ("reference", "ref", "transcript", "sentence", "said"),
    "prediction_column": ("hypothesis", "hyp", "recognised", "recognized", "asr", "written"),
    "cluster_column": ("speaker", "speaker_id", "spk", "client_id", "person", "person_id", "participant"),
}
USUAL_GROUPS = {
    *("sex", "gender", "race", "ethnicity", "age_group", "nationality", "disability", "religion"),
    *("accent", "dialect", "first_language", "native_language", "noise", "device"),
}

MEANINGS = {
    "error": "How often the prediction is wrong, in either direction.",
    "false_rejection": (
        "Of those who should have had the favourable outcome, how many were denied it. Show columns that say "
        "who people are, not all inputs of the model: whoever can work out its answers names all it rejects."
    ),
    "false_acceptance": (
        "Of those who should not have had the favourable outcome, how many were given it. As above, show "
        "columns that say who people are."
    ),
    "squared_error": (
        "For predicted numbers: the squared distance from the truth. 100 % is what the best constant costs "
        "on the public sample."
    ),
    "absolute_error": (
        "For predicted numbers: the distance from the truth. 100 % is what the best constant costs on the "
        "public sample."
    ),
    "log_loss": (
        "For predicted probabilities of the favourable label: how surprising the truth was. 100 % is what "
        "the best constant costs on the public sample."
    ),
    "wer": (
        "For speech: words the system got wrong, left out or added, for each word that was said. It can "
        "exceed 100 %. Show columns such as accent, age, noise and device. Such a bounty takes finds only."
    ),
}

SAME_ADDRESS = "Another bounty has this address. Choose a different one."
TWO_ROLES = "“{column}” is already the {role}. Choose another column."
NO_VISIBLE = "Show participants at least one column: they name groups with what they see."
GROUP_HIDDEN = "Participants do not see {columns}. Show what you group by, or do not group by it."
WORDS_SHOWN = "The public sample carries a column “{column}” of its own. Rename yours, or do not show it."
FAVOURABLE_MISSING = "This measure needs the favourable label: the outcome a person hopes for."
NO_FINAL_HALF = "Sample and leaderboard half must stay under 100 % together: what is left is the final half."
TEAM_CAP_TOO_HIGH = "A team's share of the verdicts cannot exceed all verdicts."
CLOSES_BEFORE_OPENING = "The closing date must come after the opening date."


class PercentField(forms.FloatField):
    """Shown and checked in percent, kept as a share of 1."""

    def prepare_value(self, value):
        return f"{value * 100:.6g}" if isinstance(value, float) else value

    def clean(self, value):
        percent = super().clean(value)
        return None if percent is None else round(percent / 100, 6)


class MomentInput(forms.DateTimeInput):
    def __init__(self) -> None:
        super().__init__(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class TextsForm(forms.ModelForm):
    """What an organiser may change at any time."""

    class Meta:
        model = Bounty
        fields = ("summary", "description", "licence", "source")
        labels = {"licence": "Licence of the data", "source": "Source of the data"}
        help_texts = {
            "summary": "One sentence under the title, in the list of bounties too.",
            "description": "Markdown. Say what the model decides about whom, what it was trained on, which "
            "labels are self-reported, and what a good find would change. No raw HTML or remote images.",
            "licence": "As its owner names it, for example CC BY 4.0.",
            "source": "Where the data comes from and how it may be cited.",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 10})}


class DetailsForm(TextsForm):
    class Meta(TextsForm.Meta):
        fields = ("title", "slug", "summary", "description", "licence", "source", "system")
        labels = TextsForm.Meta.labels | {"slug": "Address", "system": "System"}
        help_texts = TextsForm.Meta.help_texts | {
            "slug": "Small letters, digits and hyphens. Left empty, it follows from the title.",
            "system": "A short name shared by all bounties on one model, for example credit-model-2. "
            "Optional.",
        }
        error_messages = {"slug": {"unique": SAME_ADDRESS}}

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"].lower() or self.free_slug(self.cleaned_data.get("title", ""))
        if slug in RESERVED_SLUGS:
            raise forms.ValidationError(SLUG_RESERVED.format(slug=slug))
        return slug

    def free_slug(self, title: str) -> str:
        stem = slugify(title)[:50].strip("-") or "bounty"
        others = Bounty.objects.exclude(pk=self.instance.pk).filter(slug__startswith=stem)
        taken = {*others.values_list("slug", flat=True), *RESERVED_SLUGS}
        numbered = (f"{stem}-{n}" for n in range(2, len(taken) + 3))
        return stem if stem not in taken else next(slug for slug in numbered if slug not in taken)


class TableForm(forms.Form):
    table = forms.FileField(
        widget=forms.FileInput(
            attrs={"data-describe": "table-chosen", "data-max-bytes": settings.TABLE_MAX_BYTES}
        ),
        help_text="CSV (UTF-8, header in the first row) or Parquet, up to 1 GB: one row for each decision, "
        "with what was true, what the model predicted, and the columns that describe the case; of speech one "
        "row for each utterance, with what was said and what the system wrote.",
    )
    model_file = forms.FileField(
        label="The model itself",
        required=False,
        widget=forms.FileInput(
            attrs={"data-describe": "model-chosen", "data-max-bytes": settings.MODEL_MAX_BYTES}
        ),
        help_text="ONNX up to 20 MB, taking the columns participants see. It is run in the "
        "sandbox and must give the predictions of the table. Participants never get it.",
    )
    remove_model = forms.BooleanField(label="Go on without the model uploaded before", required=False)

    def __init__(self, *args, upload: TableUpload | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["table"].required = upload is None
        if upload is None or not upload.model_file:
            del self.fields["remove_model"]


class NewBountyForm(TableForm, DetailsForm):
    field_order = DetailsForm.Meta.fields


class SettingsForm(DetailsForm):
    """Everything of a draft. Columns are chosen from those of the table's preview."""

    label_column = forms.ChoiceField(help_text="What was true, or should have been decided.")
    prediction_column = forms.ChoiceField(help_text="What the model said, in the same words as the label.")
    cluster_column = forms.ChoiceField(
        required=False,
        help_text="Whose rows belong together, where one person has several. Evidence is then counted by "
        "person.",
    )
    weight_column = forms.ChoiceField(
        required=False, help_text="How much a row counts, in a weighted survey."
    )
    normaliser = forms.ChoiceField(
        required=False,
        label="Texts before they are compared",
        choices=list(NORMALISER_NAMES.items()),
        help_text="Reference and hypothesis go through it alike; participants are told. What it makes the "
        "same is never counted as an error, also where a dialect says it differently.",
    )
    visible_columns = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    group_columns = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    sample_share = PercentField(
        min_value=1,
        max_value=90,
        label="Public sample",
        help_text="Percent of the rows that participants get whole, to look for groups.",
    )
    leaderboard_share = PercentField(
        min_value=1,
        max_value=98,
        label="Leaderboard half",
        help_text="Percent of all rows that verdicts are given on. What is left is the final half, which "
        "stays unread until the close.",
    )
    min_gain = PercentField(
        min_value=0,
        max_value=50,
        label="Smallest gain",
        help_text="Percentage points by which a fix must lower the overall error to be accepted. At 0 any "
        "proven gain counts.",
    )

    class Meta(DetailsForm.Meta):
        fields = (
            *DetailsForm.Meta.fields,
            "measure",
            "label_column",
            "prediction_column",
            "favourable_label",
            "normaliser",
            "cluster_column",
            "weight_column",
            "visible_columns",
            "group_columns",
            "sample_share",
            "leaderboard_share",
            "min_rows",
            "verdict_cap",
            "alpha",
            "team_cap",
            "daily_cap",
            "rejected_daily_cap",
            "wall_seconds",
            "allow_python",
            "takes_fixes",
            "min_gain",
            "house_teams",
            "publish_groups",
            "opens_at",
            "closes_at",
        )
        labels = DetailsForm.Meta.labels | {
            "min_rows": "Smallest group",
            "verdict_cap": "Verdicts of the whole bounty (K)",
            "alpha": "Error budget (alpha)",
            "team_cap": "Verdicts a team may use",
            "daily_cap": "Verdicts a team may use in a day",
            "rejected_daily_cap": "Rejected submissions a team may send in a day",
            "wall_seconds": "Time limit of a submission, in seconds",
            "allow_python": "Take Python functions",
            "takes_fixes": "Take fixes",
            "house_teams": "Switch on house teams",
            "publish_groups": "Publish accepted groups at the close",
            "opens_at": "Opens",
            "closes_at": "Closes",
        }
        help_texts = DetailsForm.Meta.help_texts | {
            "favourable_label": "The outcome a person hopes for, as it stands in the label column. Needed "
            "for the two one-sided rates.",
            "min_rows": "Rows with exposure that a group and its rest each need before they are judged.",
            "verdict_cap": "More verdicts let more people try, and make each one harder to win.",
            "alpha": "The chance that anything at all is accepted although no group is worse.",
            "team_cap": "So that nobody uses up the verdicts of all.",
            "daily_cap": "Counted from midnight UTC.",
            "rejected_daily_cap": "Submissions that do not run, or fail on our side, cost no verdict; this "
            "cap keeps them from flooding the queue.",
            "wall_seconds": "For one run over the hidden rows, 1 to 120.",
            "allow_python": "They run in the same sandbox, but can do more in it than the other formats. "
            "Off is safer.",
            "takes_fixes": "Groups with a predictor that does better on them. What holds up becomes part of "
            "the repaired model at once, and the overall error never rises.",
            "house_teams": "Two automatic baselines, named as such. They see the public sample alone, send "
            "up to two fixes each when the bounty opens, and use verdicts as every team does. They answer by "
            "labels: where numbers are predicted there are none.",
            "publish_groups": "Everybody then reads the rules and notes of what was accepted, beside its "
            "numbers on the final half. Files are never given away.",
            "opens_at": "In UTC. Left empty, submissions are taken from the moment you open the bounty.",
            "closes_at": "In UTC. Left empty, it stays open until you close it or all verdicts are used.",
        }
        widgets = DetailsForm.Meta.widgets | {
            "measure": forms.RadioSelect,
            "favourable_label": forms.TextInput(attrs={"list": "labels", "autocomplete": "off"}),
            "opens_at": MomentInput,
            "closes_at": MomentInput,
        }

    def __init__(self, *args, upload: TableUpload | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.columns = upload.preview.get("columns", []) if upload else []
        names = column_names(upload.preview) if upload else []
        for field in ROLES:
            none = "Choose a column" if self.fields[field].required else "None"
            self.fields[field].choices = [("", none), *((name, name) for name in names)]
        for field in ("visible_columns", "group_columns"):
            self.fields[field].choices = [(name, name) for name in names]
        self.propose(names)
        self.word_roles()

    def propose(self, names: list[str]) -> None:
        """Where nothing was chosen yet, what the columns' names suggest."""
        by_lower = {name.lower(): name for name in names}
        if not self.instance.label_column:
            speech = roles_by_name(by_lower, USUAL_SPEECH_NAMES)
            is_speech = bool(speech["label_column"] and speech["prediction_column"])
            self.initial |= speech if is_speech else roles_by_name(by_lower, USUAL_NAMES)
            if is_speech:
                self.initial["measure"] = "wer"
            self.initial["group_columns"] = [name for name in names if name.lower() in USUAL_GROUPS]
        if not self.initial.get("visible_columns"):
            hidden = {self.initial.get(field) for field in ROLES}
            taken = sample_columns(self["measure"].value())
            self.initial["visible_columns"] = [
                name for name in names if name not in hidden and name.lower() not in taken
            ]

    def column_rows(self) -> list[dict]:
        """The table's columns, each with its two boxes to tick."""
        pairs = zip(self["visible_columns"].subwidgets, self["group_columns"].subwidgets, strict=True)
        return [
            {**column, "visible": visible, "group": group}
            for column, (visible, group) in zip(self.columns, pairs, strict=True)
        ]

    @property
    def roles(self) -> dict[str, str]:
        return SPEECH_ROLES if self["measure"].value() == "wer" else ROLES

    def word_roles(self) -> None:
        """Call the columns by the words of the chosen measure; the page's script has those of the others."""
        self.wordings = {
            name: {
                "labels": (name.replace("_", " ").capitalize(), self.fields[name].help_text),
                "speech": words,
            }
            for name, words in SPEECH_WORDING.items()
        }
        kind = "speech" if self.roles is SPEECH_ROLES else "labels"
        for name, words in self.wordings.items():
            self.fields[name].label, self.fields[name].help_text = words[kind]

    @property
    def fixes_taken(self) -> str:
        """taken, or what keeps fixes from being taken: speech or weights. The page's script has it too."""
        if self.roles is SPEECH_ROLES:
            return "speech"
        return "weights" if self["weight_column"].value() else "taken"

    def measure_rows(self) -> list[dict]:
        return [
            {"choice": choice, "meaning": MEANINGS[choice.data["value"]]}
            for choice in self["measure"].subwidgets
        ]

    def clean(self) -> dict:
        values = super().clean()
        self.clean_columns(values)
        if values.get("measure") in (*ONE_SIDED, "log_loss") and not values.get("favourable_label"):
            self.add_error("favourable_label", FAVOURABLE_MISSING)
        if values.get("sample_share", 0) + values.get("leaderboard_share", 0) >= 1:
            self.add_error("leaderboard_share", NO_FINAL_HALF)
        if values.get("team_cap", 0) > values.get("verdict_cap", float("inf")):
            self.add_error("team_cap", TEAM_CAP_TOO_HIGH)
        if values.get("opens_at") and values.get("closes_at") and values["closes_at"] <= values["opens_at"]:
            self.add_error("closes_at", CLOSES_BEFORE_OPENING)
        return values

    def clean_normaliser(self) -> str:
        return self.cleaned_data["normaliser"] or self.instance.normaliser

    def clean_columns(self, values: dict) -> None:
        """Every role its own column; what has a role is never visible."""
        role_of: dict[str, str] = {}
        for field, role in self.roles.items():
            column = values.get(field)
            if column and column in role_of:
                self.add_error(field, TWO_ROLES.format(column=column, role=role_of[column]))
            elif column:
                role_of[column] = role
        visible = [name for name in values.get("visible_columns", []) if name not in role_of]
        hidden = [name for name in values.get("group_columns", []) if name not in visible]
        values["visible_columns"] = visible
        reserved = sample_columns(values.get("measure", ""))
        if taken := next((name for name in visible if name.lower() in reserved), ""):
            self.add_error("visible_columns", WORDS_SHOWN.format(column=taken))
        if not visible:
            self.add_error("visible_columns", NO_VISIBLE)
        elif hidden:
            self.add_error(
                "group_columns", GROUP_HIDDEN.format(columns=", ".join(f"“{name}”" for name in hidden))
            )


def roles_by_name(by_lower: dict[str, str], usual_names: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """For each role the first of its usual names that the table has, or nothing."""
    return {
        field: next((by_lower[name] for name in usual if name in by_lower), "")
        for field, usual in usual_names.items()
    }


class SubmissionFilter(forms.Form):
    """Which of a bounty's submissions to show."""

    NOT_ACCEPTED = "not_accepted"

    kind = forms.ChoiceField(required=False, choices=[("", "Finds and fixes"), *Submission.Kind.choices])
    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *Status.choices])
    code = forms.ChoiceField(
        required=False,
        label="Verdict",
        choices=[
            ("", "Any verdict"),
            *Submission.Code.choices,
            (NOT_ACCEPTED, "Not accepted, for any reason"),
        ],
    )
    group_format = forms.ChoiceField(
        required=False, label="Format", choices=[("", "Any format"), *GROUP_FORMAT_NAMES.items()]
    )
    team = forms.CharField(required=False, label="Team's name", max_length=150)
    text = forms.CharField(required=False, label="Text in rule, note, file name or log", max_length=200)

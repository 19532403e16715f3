"""What a participant fills in."""

import uuid

from django import forms
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .entry import Group, Predictor, sha256_of
from .models import Bounty, Submission

FORMAT_MISSING = "Choose a format."
NO_SUCH_FORMAT = "This bounty does not take that format. Choose one of those above."
FINDS_ONLY = "This bounty takes finds only."
NO_SUCH_KIND = "Choose a find or a fix."
PREDICTOR_MISSING = "Choose what the predictor is."
NO_SUCH_LABEL = "Choose one of the labels."
KEY_CHARACTERS = 32
RULE_ATTRIBUTES = {
    "rows": 5,
    "class": "code-input",
    "spellcheck": "false",
    "autocapitalize": "off",
    "autocomplete": "off",
}
SENT_AS = {"rule": "rule", "constant": "value"}  # every other format is a file
KINDS = {
    Submission.Kind.FIND: "Name a group that the model fails.",
    Submission.Kind.FIX: "Name a group, and send a better model for it.",
}
# What a predictor answers for each row of the group, by what the bounty's model predicts.
ANSWERS = {
    "label": "one of the labels",
    "number": "one number",
    "probability": "the probability of “{positive}”",
}


def new_key() -> str:
    return uuid.uuid4().hex


class SubmissionForm(forms.Form):
    """A find or a fix. Intake says what is wrong with it; nothing is checked twice."""

    # Of this showing of the form, so that a second click on the button does not submit a second time.
    form_key = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_key)
    kind = forms.ChoiceField(
        label="What you submit",
        widget=forms.RadioSelect,
        initial=Submission.Kind.FIND,
        required=False,
        error_messages={"invalid_choice": FINDS_ONLY},
    )
    group_format = forms.ChoiceField(
        label="Format",
        widget=forms.RadioSelect,
        initial="rule",
        error_messages={"required": FORMAT_MISSING, "invalid_choice": NO_SUCH_FORMAT},
    )
    group_rule = forms.CharField(
        label="Rule",
        required=False,
        strip=False,
        help_text="An SQL condition, as after WHERE. The rows where it is true are the group.",
        widget=forms.Textarea(attrs=RULE_ATTRIBUTES),
    )
    group_file = forms.FileField(label="File", required=False, allow_empty_file=True)
    predictor_format = forms.ChoiceField(
        label="Format of the predictor",
        widget=forms.RadioSelect,
        required=False,
        error_messages={"invalid_choice": NO_SUCH_FORMAT},
    )
    predictor_rule = forms.CharField(
        label="Rule of the predictor",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs=RULE_ATTRIBUTES),
    )
    predictor_value = forms.CharField(label="Its answer", required=False)
    predictor_file = forms.FileField(label="File of the predictor", required=False, allow_empty_file=True)
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=2000,
        help_text="For yourself and the organiser: how you found it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args, bounty: Bounty, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.bounty = bounty
        self.offer()
        self.explain()

    def offer(self) -> None:
        """What this bounty takes."""
        bounty = self.bounty
        self.fields["group_format"].choices = list(bounty.group_formats.items())
        self.fields["predictor_format"].choices = list(bounty.predictor_formats.items())
        self.fields["predictor_format"].initial = next(iter(bounty.predictor_formats))
        kinds = KINDS if bounty.accepts_fixes else [Submission.Kind.FIND]
        self.fields["kind"].choices = [(kind, card(kind)) for kind in kinds]
        if bounty.accepts_fixes:
            self.fields["kind"].error_messages["invalid_choice"] = NO_SUCH_KIND
        if bounty.predicts == "label":
            labels = [("", "Choose a label"), *((label, label) for label in bounty.labels)]
            self.fields["predictor_value"] = forms.ChoiceField(
                label="Its answer",
                required=False,
                choices=labels,
                error_messages={"invalid_choice": NO_SUCH_LABEL},
            )
        else:
            self.fields["predictor_value"].widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def explain(self) -> None:
        """What stands below the fields."""
        bounty, most = self.bounty, settings.MODEL_MAX_BYTES
        answers = ANSWERS[bounty.predicts].format(positive=bounty.positive_label)
        helps = {
            "group_file": "The model gets the visible columns and answers 1 for rows in the group, 0 for the "
            "others.",
            "predictor_file": f"It gets the visible columns of the group's rows alone, and answers {answers} "
            "for each.",
            "predictor_rule": f"Where it is true the answer is “{bounty.positive_label}”, elsewhere "
            f"“{other_label(bounty)}”.",
            "predictor_value": f"It answers {answers}, the same for every row in the group.",
        }
        for name, text in helps.items():
            size = f"Up to {most // 1_000_000} MB. " if name.endswith("_file") else ""
            self.fields[name].help_text = f"{size}{text}"
        for part in ("group", "predictor"):
            attributes = {"data-describe": f"{part}-file-note", "data-max-bytes": most}
            self.fields[f"{part}_file"].widget.attrs |= attributes

    def clean(self) -> dict:
        values = super().clean()
        if "kind" not in self.errors:
            values["kind"] = values["kind"] or Submission.Kind.FIND
        is_fix = values.get("kind") == Submission.Kind.FIX
        if is_fix and not values.get("predictor_format") and "predictor_format" not in self.errors:
            self.add_error("predictor_format", PREDICTOR_MISSING)
        # What is filled in for another format, or for a find's predictor, is left aside with its errors.
        asked = {one for part in ("group", "predictor")[: 1 + is_fix] for one in self.fields_of(part)}
        for name in [name for name in self.errors if name.startswith(("group", "predictor"))]:
            if name not in asked:
                del self.errors[name]
        return values

    def fields_of(self, part: str) -> tuple[str, str]:
        """The fields that count for a group or a predictor: its format, and what is sent in it."""
        chosen = self.cleaned_data.get(f"{part}_format")
        return f"{part}_format", f"{part}_{SENT_AS.get(chosen, 'file')}"

    @property
    def is_fix(self) -> bool:
        """Also of a form that is not sent yet, or not well."""
        return self["kind"].value() == Submission.Kind.FIX

    @property
    def group(self) -> Group:
        """What was sent for the chosen format; what is filled in for another one is left aside."""
        chosen = self.cleaned_data["group_format"]
        if chosen == "rule":
            return Group("rule", self.cleaned_data["group_rule"])
        return Group(chosen, file=self.cleaned_data["group_file"])

    @property
    def predictor(self) -> Predictor | None:
        """Of a fix, what was sent for the predictor's format."""
        values = self.cleaned_data
        if values["kind"] != Submission.Kind.FIX:
            return None
        chosen = values["predictor_format"]
        if chosen == "rule":
            return Predictor("rule", rule=values["predictor_rule"])
        if chosen == "constant":
            return Predictor("constant", value=values["predictor_value"])
        return Predictor(chosen, file=values["predictor_file"])

    @property
    def key(self) -> str:
        """The same models from the same form are the same submission; changed ones are another."""
        form_key = self.cleaned_data["form_key"][:KEY_CHARACTERS]
        digest = sha256_of(self.group, self.predictor)[:KEY_CHARACTERS]
        return f"form:{form_key}:{digest}" if form_key else ""


def card(kind: Submission.Kind) -> SafeString:
    return format_html('{}<span class="help d-block">{}</span>', kind.label, KINDS[kind])


def other_label(bounty: Bounty) -> str:
    """Of two labels, what a rule answers where it is not true."""
    return next((label for label in bounty.labels if label != bounty.positive_label), "")

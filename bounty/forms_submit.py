"""What a participant fills in."""

import uuid

from django import forms
from django.conf import settings

from .entry import Group, Predictor, sha256_of
from .models import Bounty, Submission

FORMAT_MISSING = "Choose a format."
NO_SUCH_FORMAT = "This bounty does not take that format. Choose one of those above."
FINDS_ONLY = "This bounty takes finds only."
PREDICTOR_MISSING = "Choose what the predictor is."
KEY_CHARACTERS = 32
RULE_ATTRIBUTES = {
    "rows": 5,
    "class": "code-input",
    "spellcheck": "false",
    "autocapitalize": "off",
    "autocomplete": "off",
}


def new_key() -> str:
    return uuid.uuid4().hex


class SubmissionForm(forms.Form):
    """A find or a fix. Intake says what is wrong with it; nothing is checked twice."""

    # Of this showing of the form, so that a second click on the button does not submit a second time.
    form_key = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_key)
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
    kind = forms.ChoiceField(
        label="What you submit",
        widget=forms.RadioSelect,
        initial=Submission.Kind.FIND,
        required=False,
        error_messages={"invalid_choice": FINDS_ONLY},
    )
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
        widget=forms.Textarea(attrs=RULE_ATTRIBUTES | {"rows": 3}),
    )
    predictor_value = forms.ChoiceField(label="Answer", required=False)
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
        self.fields["group_format"].choices = list(bounty.group_formats.items())
        kinds = Submission.Kind.choices if bounty.accepts_fixes else [("find", "Find")]
        self.fields["kind"].choices = kinds
        self.fields["predictor_format"].choices = list(bounty.predictor_formats.items())
        labels = [(label, label) for label in bounty.labels]
        self.fields["predictor_value"].choices = [("", "Choose a label"), *labels]
        answer = f"Where it is true the answer is “{bounty.positive_label}”, elsewhere the other label."
        self.fields["predictor_rule"].help_text = answer
        most = settings.MODEL_MAX_BYTES
        self.fields["group_file"].help_text = (
            f"Up to {most // 1_000_000} MB. The model gets the visible columns and answers 1 for rows in the "
            "group, 0 for the others."
        )
        size = f"Up to {most // 1_000_000} MB."
        self.fields["predictor_file"].help_text = f"{size} It gets the group's rows and answers a label each."
        for name in ("group", "predictor"):
            attributes = {"data-describe": f"{name}-file-note", "data-max-bytes": most}
            self.fields[f"{name}_file"].widget.attrs |= attributes

    def clean(self) -> dict:
        values = super().clean()
        values["kind"] = values.get("kind") or Submission.Kind.FIND
        without = not values.get("predictor_format") and "predictor_format" not in self.errors
        if values.get("kind") == Submission.Kind.FIX and without:
            self.add_error("predictor_format", PREDICTOR_MISSING)
        return values

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

"""What a participant fills in."""

import uuid

from django import forms
from django.conf import settings

from .intake import Group
from .models import Bounty

FORMAT_MISSING = "Choose a format."
NO_SUCH_FORMAT = "This bounty does not take that format. Choose one of those above."
KEY_CHARACTERS = 32


def new_key() -> str:
    return uuid.uuid4().hex


class GroupForm(forms.Form):
    """A group in one of the bounty's formats. Intake says what is wrong with it; nothing is checked twice."""

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
        widget=forms.Textarea(
            attrs={
                "rows": 5,
                "class": "code-input",
                "spellcheck": "false",
                "autocapitalize": "off",
                "autocomplete": "off",
            }
        ),
    )
    group_file = forms.FileField(label="File", required=False, allow_empty_file=True)
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
        most = settings.MODEL_MAX_BYTES
        self.fields["group_file"].help_text = (
            f"Up to {most // 1_000_000} MB. The model gets the visible columns and answers 1 for rows in the "
            "group, 0 for the others."
        )
        self.fields["group_file"].widget.attrs |= {"data-describe": "group-file-note", "data-max-bytes": most}

    @property
    def group(self) -> Group:
        """What was sent for the chosen format; what is filled in for another one is left aside."""
        chosen = self.cleaned_data["group_format"]
        if chosen == "rule":
            return Group("rule", self.cleaned_data["group_rule"])
        return Group(chosen, file=self.cleaned_data["group_file"])

    @property
    def key(self) -> str:
        """The same group from the same form is the same submission; a changed one is another."""
        form_key = self.cleaned_data["form_key"][:KEY_CHARACTERS]
        return f"form:{form_key}:{self.group.sha256()[:KEY_CHARACTERS]}" if form_key else ""

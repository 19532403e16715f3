from django import forms

MAX_DAYS = 365


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="What the token is for, so that you know it again.")
    days = forms.IntegerField(
        min_value=1,
        max_value=MAX_DAYS,
        initial=90,
        label="Valid for days",
        help_text=f"1 to {MAX_DAYS}. After that it no longer works.",
    )

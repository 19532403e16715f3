from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from .models import ApiToken

admin.site.site_header = admin.site.site_title = "Faultline administration"


def sign_in(request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
    """The admin's own form asks for no second factor and counts no tries: nobody ever sees it."""
    return redirect("admin:index")


def change_password(request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
    """The account's own page counts tries, ends tokens and tells by mail."""
    return redirect("account_change_password")


admin.site.login = secure_admin_login(sign_in)
admin.site.password_change = change_password


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens can be looked at and revoked here; their owners make them on the page API tokens."""

    list_display = ("name", "user", "token_key", "created", "expiry")
    search_fields = ("name", "user__username", "token_key")
    list_select_related = ("user",)
    fields = ("name", "user", "token_key", "created", "expiry")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

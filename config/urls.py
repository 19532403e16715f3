from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import TemplateView

from . import api_errors, api_schema, guide, health, metrics, status, styleguide, systems, views

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("bounty.urls")),
    path("", include("audits.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("systems/<slug:slug>/", systems.system, name="system"),
    path("tokens/", views.api_tokens, name="api_tokens"),
    path("tokens/<slug:token_key>/revoke/", views.revoke_api_token, name="revoke_api_token"),
    path("status/", status.page, name="status"),
    path("api/v1/schema/", api_schema.schema, name="api_schema"),
    path("api/v1/status/", status.call, name="api_status"),
    path("api/v1/", include("bounty.api_urls")),
    path("api/v1/", include("audits.api_urls")),
    path("api/docs/", TemplateView.as_view(template_name="api_docs.html"), name="api_docs"),
    re_path("^api/v1/", api_errors.no_such_call),
    path("guide/<slug:name>/", guide.guide, name="guide"),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
handler500 = api_errors.server_error
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", styleguide.page))

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView

from . import views

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("bounty.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("tokens/", views.api_tokens, name="api_tokens"),
    path("tokens/<str:token_key>/revoke/", views.revoke_api_token, name="revoke_api_token"),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("api/v1/", include("bounty.api_urls")),
    path("api/docs/", views.api_docs, name="api_docs"),
    path("admin/", admin.site.urls),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", TemplateView.as_view(template_name="styleguide.html")))

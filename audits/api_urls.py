from django.urls import path

from common.rest import AnyAccept

from .api import AuditViewSet

app_name = "audits_api"
KEY = "audits/<slug:key>/"
urlpatterns = [
    path("audits/", AuditViewSet.as_view({"get": "list", "post": "create"}), name="audit-list"),
    path(
        KEY,
        AuditViewSet.as_view({"get": "retrieve", "patch": "change", "delete": "remove"}),
        name="audit-detail",
    ),
    path(f"{KEY}result/", AuditViewSet.as_view({"get": "result"}), name="audit-result"),
    path(
        f"{KEY}export.csv",
        AuditViewSet.as_view({"get": "export"}, content_negotiation_class=AnyAccept),
        name="audit-export",
    ),
]

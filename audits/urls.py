from .views import compare, exports, lists, method, overview, rows, settings, setup, tables

app_name = "audits"
# "new", "compare" and "series" come first: they are no audit's key.
urlpatterns = [
    *lists.urlpatterns,
    *setup.urlpatterns,
    *compare.urlpatterns,
    *overview.urlpatterns,
    *tables.urlpatterns,
    *rows.urlpatterns,
    *method.urlpatterns,
    *settings.urlpatterns,
    *exports.urlpatterns,
]

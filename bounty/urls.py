from .views import final, organise, participate, public, repaired

app_name = "bounty"
# The organiser's come first: "new" is no bounty's slug.
urlpatterns = [
    *organise.urlpatterns,
    *public.urlpatterns,
    *repaired.urlpatterns,
    *final.urlpatterns,
    *participate.urlpatterns,
]

from .views import organise, participate, public

app_name = "bounty"
# The organiser's come first: "new" is no bounty's slug.
urlpatterns = [*organise.urlpatterns, *public.urlpatterns, *participate.urlpatterns]

from django.urls import path

from config import styleguide, urls

urlpatterns = [*urls.urlpatterns, path("styleguide/", styleguide.page)]
handler500 = urls.handler500

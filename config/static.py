"""What is served as it is: our own files, and those of libraries that a page asks for."""

from django.contrib.staticfiles.apps import StaticFilesConfig


class StaticFiles(StaticFilesConfig):
    """Without what lies beside them, which takes longer to compress than all the rest."""

    ignore_patterns = (*StaticFilesConfig.ignore_patterns, "widgetbundle.js", "datasets", "redoc")

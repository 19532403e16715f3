"""What both apps need and neither owns: leased jobs, errors of intake, parts of the API, files, CSV."""

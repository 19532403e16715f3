"""Groups given by rules: compiling a rule (`rules`) and searching for the worst slices (`search`)."""

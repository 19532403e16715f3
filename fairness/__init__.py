"""Error rates by group: counted, compared with honest intervals, searched and proven. No database needed."""

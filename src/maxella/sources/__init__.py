"""Files on disk → `Tables`: raw ids, checked, nothing lost."""

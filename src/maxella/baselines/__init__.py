"""Popularity, bias model, EASE, iALS: what every model is shown beside."""

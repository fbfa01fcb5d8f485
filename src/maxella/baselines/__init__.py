"""Popularity, bias model, EASE, iALS and their like: what every model is shown beside."""

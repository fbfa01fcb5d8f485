"""The bundle on disk and the `Recommender` that speaks raw ids."""

"""Console, JSON and one self-contained HTML page with plots."""

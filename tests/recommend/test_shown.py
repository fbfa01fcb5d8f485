import maxella
from maxella.recommend.shown import as_html, as_text

REPORT = {
    "tasks": [
        {"name": "buy <b>", "headline": ["filtered.ndcg@10", "raw.mrr"]},
        {"name": "stars", "headline": ["rmse"]},
    ],
    "metrics": {
        "buy <b>": {"filtered.ndcg@10": {"label": "filtered ndcg@10", "digits": 3}},
        "stars": {"rmse": {"label": "RMSE", "digits": 2}},
    },
    "models": [
        {
            "name": "<script>",
            "metrics": {"buy <b>": {"filtered": {"ndcg@10": 0.12345}}, "stars": {"rmse": 0.9}},
        },
        {"name": "bias", "metrics": {"stars": {"rmse": 1.0}}},
    ],
}
COUNTS = (1200, 30, ["buy <b>", "stars"])


def test_the_deciding_figures_of_every_model_are_shown():
    assert as_text(COUNTS, REPORT).splitlines()[:4] == [
        "Recommender: 1,200 users, 30 items; learnt buy <b>, stars.",
        "  on the test part  buy <b> filtered ndcg@10  stars RMSE",
        "  <script>          0.123                     0.90",
        "  bias                                        1.00",
    ]


def test_html_has_no_markup_of_names():
    page = as_html(COUNTS, REPORT)
    assert "<tr><td>&lt;script&gt;</td><td>0.123</td><td>0.90</td></tr>" in page
    assert "<script>" not in page
    assert "<b>, stars" not in page


def test_without_a_report_there_are_no_figures(toy):
    assert repr(toy()).splitlines()[0] == "Recommender: 2 users, 4 items; learnt retrieval, rating."
    assert "<tr>" not in toy()._repr_html_()


def test_a_loaded_one_shows_what_its_run_found(trained):
    found = maxella.load(trained)
    assert "filtered top-100" in found._repr_html_()
    assert maxella.load(trained / "bundle").report is None

import re

from maxella.report.card import model_card


def test_the_card_tells_tasks_figures_and_limits(report):
    report["models"] = report["models"][1:2]
    lines = model_card(report).splitlines()
    assert lines[0] == "# shop: joint"
    assert "- purchase: retrieval, purchase; weight 1." in lines
    assert "- liked: binary, rating \\>= 4 among view, cart; weight 0.25." in lines
    assert "| stars: RMSE | 0.874 | 0.866 to 0.882 |" in lines
    assert "- No duplicate pairs." in lines


def test_the_card_of_a_specialist_has_no_figures_of_what_it_did_not_learn(report):
    report["models"] = report["models"][:1]
    card = model_card(report)
    assert "- stars: rating, all rows; not learnt." in card
    assert "RMSE" not in card
    report["models"][0]["metrics"] = {}
    assert "None: nothing was held out." in model_card(report)


def test_a_hostile_name_of_a_metric_stays_one_cell(report):
    report["models"] = report["models"][1:2]
    report["metrics"]["liked"]["auc"]["label"] = "a|b\n| --- | <script> `x` **y** $z$"
    (line,) = (line for line in model_card(report).splitlines() if "script" in line)
    assert line.startswith(r"| liked: a\|b \| --- \| \<script\> \`x\` \*\*y\*\* \$z\$ | ")
    assert len(re.split(r"(?<!\\)\|", line)) == 5

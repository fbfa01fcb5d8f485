import json
import zipfile

import pytest

from maxella.sources import download

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(download, "default_cache", lambda: folder)
    return folder


@pytest.fixture
def local_zip(tmp_path):
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml-100k/u.data", "1\t2\t3\t4\n")
    return path


@pytest.mark.parametrize("as_url", [False, True])
def test_get_takes_a_local_zip_and_says_so(cli, local_zip, as_url):
    origin = local_zip.as_uri() if as_url else local_zip
    facts = json.loads(cli("data", "get", "ml-100k", "--from", origin, "--json").out)
    assert facts["path"] == facts["origin"] == str(local_zip)
    [note] = facts["notes"]
    assert "it is taken as given" in note


@pytest.mark.parametrize(
    ("origin", "part"),
    [
        (NOWHERE, "Connection refused"),
        ("ftp://example.org/x", "Wanted an http or https URL"),
        ("nowhere.zip", "there is nothing at nowhere.zip"),
        (".", "what is there is neither"),
    ],
)
@pytest.mark.parametrize("name", ["ml-100k", "ml-1m"])
def test_get_from_a_bad_place_asks_no_other(cli, monkeypatch, tmp_path, cache, name, origin, part):
    def refuse(*_):
        raise AssertionError("the package index was asked")

    monkeypatch.setattr(download, "_by_pip", refuse)
    monkeypatch.chdir(tmp_path)
    done = cli("data", "get", name, "--from", origin, "--json")
    assert (done.code, done.out) == (2, "")
    assert part in done.err
    assert not cache.exists() or list(cache.iterdir()) == []


def test_get_knows_its_names(cli):
    done = cli("data", "get", "ml-2m")
    assert (done.code, done.out) == (2, "")
    assert "No data set is called 'ml-2m'. Known: ml-100k" in done.err


def test_describe_takes_a_config_or_the_data(cli, config, write_log):
    path = write_log()
    by_config = cli("data", "describe", config, "--json")
    by_path = cli("data", "describe", path, "--json")
    assert by_config.out == by_path.out
    assert json.loads(by_path.out)["n_users"] == 6
    table = cli("data", "describe", path)
    assert (table.code, table.err) == (0, f"Next: maxella data check {path}\n")
    assert "6 users" in table.out


def test_describe_reads_other_data_than_the_config_names(cli, config, write_log, tmp_path):
    path = write_log().rename(tmp_path / "other.csv")
    assert cli("data", "describe", config).code == 2
    assert cli("data", "describe", config, "--data", path).code == 0


def test_check_takes_a_config_or_the_data(cli, config, write_log, tmp_path):
    path = write_log()
    by_config = cli("data", "check", config, "--json")
    by_path = cli("data", "check", path, "--json")
    assert by_config.out == by_path.out
    quality = json.loads(by_path.out)
    assert (quality["format"], quality["n_users"], quality["n_test"]) == (1, 6, 8)
    assert {finding["severity"] for finding in quality["findings"]} <= {"ok", "note", "warning"}
    page = tmp_path / "pages" / "check.html"
    done = cli("data", "check", path, "--html", page)
    assert (done.code, done.err) == (0, f"The page: {page}\nNext: maxella init {path}\n")
    assert "Interactions by weekday" in page.read_text(encoding="utf-8")
    assert cli("data", "check", config, "--json", "--html", page).out == by_config.out


def test_what_init_accepts_can_be_looked_at_before_it(cli, tmp_path):
    path = tmp_path / "plays.tsv"
    rows = [f"u{u}\tband {i}\t{1 + u * i}" for u in range(8) for i in range(6) if (u + i) % 3]
    path.write_text("\n".join(["listener\tartist\tplays", *rows]) + "\n")
    for command in ("describe", "check"):
        done = cli("data", command, path, "--json")
        assert (done.code, json.loads(done.out)["n_users"]) == (0, 8)
        assert "Taken: listener as user_id, artist as item_id, plays as count." in done.err


def test_check_looks_at_the_split_of_the_config(cli, config, write_log):
    write_log()
    config.write_text(config.read_text() + '[split]\nkind = "random"\ntest = 0.5\n')
    quality = json.loads(cli("data", "check", config, "--json").out)
    assert (quality["split"]["kind"], quality["n_test"]) == ("random", 15)


def test_check_of_data_without_times_splits_at_random(cli, config, write_log):
    path = write_log([("u1", "i1", 1), ("u2", "i1", 2)], header="user_id,item_id,rating")
    done = cli("data", "check", path)
    assert done.code == 0
    assert "Split: random" in done.out
    # A config that asks for a split in time is wrong, as it is for training.
    assert "wants a timestamp" in cli("data", "check", config).err

"""Downloads against a server on this machine; nothing here needs a network."""

import contextlib
import functools
import hashlib
import http.server
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from maxella.errors import ConfigError, DataError
from maxella.sources import download
from maxella.sources.download import get
from maxella.sources.load import load_source

# Nothing listens on this port, so a connection is refused at once.
NOWHERE = "http://127.0.0.1:9/"


CONTENTS = {
    "ml-1m": {"ratings.dat": "1::2::3::4\n"},
    "ml-latest-small": {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,2,3.0,4\n",
        "movies.csv": "movieId,title,genres\n2,Heat (1995),Crime\n",
    },
}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; from /half/ a file breaks off in the middle, from /vast/
    it says that it is vast, and from /endless/ it says nothing and goes on and on."""

    requests: list[str] = []  # noqa: RUF012  # shared on purpose: a handler lives for one request

    def do_GET(self):
        self.requests.append(self.path)
        folder, _, name = self.path.rpartition("/")
        if folder not in {"/half", "/vast", "/endless"}:
            return super().do_GET()
        content = (Path(self.directory) / name).read_bytes()
        self.send_response(200)
        announced = {"/half": len(content), "/vast": 10**12}.get(folder)
        if announced is not None:
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        if folder == "/half":
            self.wfile.write(content[: len(content) // 2])
        with contextlib.suppress(ConnectionError):
            while folder == "/endless":
                self.wfile.write(b"0" * 2**16)
        return None

    def log_message(self, *args):
        pass


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    for name in ("ml-1m", "ml-latest-small"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for file, text in CONTENTS[name].items():
                archive.writestr(f"{name}/{file}", text)
    return folder


@pytest.fixture
def server(served):
    Handler.requests = []
    handler = functools.partial(Handler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture
def published(served, monkeypatch):
    """Makes the served ml-1m the one that GroupLens published."""
    md5 = hashlib.md5((served / "ml-1m.zip").read_bytes()).hexdigest()  # noqa: S324  # as published
    monkeypatch.setitem(download.PUBLISHED, "ml-1m", download.Published(md5, 1, "ratings.dat"))
    return md5


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def files(cache):
    return sorted(p.name for p in cache.iterdir()) if cache.exists() else []


@pytest.mark.usefixtures("published")
def test_a_download_is_checked_kept_and_used_again(server, cache):
    first = get("ml-1m", mirror=server, cache=cache, show_progress=False)
    assert first.path == cache / "ml-1m.zip"
    assert first.origin == f"{server}/ml-1m.zip"
    assert load_source(None, first.path).interactions.height == 1
    second = get("ml-1m", mirror=server, cache=cache, show_progress=False)
    assert second.origin == "the cache"
    assert second.notes == ()
    assert Handler.requests == ["/ml-1m.zip"]


@pytest.mark.usefixtures("published")
def test_the_url_of_the_zip_itself_is_a_mirror_too(server, cache):
    url = f"{server}/ml-1m.zip"
    assert get("ml-1m", mirror=url, cache=cache, show_progress=False).origin == url


@pytest.mark.usefixtures("published")
def test_a_damaged_cache_is_got_anew(server, cache):
    path = get("ml-1m", mirror=server, cache=cache, show_progress=False).path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert get("ml-1m", mirror=server, cache=cache, show_progress=False).origin != "the cache"
    assert path.read_bytes() == whole


def test_another_hash_is_refused_and_nothing_is_left(server, cache):
    with pytest.raises(DataError, match=r"Wanted a file with the hash md5:c4d9.*thrown away"):
        get("ml-1m", mirror=server, cache=cache, show_progress=False)
    assert files(cache) == []


@pytest.mark.parametrize("name", ["ml-1m", "ml-latest-small"])
def test_half_a_file_is_refused_and_nothing_is_left(server, cache, name, published):
    with pytest.raises(DataError, match=f"Cannot get {server}/half/{name}.zip"):
        get(name, mirror=f"{server}/half", cache=cache, show_progress=False)
    assert files(cache) == []
    # The next attempt starts anew.
    assert get(name, mirror=server, cache=cache, show_progress=False).path.exists()


def test_latest_small_has_no_published_hash_but_must_be_a_zip(server, cache):
    path = get("ml-latest-small", mirror=server, cache=cache, show_progress=False).path
    assert get("ml-latest-small", mirror=NOWHERE, cache=cache).origin == "the cache"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="Cannot get"):
        get("ml-latest-small", mirror=NOWHERE, cache=cache, show_progress=False)


def test_a_data_set_without_a_published_hash_is_the_one_first_downloaded(server, served, cache):
    first = get("ml-latest-small", mirror=server, cache=cache, show_progress=False)
    digest = hashlib.sha256((served / "ml-latest-small.zip").read_bytes()).hexdigest()
    assert (cache / "ml-latest-small.zip.sha256").read_text() == f"sha256:{digest}\n"
    again = get("ml-latest-small", mirror=NOWHERE, cache=cache)
    assert first.notes == again.notes
    assert again.notes[0].endswith(f"that of the first download is sha256:{digest}.")
    # Another zip in its place is a zip of the data set, too, but not the one.
    with zipfile.ZipFile(first.path, "a") as archive:
        archive.writestr("ml-latest-small/tags.csv", "")
    planted = first.path.read_bytes()
    with pytest.raises(DataError, match="Cannot get"):
        get("ml-latest-small", mirror=NOWHERE, cache=cache, show_progress=False)
    (served / "ml-latest-small.zip").write_bytes(planted)
    with pytest.raises(DataError, match=r"as the new ml-latest-small, remove .*zip.sha256"):
        get("ml-latest-small", mirror=server, cache=cache, show_progress=False)
    (cache / "ml-latest-small.zip.sha256").unlink()
    got = get("ml-latest-small", mirror=server, cache=cache, show_progress=False)
    assert got.path.read_bytes() == planted


@pytest.mark.parametrize(
    "contents", [{"x.csv": "a\n1\n"}, CONTENTS["ml-1m"], {"../ratings.csv": ""}]
)
def test_a_zip_of_something_else_is_not_taken_for_the_data_set(server, served, cache, contents):
    with zipfile.ZipFile(served / "ml-latest-small.zip", "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    with pytest.raises(DataError, match="Wanted a zip with ratings"):
        get("ml-latest-small", mirror=server, cache=cache, show_progress=False)
    assert files(cache) == []
    with pytest.raises(DataError, match="Wanted the zip of ml-latest-small"):
        get("ml-latest-small", mirror=served / "ml-1m.zip", cache=cache)


@pytest.mark.parametrize("name", ["ml-1m", "ml-latest-small"])
@pytest.mark.parametrize("folder", ["vast", "endless"])
def test_more_bytes_than_the_data_set_can_have_are_not_taken(server, cache, name, folder):
    with pytest.raises(DataError, match=r"it has more than \d+,000,000 bytes"):
        get(name, mirror=f"{server}/{folder}", cache=cache, show_progress=False)
    assert files(cache) == []


def test_latest_small_that_is_no_zip_is_refused(server, served, cache):
    (served / "ml-latest-small.zip").write_text("<html>Please log in</html>")
    with pytest.raises(DataError, match="Wanted a zip with ratings"):
        get("ml-latest-small", mirror=server, cache=cache, show_progress=False)
    assert files(cache) == []


def test_a_missing_file_and_a_closed_network_say_why(server, cache):
    with pytest.raises(DataError, match=r"Cannot get .*ml-10m.zip: 404"):
        get("ml-10m", mirror=server, cache=cache, show_progress=False)
    with pytest.raises(DataError, match=r"Connection refused. Try again, or give a mirror"):
        get("ml-10m", mirror=NOWHERE, cache=cache, show_progress=False)
    with pytest.raises(DataError, match="Wanted a URL or a path"):
        get("ml-10m", mirror="http://[::1", cache=cache)
    with pytest.raises(DataError, match="http or https"):
        get("ml-10m", mirror="ftp://example.org", cache=cache)


def test_the_progress_bar_counts_to_the_end(server, cache, capsys, published):
    get("ml-1m", mirror=server, cache=cache)
    assert capsys.readouterr().out == ""  # it belongs to the error stream


@pytest.mark.parametrize("as_url", [False, True])
@pytest.mark.parametrize("name", ["", "ml-1m.zip"])
def test_a_local_zip_is_used_where_it_lies_and_a_note_says_so(served, cache, name, as_url):
    place = served / name
    mirror = place.as_uri() if as_url else str(place)
    got = get("ml-1m", mirror=mirror, cache=cache)
    assert got.path == served / "ml-1m.zip"
    [note] = got.notes
    assert "not GroupLens' c4d9" in note
    assert files(cache) == []


def test_a_local_folder_is_used_where_it_is(tmp_path, cache):
    (tmp_path / "u.data").write_text("1\t2\t3\t4\n")
    assert get("ml-100k", mirror=tmp_path, cache=cache).path == tmp_path
    assert files(cache) == []


def test_a_local_place_with_something_else_is_refused(tmp_path, cache):
    (tmp_path / "x.txt").write_text("hello")
    for place in (tmp_path, tmp_path / "x.txt"):
        with pytest.raises(DataError, match=r"Wanted the zip of ml-100k"):
            get("ml-100k", mirror=place, cache=cache)


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'ml-100k'"):
        get("ml-100")


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """A pip that puts a made-up wheel where it is told to; gives its calls."""
    wheel = tmp_path / "made.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        inter = "user_id:token\titem_id:token\n1\t2\n"
        archive.writestr("recbole/dataset_example/ml-100k/ml-100k.inter", inter)
    monkeypatch.setattr(download, "GROUPLENS", NOWHERE)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setattr(download, "WHEEL_SHA256", digest)
    calls = []

    def run(command, **kwargs):
        calls.append(command)
        folder = Path(command[command.index("--dest") + 1])
        (folder / download.WHEEL_FILE).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_100k_falls_through_to_the_wheel_and_says_so(pip, cache):
    got = get("ml-100k", cache=cache, show_progress=False)
    assert got.origin == "the package index (recbole==1.2.1)"
    assert "Connection refused" in got.notes[0]
    assert pip[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert load_source(None, got.path).name == "ml-100k"
    assert get("ml-100k", cache=cache).origin == "the cache (recbole==1.2.1)"
    assert len(pip) == 1


def test_a_wheel_with_another_hash_is_refused(pip, cache, monkeypatch):
    monkeypatch.setattr(download, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(DataError, match="its sha256 is"):
        get("ml-100k", cache=cache, show_progress=False)
    assert files(cache) == []


def test_where_neither_works_both_reasons_are_given(pip, cache, monkeypatch):
    def run(command, **kwargs):
        return subprocess.CompletedProcess(command, 1, "", "ERROR: first\nERROR: no index\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DataError, match=r"(?s)Connection refused.*package index.*no index"):
        get("ml-100k", cache=cache, show_progress=False)


def test_100k_prefers_grouplens(pip, served, server, cache, monkeypatch):
    with zipfile.ZipFile(served / "ml-100k.zip", "w") as archive:
        archive.writestr("ml-100k/u.data", "1\t2\t3\t4\n")
    md5 = hashlib.md5((served / "ml-100k.zip").read_bytes()).hexdigest()  # noqa: S324  # as published
    monkeypatch.setitem(download.PUBLISHED, "ml-100k", download.Published(md5, 1, "u.data"))
    monkeypatch.setattr(download, "GROUPLENS", server)
    assert get("ml-100k", cache=cache, show_progress=False).path == cache / "ml-100k.zip"
    assert pip == []

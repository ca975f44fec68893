# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from a server on this machine that breaks off, knows ranges or not, and may change its file."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from microface.backend.download import fetch, place
from microface.backend.errors import Cancelled, MicrofaceError

BOOTSTRAP = Path(__file__).resolve().parents[3] / "backend" / "bootstrap.py"
CONTENT = bytes(range(256)) * 4096  # 1 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Site(ThreadingHTTPServer):
    """One file, served as the test says."""

    content = CONTENT
    version = '"first"'
    break_after: int | None = None  # bytes of a body, then the connection closes
    ranges = True
    status = 200
    stray = 0  # first byte sent, whatever was asked for

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str | None, str | None]] = []  # Range and If-Range of every request
        self.sent: list[int] = []

    def address(self, name: str = "flame2023.pkl") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/models/{name}?key=1"


class Answer(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        site, wanted = self.server, self.headers["Range"]
        site.asked.append((wanted, self.headers["If-Range"]))
        same = self.headers["If-Range"] in (None, site.version)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges and same else 0
        if start >= len(site.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(site.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = site.stray or start
        body = site.content[start:]
        self.send_response(206 if start else site.status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
        if site.version:
            self.send_header("ETag", site.version)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[: site.break_after]
        site.sent.append(len(body))
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def quiet(_stage: str, _share: float) -> None:
    pass


def get(site: Site, sha256: str = "") -> Path:
    return fetch(site.address(), sha256, quiet)


def test_the_file_comes_whole_under_its_own_name_with_progress(site: Site) -> None:
    told: list[float] = []
    path = fetch(site.address(), SHA256.upper(), lambda stage, share: told.append(share))
    assert path.read_bytes() == CONTENT
    assert path.name == "flame2023.pkl"  # FLAME's editions are told apart by it
    assert told == sorted(told) and told[-1] == 1 and len(told) > 2


def test_an_interrupted_download_goes_on_where_it_stopped(site: Site) -> None:
    site.break_after = 300_000
    with pytest.raises(MicrofaceError, match="stopped at 300,000 of 1,048,576") as caught:
        get(site, SHA256)
    assert caught.value.code == "interrupted"
    with pytest.raises(MicrofaceError, match="stopped at 600,000"):
        get(site, SHA256)
    site.break_after = None
    assert get(site, SHA256).read_bytes() == CONTENT
    assert site.asked == [(None, None), ("bytes=300000-", '"first"'), ("bytes=600000-", '"first"')]
    assert site.sent == [300_000, 300_000, len(CONTENT) - 600_000]


def test_a_cancelled_download_goes_on_too(site: Site) -> None:
    def stop(_stage: str, _share: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        fetch(site.address(), "", stop)
    have = place(site.address()).stat().st_size
    assert 0 < have < len(CONTENT)
    assert get(site).read_bytes() == CONTENT
    assert site.sent[-1] == len(CONTENT) - have


def test_a_file_that_changed_meanwhile_is_taken_anew(site: Site) -> None:
    site.break_after = 300_000
    with pytest.raises(MicrofaceError):
        get(site)
    site.break_after, site.version, site.content = None, '"second"', CONTENT[::-1]
    assert get(site).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("version", ["", 'W/"weak"'])
def test_what_cannot_be_told_to_be_the_same_file_is_taken_anew(site: Site, version: str) -> None:
    site.break_after, site.version = 300_000, version
    with pytest.raises(MicrofaceError):
        get(site)
    site.break_after = None
    assert get(site).read_bytes() == CONTENT
    assert site.asked[-1] == (None, None)


def test_a_server_without_ranges_sends_everything_again(site: Site) -> None:
    site.break_after, site.ranges = 300_000, False
    with pytest.raises(MicrofaceError):
        get(site)
    site.break_after = None
    assert get(site).read_bytes() == CONTENT


def test_a_whole_file_is_not_sent_twice(site: Site) -> None:
    get(site)
    assert get(site).read_bytes() == CONTENT  # the server says 416
    assert site.sent == [len(CONTENT)]
    assert get(site, SHA256).read_bytes() == CONTENT
    assert len(site.asked) == 2  # a file of the right hash needs no server


def test_a_part_longer_than_the_file_is_taken_anew(site: Site) -> None:
    get(site)
    with place(site.address()).open("ab") as file:
        file.write(b"more")
    assert get(site).read_bytes() == CONTENT


def test_a_wrong_hash_removes_the_file_and_says_so(site: Site) -> None:
    with pytest.raises(MicrofaceError, match="was removed") as caught:
        get(site, "0" * 64)
    assert caught.value.code == "wrong_hash"
    assert list(place(site.address()).parent.iterdir()) == []


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_is_one_line(site: Site, status: int) -> None:
    site.status = status
    with pytest.raises(MicrofaceError, match=str(status)) as caught:
        get(site)
    assert caught.value.code == "refused"
    assert ("login" in caught.value.remedy) == (status == 401)
    assert not place(site.address()).exists()


def test_a_part_that_was_not_asked_for_is_no_file(site: Site) -> None:
    site.stray = 5000
    with pytest.raises(MicrofaceError, match="another part") as caught:
        get(site)
    assert caught.value.code == "refused"
    assert not place(site.address()).exists()
    site.stray, site.break_after = 0, 300_000
    with pytest.raises(MicrofaceError, match="stopped"):
        get(site)
    site.stray, site.break_after = 5000, None
    with pytest.raises(MicrofaceError, match="another part"):
        get(site)
    site.stray = 0
    assert get(site).read_bytes() == CONTENT


def test_no_server_is_one_line(site: Site) -> None:
    address = site.address()
    site.server_close()
    with pytest.raises(MicrofaceError) as caught:
        fetch(address, "", quiet)
    assert caught.value.code == "no_answer"


@pytest.mark.parametrize(
    "address", ["", "flame.pkl", "file:///etc/passwd", "ftp://127.0.0.1/a", "http://", "http://[", "http://a/b c"]
)
def test_only_addresses_of_the_web_are_asked(address: str) -> None:
    with pytest.raises(MicrofaceError) as caught:
        fetch(address, "", quiet)
    assert caught.value.code == "bad_address"


def test_what_is_no_hash_is_refused_before_anything_is_sent(site: Site) -> None:
    with pytest.raises(MicrofaceError) as caught:
        get(site, "abc")
    assert caught.value.code == "bad_hash"
    assert site.asked == []


def test_names_in_addresses_stay_in_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path))
    for name in ("..%2F..%2Fevil", "..", "", ".bashrc", "C%3A%5Cx"):
        path = place(f"http://127.0.0.1/{name}")
        assert path.parent.parent == tmp_path / "downloads"
        assert not path.name.startswith(".") and "\\" not in path.name


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_one_line_and_the_part_stays(site: Site) -> None:
    limited = (
        "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000));"
        f"sys.argv = ['', '', 'heads', 'download', {site.address()!r}];"
        f"runpy.run_path({str(BOOTSTRAP)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "No room left to write" in done.stderr and "flame2023.pkl" in done.stderr
    assert "Traceback" not in done.stderr
    assert 0 < place(site.address()).stat().st_size <= 500_000
    assert get(site, SHA256).read_bytes() == CONTENT

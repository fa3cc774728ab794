"""Who is kept out: other machines, pages of other origins, names of others; and who calls without a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mockllm.access import Access, is_loopback
from mockllm.commands.explain import explain
from tests.clients.asking import mock
from tests.control.serving import error, in_memory, say, serving
from tests.server.harness import CHECKOUT, Kind, Served, running, tool

TOKEN = "a-token-that-is-long-enough"
COOKIE = "mockllm_token_PORT"
WITH_TOKEN = {"authorization": f"Bearer {TOKEN}"}
SCRIPT = CHECKOUT / "examples" / "quickstart.llmock"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One server for all tests that change nothing."""
    with serving(in_memory()) as client:
        yield client


@pytest.fixture(scope="module")
def guarding() -> Iterator[httpx.Client]:
    """A server that has a token."""
    with serving(in_memory(), Access(token=TOKEN)) as client:
        yield client


@pytest.fixture
def guarded(guarding: httpx.Client) -> httpx.Client:
    """The same for a client that nobody knows yet."""
    guarding.cookies.clear()
    return guarding


# -- pages of other origins -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost:1",
        "http://127.0.0.1",
        "null",
        "http://127.0.0.1:{port}.evil.example",
        "http://evil.example/127.0.0.1:{port}",
        "http://127.0.0.1:{port}@evil.example",
        "http://127.0.0.1:{port}/",
        "evil://127.0.0.1:{port}",
        "127.0.0.1:{port}",
        "chrome-extension://abcdef",
        "",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/-/journal"), ("POST", "/-/reset"), ("PUT", "/-/mocks/-")])
def test_another_origin(client: httpx.Client, origin: str, method: str, path: str) -> None:
    headers = {"origin": origin.replace("{port}", str(client.base_url.port))}
    assert error(client.request(method, path, headers=headers)) == (403, "foreign_origin")


def test_the_own_origin(client: httpx.Client) -> None:
    own = {"origin": str(client.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    assert client.post("/-/reset", headers=own).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_says_that_another_site_asks(client: httpx.Client, site: str) -> None:
    told = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
    assert error(client.get("/-/journal/live", headers=told)) == (403, "foreign_origin")
    followed = {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert client.get("/-/docs", headers=followed).status_code == 200
    assert error(client.post("/-/reset", headers=followed)) == (403, "foreign_origin")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json"]
)
def test_a_body_that_a_page_may_send_without_asking(client: httpx.Client, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = client.post("/-/mocks", content=b'{"name": "evil", "script": ""}', headers=headers)
    assert error(answer) == (415, "not_json")
    chunked = client.post("/-/mocks", content=iter([b'{"name": "evil", "script": ""}']), headers=headers)
    assert error(chunked) == (415, "not_json")


@pytest.mark.parametrize("path", ["/-/journal/live", "/-/mocks", "/-/", "/-/nothing"])
def test_a_web_socket_is_opened_for_nobody(client: httpx.Client, guarded: httpx.Client, path: str) -> None:
    """No page asks before it opens one, and it gets to read what it says."""

    def refused(asked: httpx.Client, **headers: str) -> int:
        url = f"ws://127.0.0.1:{asked.base_url.port}{path}"
        with pytest.raises(InvalidStatus) as found:
            connect(url, proxy=None, additional_headers=headers)
        status: int = found.value.response.status_code
        return status

    assert refused(client, origin="https://evil.example") == 403
    assert refused(client, origin=f"http://127.0.0.1:{client.base_url.port}") in (400, 404)
    assert refused(client) in (400, 404)
    assert refused(guarded) in (400, 401, 404)


def test_no_page_is_permitted(client: httpx.Client) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "PUT"}
    for answer in (client.options("/-/mocks/-", headers=asked), client.get("/-/mocks", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_is_answered_is_sealed(client: httpx.Client) -> None:
    for path in ("/-/mocks", "/-/nothing", "/-/docs", "/-/journal/1"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "x-frame-options" not in client.get("/v1/models").headers


# -- names of others ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil",
        "10.0.0.1:8000",
        "[::ffff:a00:1]",
        "0.0.0.0",
        "127.1",
        "2130706433",
    ],
)
@pytest.mark.parametrize("path", ["/-/journal", "/-/mocks", "/-/healthy", "/-/login"])
def test_a_name_that_only_resolves_to_this_machine(client: httpx.Client, host: str, path: str) -> None:
    own = {"host": host, "origin": f"http://{host}"}
    assert error(client.get(path, headers=own)) == (403, "foreign_host")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:127.0.0.1",
        "127.0.0.1@evil.example",
        "evil.example, 127.0.0.1",
        "evil.example/.localhost",
        "evil.example .localhost",
        "evil.example#.localhost",
        "",
    ],
)
def test_what_is_no_name_at_all(client: httpx.Client, host: str) -> None:
    assert error(client.get("/-/journal", headers={"host": host})) == (403, "foreign_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "alpha.localhost", "127.0.0.1", "[::1]:80"])
def test_names_of_this_machine(client: httpx.Client, host: str) -> None:
    assert client.get("/-/journal", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("127.0.0.1.example", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_what_is_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


# -- other machines -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "token_required"),
        ({"authorization": "Bearer wrong"}, "wrong_token"),
        ({"authorization": f"Basic {TOKEN}"}, "wrong_token"),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, "wrong_token"),
        ({"authorization": f"Bearer {TOKEN}x"}, "wrong_token"),
        ({"authorization": "Bearer"}, "wrong_token"),
        ({"authorization": "Bearer \xe9"}, "wrong_token"),
        ({"cookie": f"{COOKIE}={TOKEN}"}, "wrong_token"),
        ({"cookie": f"{COOKIE}="}, "token_required"),
        ({"cookie": f'{COOKIE}="\\377"'}, "wrong_token"),
        ({"x-forwarded-for": "127.0.0.1"}, "token_required"),
    ],
)
def test_without_the_token(guarded: httpx.Client, headers: dict[str, str], code: str) -> None:
    port = str(guarded.base_url.port)
    sent = [(name.encode(), value.replace("PORT", port).encode("latin-1")) for name, value in headers.items()]
    for method, path in (
        ("GET", "/-/mocks"),
        ("PUT", "/-/mocks/-"),
        ("GET", "/-/metrics"),
        ("GET", "/-/explain/1"),
    ):
        answer = guarded.request(method, path, headers=sent)
        assert error(answer) == (401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_with_the_token(guarded: httpx.Client) -> None:
    assert guarded.get("/-/mocks", headers=WITH_TOKEN).status_code == 200
    assert guarded.get("/-/mocks", headers={"authorization": f"bearer  {TOKEN}"}).status_code == 200
    # It is its own proof, whatever the server is called there.
    assert guarded.get("/-/mocks", headers=WITH_TOKEN | {"host": "mocks.example"}).status_code == 200
    assert error(guarded.get("/-/mocks", headers=WITH_TOKEN | {"origin": "https://evil.example"}))[0] == 403


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready", "/-/login", "/-/docs", "/-/openapi.json", "/-/"])
def test_what_needs_no_token(guarded: httpx.Client, path: str) -> None:
    assert guarded.get(path, headers={"host": "mocks.example"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/-/mocks", "/-/mocks/", "//-/mocks", "/-//mocks", "/-/healthy/../mocks", "/%2D/mocks", "/-/%6docks"]
)
def test_other_spellings_of_a_path(guarded: httpx.Client, path: str) -> None:
    answer = guarded.get(path, follow_redirects=True)
    assert answer.status_code in (401, 404)


def test_a_mock_in_front_of_the_path(guarded: httpx.Client) -> None:
    """What is under a mock's name is the mock's, and no other way to the control API."""
    made = {"name": "alpha", "script": 'otherwise reply "Fine."'}
    assert guarded.post("/-/mocks", json=made, headers=WITH_TOKEN).status_code == 201
    assert guarded.get("/alpha/-/mocks").status_code == 404
    assert guarded.get("/-/mocks", headers={"host": "alpha.localhost"}).status_code == 401


def test_the_mocked_endpoints_stay_open(guarded: httpx.Client) -> None:
    assert say(guarded, "hello").status_code == 200


def test_a_cookie_in_exchange(guarded: httpx.Client) -> None:
    assert guarded.get("/-/login").json() == {"token_required": True, "allowed": False}
    assert error(guarded.post("/-/login", json={"token": "wrong"})) == (401, "wrong_token")
    odd = guarded.post("/-/login", content=b'{"token": "\\ud800"}', headers={"content-type": "application/json"})
    assert error(odd) == (400, "bad_request")
    answer = guarded.post("/-/login", json={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 200 and TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/-/"} <= set(cookie.split("; "))
    assert guarded.get("/-/login").json() == {"token_required": True, "allowed": True}
    assert guarded.get("/-/mocks").status_code == 200
    cross = {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"}
    assert error(guarded.post("/-/reset", headers=cross)) == (403, "foreign_origin")
    assert guarded.post("/-/logout").status_code == 200
    assert error(guarded.get("/-/mocks")) == (401, "token_required")


def test_a_cookie_of_another_token(guarded: httpx.Client) -> None:
    guarded.cookies.set(f"mockllm_token_{guarded.base_url.port}", Access(token="another").cookie)
    assert error(guarded.get("/-/mocks")) == (401, "wrong_token")


def test_servers_side_by_side() -> None:
    """A browser sends a cookie to all ports of a host: who logs in to one is not logged out of the other."""
    with (
        serving(in_memory(), Access(token="one")) as one,
        serving(in_memory(), Access(token="other")) as other,
    ):
        browser = httpx.Cookies()
        for client, token in ((one, "one"), (other, "other")):
            browser.update(client.post("/-/login", json={"token": token}).cookies)
        for client in (one, other):
            client.cookies = browser
            assert client.get("/-/mocks").status_code == 200
        assert one.post("/-/logout").status_code == 200
        assert error(one.get("/-/mocks"))[0] == 401
        assert other.get("/-/mocks").status_code == 200


def test_what_listens_elsewhere_is_closed_without_a_token() -> None:
    with serving(in_memory(), host="0.0.0.0") as client:
        assert error(client.get("/-/mocks")) == (401, "token_required")
        assert error(client.post("/-/login", json={"token": ""})) == (401, "wrong_token")
        assert client.get("/-/healthy").status_code == 200
        assert say(client, "hello").status_code == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host"])
def test_what_a_proxy_passes_on_is_not_from_here(client: httpx.Client, header: str) -> None:
    assert error(client.get("/-/mocks", headers={header: "127.0.0.1"})) == (401, "token_required")


# -- the servers that people start ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["command", "gunicorn"])
def test_on_loopback_it_is_open(kind: Any) -> None:
    with mock(kind, SCRIPT) as served:
        assert httpx.get(f"{served.url}/-/mocks").status_code == 200
        assert httpx.get(f"{served.url}/-/mocks", headers={"host": "evil.example"}).status_code == 403
        assert httpx.get(f"{served.url}/-/mocks", headers={"x-forwarded-for": "10.0.0.1"}).status_code == 401


def elsewhere(kind: Kind, env: dict[str, str] | None = None) -> Any:
    if kind == "embedded":
        return running([tool("mockllm"), "serve", str(SCRIPT), "--port", "0", "--host", "0.0.0.0"], env)
    command = [tool("gunicorn"), "-k", "geventwebsocket", "--bind", "0.0.0.0:0", "wsgi:app"]
    return running(command, {"MOCKLLM_SCRIPT": str(SCRIPT), **(env or {})})


def at_home(served: Served) -> str:
    return served.url.replace("0.0.0.0", "127.0.0.1")


@pytest.mark.parametrize("kind", ["embedded", "gunicorn"])
def test_elsewhere_it_takes_the_token_of_the_environment(kind: Kind) -> None:
    with elsewhere(kind, {"MOCKLLM_TOKEN": TOKEN, "MOCKLLM_KEY": "sk-right"}) as served:
        url = at_home(served)
        assert httpx.get(f"{url}/-/mocks").status_code == 401
        assert httpx.get(f"{url}/-/mocks", headers=WITH_TOKEN).status_code == 200
        assert httpx.get(f"{url}/v1/models").status_code == 401
        assert httpx.get(f"{url}/v1/models", headers={"authorization": "Bearer sk-right"}).status_code == 200
        assert TOKEN not in served.stdout


def test_elsewhere_a_new_token_is_printed() -> None:
    with elsewhere("embedded") as served:
        url = at_home(served)
        assert httpx.get(f"{url}/-/mocks").status_code == 401
        token = served.stdout.partition("/-/#token=")[2].split()[0]
        assert len(token) >= 32
        assert httpx.get(f"{url}/-/mocks", headers={"authorization": f"Bearer {token}"}).status_code == 200


# -- the key of the mocked API --------------------------------------------------------------------------------


def test_a_key_for_the_mocked_endpoints() -> None:
    with serving(in_memory(), Access(key="sk-right")) as client:
        missing = say(client, "hello")
        assert (missing.status_code, missing.json()["error"]["code"]) == (401, None)
        assert "You didn't provide an API key" in missing.json()["error"]["message"]
        wrong = say(client, "hello", authorization="Bearer sk-wrong-and-long-key")
        assert error(wrong) == (401, "invalid_api_key")
        assert "sk-********-key" in wrong.json()["error"]["message"]
        assert say(client, "hello", authorization="Bearer sk-right").status_code == 200
        for path in ("/v1/models", "/v1/nothing", "/v1/responses/resp_1"):
            assert client.get(path).status_code == 401
        assert client.get("/").status_code == 200 and client.get("/-/mocks").status_code == 200
        assert [entry["status"] for entry in client.get("/-/journal").json()["entries"]][:3] == [401, 401, 200]
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{client.base_url.port}/v1/chat", proxy=None)
        assert refused.value.response.status_code == 401
        preflight = {"origin": "https://app.example", "access-control-request-method": "POST"}
        assert client.options("/v1/chat/completions", headers=preflight).status_code == 204


def test_what_is_not_ascii_is_sent_as_utf_8() -> None:
    with serving(in_memory(), Access(token="schlüssel-à", key="ключ")) as client:
        right = {b"authorization": "Bearer schlüssel-à".encode()}
        assert client.get("/-/mocks", headers=right).status_code == 200
        assert client.get("/v1/models", headers={b"authorization": "Bearer ключ".encode()}).status_code == 200
        assert client.get("/v1/models", headers=right).status_code == 401
        assert client.post("/-/login", json={"token": "schlüssel-à"}).status_code == 200


def test_the_command_that_reads_a_journal_has_the_token(
    guarded: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(guarded, "hello")
    id = guarded.get("/-/journal", headers=WITH_TOKEN).json()["entries"][-1]["id"]
    script = tmp_path / "hello.llmock"
    script.write_text('rule hello when user mentions "hello" reply "Hi."\n')
    arguments = [str(script), "--journal", str(guarded.base_url), str(id)]
    assert "it wants its token, in MOCKLLM_TOKEN" in CliRunner().invoke(explain, arguments).output
    monkeypatch.setenv("MOCKLLM_TOKEN", TOKEN)
    assert "`hello`" in CliRunner().invoke(explain, arguments).output

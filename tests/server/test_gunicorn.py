from __future__ import annotations

from pathlib import Path

from tests.server.harness import Client, serve


def test_two_workers(tmp_path: Path) -> None:
    with serve("gunicorn", "tests.server.stage:app", {"HOME": str(tmp_path)}, "--workers", "2") as server:
        for _ in range(4):
            with Client(server.address) as client:
                client.get("/sse/whole")
                client.until(b"0\r\n\r\n")
        assert server.stop() == 0
        assert server.stderr.count("Booting worker") == 2
        assert "Traceback" not in server.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_stream_comes_to_its_end_when_the_server_is_stopped() -> None:
    with serve("gunicorn", "tests.server.stage:app") as server, Client(server.address) as client:
        client.get("/sse/second")
        client.until(b"data: 1\n\n\r\n")
        assert server.stop() == 0
        assert client.rest() == (b"9\r\ndata: 2\n\n\r\n0\r\n\r\n", "FIN")


def test_the_access_log_is_for_those_who_ask(tmp_path: Path) -> None:
    log = tmp_path / "access"
    with serve("gunicorn", "tests.server.stage:app", None, "--access-logfile", str(log)) as server:
        with Client(server.address) as client:
            client.send(b"NONSENSE\r\n\r\n")
            client.rest()
        with Client(server.address) as client:
            client.get("/json/whole", "connection: close")
            client.rest()
        assert server.stop() == 0
        assert "Traceback" not in server.stderr
    (line,) = log.read_text().splitlines()
    assert '"GET /json/whole HTTP/1.1" 200' in line

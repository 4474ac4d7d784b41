"""`davit wait`: it ends when everything has ended, and says what became of it."""
import http.server
import json
import socket
import threading
import time
import urllib.parse

import pytest

from conftest import Davit, make_file


class ScriptedEngine:
    """Answers of an engine in a row for each path; the last one stays. The front end is the real one."""

    def __init__(self, socket_path, answers):
        self.answers = {"/v1/settings": [{}], **answers}
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                address = urllib.parse.urlsplit(self.path)
                outer.asked.append(self.path)
                row = outer.answers.get(address.path) or [(404, {"error": {"code": "NotFound", "message": "no", "exit": 4}})]
                answer = row.pop(0) if len(row) > 1 else row[0]
                if callable(answer):
                    answer = answer(urllib.parse.parse_qs(address.query))
                status, body = answer if isinstance(answer, tuple) else (200, answer)
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Davit-API", "1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "davit"

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_UNIX

            def server_bind(self):
                self.socket.bind(self.server_address)

        self.server = Server(str(socket_path), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def scripted(tmp_path):
    """Starts a scripted engine and returns a davit that talks to it."""
    engines = []

    def start(answers):
        davit = Davit(tmp_path / "home")
        engines.append(ScriptedEngine(tmp_path / "engine.sock", answers))
        return lambda *words: davit.run(*words, "--socket", tmp_path / "engine.sock"), engines[-1]

    yield start
    for engine in engines:
        engine.close()


def job(state, refused=(), **counts):
    return {
        "schema": 1, "job": "j-1", "state": state, "uploads": [], "total": sum(counts.values()), "bytes": 0, "stored": 0, "counts": counts,
        "refused": [{"path": path, "reason": "no"} for path in refused],
    }


def upload(number, state, **more):
    return {
        "id": f"u-{number}", "job": "j-1", "state": state, "path": f"/d/f{number}", "dest": f"oss://b/f{number}", "bucket": "b", "key": f"f{number}",
        "size": 1, "stored": 0, "sending": 0, "resent": 0, "rate": 0, "parts": {"size": 1, "total": 1, "stored": 0, "sending": 0}, "tries": 1,
        "priority": "normal", "added": "2026-01-15T08:30:00Z", "verify": {"method": "crc64", "state": "pending"}, **more,
    }


def page(*uploads):
    return {"schema": 1, "items": list(uploads), "total": len(uploads), "truncated": False}


def detail(*words):
    return {"schema": 1, "upload": upload(*words), "map": "", "active": [], "events": []}


def status(davit, scanning):
    """A real status, but for the scans."""
    davit.run("engine", "start", check=0)
    return {**davit.json("status"), "counts": {"scanning": scanning}}


def test_a_job_that_is_still_being_scanned_is_waited_for(scripted):
    run, engine = scripted({"/v1/jobs/j-1": [
        job("scanning"), job("scanning", done=2), job("scanning", done=2, failed=1), job("ready", done=3, queued=1), job("ready", done=3, failed=1)]})

    for words in ["j-1", "job:j-1"]:
        done = run("wait", words)
        assert done.returncode == 3 and "3 of 4 stored" in done.stderr
    assert len([path for path in engine.asked if "jobs" in path]) == 6


def test_a_query_goes_on_while_a_scan_may_bring_more(scripted, davit):
    gone, good, bad = upload("1", "queued"), upload("2", "done"), upload("3", "failed")
    run, engine = scripted({
        "/v1/status": [status(davit, 1), status(davit, 1), status(davit, 0)],
        "/v1/uploads": [page(), page(gone), page(), page(good, bad)], "/v1/uploads/u-1": [detail("1", "done")]})

    done = run("wait", "name:f*")

    assert done.returncode == 3 and "2 of 3 stored" in done.stderr, done.stderr


def test_what_is_between_two_pages_has_not_ended(scripted, davit):
    run, engine = scripted({
        "/v1/status": [status(davit, 0)], "/v1/uploads": [page(upload("1", "queued"), upload("2", "queued")), page(upload("2", "queued")), page()],
        "/v1/uploads/u-1": [detail("1", "uploading"), detail("1", "failed")], "/v1/uploads/u-2": [detail("2", "done")]})

    done = run("wait", "--json")

    assert done.returncode == 3
    assert {item["id"]: item["state"] for item in json.loads(done.stdout)["items"]} == {"u-1": "failed", "u-2": "done"}


def test_what_is_gone_is_not_stored_and_trouble_is_told(scripted, davit):
    run, engine = scripted({"/v1/status": [status(davit, 0)], "/v1/uploads": [page(upload("1", "queued")), page()]})
    done = run("wait")
    assert done.returncode == 1 and "0 of 1 stored" in done.stderr
    engine.answers["/v1/uploads"] = [page(upload("1", "queued")), page()]
    engine.answers["/v1/uploads/u-1"] = [(422, {"error": {"code": "Disk", "message": "the disk is full", "exit": 1}})]
    done = run("wait")
    assert done.returncode == 1 and "the disk is full" in done.stderr and "stored" not in done.stderr


def test_whole_jobs_are_counted_by_the_engine(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "key": "bad", "effect": "status", "status": 403, "code": "AccessDenied"})
    good = davit.run("add", make_file(tmp_path / "good", 10), f"oss://{sandbox.bucket}/good", check=0).stdout.strip()
    bad = davit.run("add", make_file(tmp_path / "bad", 10), f"oss://{sandbox.bucket}/bad", check=0).stdout.strip()

    assert "1 of 1 stored" in davit.run("wait", good, check=0).stderr
    assert davit.run("wait", bad).returncode == 1
    both = davit.run("wait", good, bad)
    assert both.returncode == 3 and "1 of 2 stored" in both.stderr
    listed = json.loads(davit.run("wait", f"job:{good},{bad}", "--json").stdout)
    assert {item["key"]: item["state"] for item in listed["items"]} == {"good": "done", "bad": "failed"}
    assert (listed["total"], listed["truncated"]) == (2, False)
    # What has left the queue is still known of the job.
    davit.run("remove", "state:done,failed", check=0)
    assert davit.run("wait", good, bad).returncode == 3
    assert davit.run("wait", "j-99").returncode == 4


def test_sources_that_could_not_be_queued_are_not_stored(davit, sandbox, tmp_path):
    folder = tmp_path / "d"
    make_file(folder / "good", 10)
    (folder / "bad\udcff".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")).touch()
    job = davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/").stdout.strip()

    done = davit.run("wait", job)

    assert done.returncode == 3 and "1 of 2 stored" in done.stderr


def test_what_ends_while_others_are_looked_at_counts_as_it_ended(davit, sandbox, tmp_path):
    """More uploads than a page holds, ending all the time."""
    sandbox.fault({"operation": "PutObject", "key": "f7*", "effect": "status", "status": 403, "code": "AccessDenied"})
    for number in range(3000):
        make_file(tmp_path / f"d/f{number}", 10)
    davit.run("add", f"{tmp_path}/d/", f"oss://{sandbox.bucket}/", check=0)

    done = davit.run("wait", "name:f*", seconds=120)
    failed = davit.json("queue", "state:failed", check=0)["total"]

    assert failed > 0 and done.returncode == 3
    assert f"{3000 - failed} of 3000 stored" in done.stderr


def test_without_a_query_what_scans_find_counts_too(scripted, davit):
    late = upload("2", "failed", added="2099-01-15T08:30:00Z")
    run, engine = scripted({
        "/v1/status": [status(davit, 1), status(davit, 0)], "/v1/uploads": [page(), page(), page(upload("1", "failed"), late)]})

    done = run("wait")

    assert done.returncode == 1 and "0 of 1 stored" in done.stderr


def test_one_that_ends_is_enough_with_any(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "key": "never", "effect": "black-hole"})
    job = davit.run("add", make_file(tmp_path / "once", 10), make_file(tmp_path / "never", 10), f"oss://{sandbox.bucket}/", check=0).stdout.strip()

    for query in [job, "name:*e*"]:
        begun = time.monotonic()
        done = davit.run("wait", "--any", query, "--timeout", "30s", check=0)
        assert "1 of 1 stored" in done.stderr and time.monotonic() - begun < 25

"""A callback that fails says nothing about the object: it is stored."""
import http.server
import json
import threading

import pytest

from conftest import digest, make_file


@pytest.fixture
def refusing():
    """A server that answers 500 to every callback, and the bodies that it was sent."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, bodies
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("size", [1000, 20 << 20])
def test_a_failed_callback_ends_as_done_with_a_note_and_sends_nothing_again(davit, sandbox, refusing, tmp_path, size):
    port, bodies = refusing
    path = make_file(tmp_path / "f", size)
    order = tmp_path / "callback.json"
    order.write_text(json.dumps({"callbackUrl": f"http://127.0.0.1:{port}/", "callbackBody": "key=${object}"}))

    davit.run("put", path, f"oss://{sandbox.bucket}/f", "--callback", order, check=0)

    assert sandbox.objects()["f"]["sha256"] == digest(path) and bodies and set(bodies) == {b"key=f"}
    upload = davit.uploads()[0]
    assert upload["state"] == "done"
    shown = davit.run("show", upload["id"], "--events", check=0).stdout
    assert "callback failed" in shown
    assert len(sandbox.requests("PutObject" if size < 8 << 20 else "CompleteMultipartUpload")) == 1

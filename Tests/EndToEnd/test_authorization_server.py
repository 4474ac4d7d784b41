"""The authorization server as it is run: its package, its description, its limits, what it keeps to itself."""
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

import pytest

from conftest import PROGRAMS, start_authorization, stop

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check(config):
    return subprocess.run([PROGRAMS / "davit-authd", "check", "--config", config], capture_output=True, text=True, timeout=30)


def test_the_example_configuration_can_be_used(tmp_path):
    config = tmp_path / "authd.toml"
    text = (ROOT / "packaging/authd.toml").read_text()
    config.write_text(re.sub(r'^tls-(cert|key) = .*$', "", text, flags=re.MULTILINE))

    checked = check(config)
    assert checked.returncode == 0, checked.stderr
    assert "1 clients" in checked.stdout


def test_check_says_everything_that_is_wrong_with_its_place(tmp_path, authorization):
    text = (authorization.folder / "authd.toml").read_text().replace('verbs = ["upload"', 'verbs = ["uplaod"').replace("region =", "regoin =", 1)
    config = authorization.folder / "wrong.toml"
    config.write_text(text)

    checked = check(config)
    assert checked.returncode == 2 and checked.stdout == ""
    lines = checked.stderr.splitlines()
    assert any("regoin" in line and "Did you mean" in line for line in lines) and any('"upload"' in line for line in lines)
    for line in lines:
        assert re.match(rf"{re.escape(str(config))}:\d+:\d+: error: ", line), line


def test_the_unit_gives_up_what_the_server_does_not_need():
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze on this machine")
    # A folder of units of its own: the user and the programs of the unit need not exist here.
    answer = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", ROOT / "packaging/systemd/davit-authd.service"],
        capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stdout
    assert float(re.search(r"exposure level for \S+ ([\d.]+)", answer.stdout)[1]) <= 2.0


def test_nothing_of_the_server_can_be_dumped(authorization):
    limits = pathlib.Path(f"/proc/{authorization.process.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0", limits)
    # What is not dumpable belongs to the administrator, whoever runs it; as one of them this test sees it by the flag alone.
    assert pathlib.Path(f"/proc/{authorization.process.pid}/environ").stat().st_uid == 0
    assert pathlib.Path(f"/proc/{authorization.process.pid}/coredump_filter").exists()


def test_answers_are_for_programs_alone(authorization):
    with urllib.request.urlopen(authorization.url + "/healthz", timeout=20) as answer:
        headers = answer.headers
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"] and "Server" not in headers


def test_with_a_synced_audit_log_every_decision_is_on_the_disk_before_its_answer(tmp_path, sandbox):
    if not shutil.which("strace"):
        pytest.skip("no strace on this machine")
    server = start_authorization(tmp_path / "authd", sandbox, head="audit-sync = true")
    try:
        trace = subprocess.Popen(
            ["strace", "-f", "-e", "trace=fdatasync", "-o", tmp_path / "trace", "-p", str(server.process.pid)], stderr=subprocess.PIPE, text=True)
        while "attached" not in trace.stderr.readline():
            assert trace.poll() is None
        for _ in range(3):
            assert server.call("GET", "/v1/credentials")[0] == 200
        trace.terminate()
        trace.wait(20)
        assert (tmp_path / "trace").read_text().count("fdatasync(") == 3
    finally:
        stop(server.process)


def test_schemathesis_finds_no_answer_that_the_description_does_not_have(authorization):
    """A few hundred cases here; Benchmarks/authorization makes ten thousand."""
    schema = authorization.folder / "openapi.yaml"
    # The limit of requests a minute is a right answer that would hide all others.
    config = authorization.folder / "authd.toml"
    config.write_text(config.read_text().replace("requests-per-minute = 600", "requests-per-minute = 1000000"))
    authorization.process.send_signal(1)
    while "read anew" not in authorization.process.stderr.readline():
        pass
    shutil.copy(ROOT / "docs/authd-openapi.yaml", schema)
    run = subprocess.run(
        [pathlib.Path(sys.executable).parent / "schemathesis", "run", schema, "--url", authorization.url,
         "-H", f"Authorization: Bearer {authorization.token}", "--max-examples", "30", "--phases", "examples,coverage,fuzzing",
         "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance",
         "--seed", "7", "--no-color"],
        capture_output=True, text=True, timeout=400, cwd=authorization.folder)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]

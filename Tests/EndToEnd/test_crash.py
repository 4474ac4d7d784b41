"""What a kill at any instant costs, and what it never costs."""
import os
import signal
import subprocess

from conftest import digest, make_file, until

PART = 8 << 20


def start_slowly(davit, sandbox, big_file, rate="40MiB"):
    davit.run("limit", rate, check=0)
    davit.run("add", big_file, f"oss://{sandbox.bucket}/big.mov", check=0)
    return until(lambda: next((u for u in davit.uploads() if u["parts"]["stored"] >= 4), None), what="four stored parts")["id"]


def test_killing_the_engine_costs_at_most_the_parts_in_flight(davit, sandbox, big_file):
    upload = start_slowly(davit, sandbox, big_file)
    os.kill(davit.pid(), signal.SIGKILL)
    stored = {item["part_number"] for item in sandbox.requests("UploadPart") if item["status"] == 200}
    before = len(sandbox.requests("UploadPart"))

    # Any davit command brings the engine back.
    davit.run("limit", "none", check=0)
    davit.run("wait", upload, check=0, seconds=120)

    again = [item for item in sandbox.requests("UploadPart")[before:]]
    assert not stored & {item["part_number"] for item in again}, "a stored part was sent again"
    assert sandbox.objects()["big.mov"]["sha256"] == digest(big_file)
    assert sandbox.uploads() == []
    assert len(sandbox.requests("InitiateMultipartUpload")) == 1


def test_killing_the_front_end_changes_nothing(davit, sandbox, big_file):
    davit.run("limit", "60MiB", check=0)
    front = subprocess.Popen(
        davit.command("put", big_file, f"oss://{sandbox.bucket}/big.mov"), env=davit.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    until(lambda: any(u["parts"]["stored"] >= 2 for u in davit.uploads()), what="two stored parts")
    front.kill()
    front.wait()

    davit.run("limit", "none", check=0)
    davit.run("wait", check=0, seconds=120)

    assert sandbox.objects()["big.mov"]["sha256"] == digest(big_file)


def test_a_queue_survives_a_kill_whole(davit, sandbox, tmp_path):
    folder = tmp_path / "files"
    for number in range(200):
        make_file(folder / f"{number:03}", 100, seed=number)
    davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/q/", "--paused", check=0)
    until(lambda: len(davit.uploads("state:paused")) == 200, what="200 paused uploads")
    os.kill(davit.pid(), signal.SIGKILL)

    assert len(davit.uploads("state:paused")) == 200
    davit.run("resume", "--all", check=0)
    davit.run("wait", check=0)
    assert len(sandbox.objects()) == 200


def test_a_lost_answer_to_complete_is_settled_not_repeated(davit, sandbox, big_file):
    sandbox.fault({"operation": "CompleteMultipartUpload", "effect": "lost-answer", "count": 1})

    davit.run("put", big_file, f"oss://{sandbox.bucket}/big.mov", check=0, seconds=200)

    assert len(sandbox.requests("CompleteMultipartUpload")) == 1
    assert sandbox.objects()["big.mov"]["sha256"] == digest(big_file)


def test_503_answers_lose_nothing(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "effect": "status", "status": 503, "code": "ServiceUnavailable", "chance": 0.3})
    folder = tmp_path / "files"
    for number in range(100):
        make_file(folder / f"{number:03}", 500, seed=number)

    davit.run("put", f"{folder}/", f"oss://{sandbox.bucket}/f/", check=0, seconds=200)

    assert len(sandbox.objects()) == 100

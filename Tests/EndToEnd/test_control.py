"""Pause, resume, cancel, undo, abort: what they do to the traffic and to the parts on the server."""
import time

from conftest import digest, until


def running(davit, sandbox, big_file):
    davit.run("limit", "40MiB", check=0)
    davit.run("add", big_file, f"oss://{sandbox.bucket}/big.mov", check=0)
    return until(lambda: next((u for u in davit.uploads() if u["parts"]["stored"] >= 3), None), what="three stored parts")["id"]


def stored_numbers(sandbox):
    return [item["part_number"] for item in sandbox.requests("UploadPart") if item["status"] == 200]


def test_pause_stops_traffic_within_a_second_and_resume_sends_only_what_is_missing(davit, sandbox, big_file):
    upload = running(davit, sandbox, big_file)

    davit.run("pause", upload, check=0)
    time.sleep(1.0)
    first = stored_numbers(sandbox)
    time.sleep(1.5)
    assert stored_numbers(sandbox) == first, "parts arrived after the pause"
    view = davit.json("show", upload)
    assert view["state"] == "paused" and view["stored"] > 0
    assert len(sandbox.uploads()) == 1

    davit.run("limit", "none", check=0)
    davit.run("resume", upload, check=0)
    davit.run("wait", upload, check=0)
    numbers = stored_numbers(sandbox)
    assert len(numbers) == len(set(numbers)), "a stored part was sent again"
    assert sandbox.objects()["big.mov"]["sha256"] == digest(big_file)


def test_cancel_keeps_the_parts_and_can_be_undone(davit, sandbox, big_file):
    upload = running(davit, sandbox, big_file)

    davit.run("cancel", upload, check=0)
    until(lambda: davit.json("show", upload)["state"] == "cancelled", what="cancelled")
    assert len(sandbox.uploads()) == 1
    davit.run("undo", check=0)
    davit.run("limit", "none", check=0)
    davit.run("resume", upload)
    davit.run("wait", upload, check=0)

    numbers = stored_numbers(sandbox)
    assert len(numbers) == len(set(numbers))
    assert sandbox.objects()["big.mov"]["sha256"] == digest(big_file)


def test_abort_leaves_nothing_on_the_server(davit, sandbox, big_file):
    upload = running(davit, sandbox, big_file)

    refused = davit.run("abort", upload)
    assert refused.returncode == 7 and "--yes" in refused.stderr
    davit.run("abort", upload, "--yes", check=0)

    until(lambda: sandbox.uploads() == [], what="no multipart upload on the server")
    assert sandbox.objects() == {}
    assert davit.json("show", upload)["state"] == "cancelled"


def test_the_limit_holds_and_changes_at_once(davit, sandbox, big_file):
    davit.run("limit", "10MiB", check=0)
    davit.run("add", big_file, f"oss://{sandbox.bucket}/big.mov", check=0)
    until(lambda: davit.json("status")["rate"] > 0, what="traffic")
    time.sleep(4)
    rate = davit.json("status")["rate"]
    assert 0.8 * (10 << 20) < rate < 1.2 * (10 << 20)
    davit.run("limit", "0", check=0)
    time.sleep(4)
    assert davit.json("status")["rate"] == 0


def test_orphans_of_others_are_shown_and_only_aborted_when_told(davit, sandbox):
    import oss2
    auth = oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret)
    bucket = oss2.Bucket(auth, sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region)
    upload_id = bucket.init_multipart_upload("left/behind").upload_id
    bucket.upload_part("left/behind", upload_id, 1, b"x" * 200_000)

    listed = davit.json("orphans", f"oss://{sandbox.bucket}/")["items"]
    assert [(item["key"], item["owner"], item["bytes"]) for item in listed] == [("left/behind", "other", 200_000)]
    assert len(sandbox.uploads()) == 1
    davit.run("orphans", f"oss://{sandbox.bucket}/", "--abort", "--yes", check=0)
    assert sandbox.uploads() == []


def test_ls_shows_prefixes_and_objects(davit, sandbox, tmp_path):
    (tmp_path / "one").write_bytes(b"1")
    davit.run("put", tmp_path / "one", f"oss://{sandbox.bucket}/a/b/c", check=0)

    assert [(item["key"], item["is_prefix"]) for item in davit.json("ls", f"oss://{sandbox.bucket}/a/")["items"]] == [("a/b/", True)]
    assert [item["key"] for item in davit.json("ls", f"oss://{sandbox.bucket}/", "-r")["items"]] == ["a/b/c"]

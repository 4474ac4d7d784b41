"""A file that changes while it is sent: "source changed", never an object of two states of it."""
import os
import subprocess

import pytest

from conftest import digest, make_file, until

SIZE = 256 << 20


def rewrite(path):
    with open(path, "r+b") as file:
        for offset in range(0, SIZE, 1 << 20):
            file.seek(offset)
            file.write(b"other bytes")


def rewrite_unseen(path):
    before = os.stat(path)
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate(path):
    os.truncate(path, SIZE // 3)


def append(path):
    with open(path, "ab") as file:
        file.write(b"more")


def put_slowly(davit, sandbox, path, rate="12MiB"):
    """`davit put` under way, with two parts stored."""
    davit.run("limit", rate, check=0)
    front = subprocess.Popen(
        davit.command("put", path, f"oss://{sandbox.bucket}/f"), env=davit.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    until(lambda: any(u["parts"]["stored"] >= 2 for u in davit.uploads()), what="two stored parts")
    return front


@pytest.mark.parametrize("change", [rewrite, rewrite_unseen, truncate, append])
def test_a_source_that_changes_is_a_failure_with_that_name(davit, sandbox, tmp_path, change):
    path = make_file(tmp_path / "f", SIZE, seed=1)
    front = put_slowly(davit, sandbox, path)

    change(path)
    davit.run("limit", "none", check=0)
    _, said = front.communicate(timeout=120)

    assert front.returncode == 1 and "changed while it was uploaded" in said
    upload = davit.uploads()[0]
    assert (upload["state"], upload["last_error"]["code"]) == ("failed", "SourceChanged")
    assert sandbox.objects() == {}
    until(lambda: sandbox.uploads() == [], what="the abort")


def test_a_file_whose_name_is_taken_by_another_is_stored_as_it_was(davit, sandbox, tmp_path):
    path = make_file(tmp_path / "f", SIZE, seed=1)
    before = digest(path)
    front = put_slowly(davit, sandbox, path)

    os.rename(make_file(tmp_path / "new", SIZE, seed=2), path)
    davit.run("limit", "none", check=0)
    front.communicate(timeout=120)

    assert front.returncode == 0
    assert sandbox.objects()["f"]["sha256"] == before


def test_a_file_whose_name_was_taken_is_still_watched(davit, sandbox, tmp_path):
    path = make_file(tmp_path / "f", SIZE, seed=1)
    front = put_slowly(davit, sandbox, path)

    with open(path, "r+b") as file:
        os.rename(make_file(tmp_path / "new", SIZE, seed=2), path)
        file.seek(SIZE // 2)
        file.write(b"other bytes")
    davit.run("limit", "none", check=0)
    _, said = front.communicate(timeout=120)

    assert front.returncode == 1 and "changed while it was uploaded" in said
    assert sandbox.objects() == {}
    until(lambda: sandbox.uploads() == [], what="the abort")


def test_another_mode_fails_nothing_and_sends_nothing_again(davit, sandbox, tmp_path):
    path = make_file(tmp_path / "f", SIZE, seed=1)
    front = put_slowly(davit, sandbox, path)

    os.chmod(path, 0o640)
    os.link(path, tmp_path / "link")
    davit.run("limit", "none", check=0)
    front.communicate(timeout=120)

    assert front.returncode == 0 and sandbox.objects()["f"]["sha256"] == digest(path)
    assert len(sandbox.requests("UploadPart")) == SIZE >> 23


def test_no_file_of_one_request_is_ever_torn(davit, sandbox, tmp_path):
    """A file that is written to all the time: whatever is stored is one of its states."""
    path = make_file(tmp_path / "f", 6 << 20, seed=1)
    states = {digest(path)}
    davit.run("limit", "12MiB", check=0)
    front = subprocess.Popen(
        davit.command("put", path, f"oss://{sandbox.bucket}/f"), env=davit.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    until(lambda: any(u["sending"] for u in davit.uploads()), what="bytes on their way")

    with open(path, "r+b") as file:
        file.write(b"new head")
        file.seek(5 << 20)
        file.write(b"new tail")
    front.communicate(timeout=120)

    states.add(digest(path))
    assert {item["sha256"] for item in sandbox.objects().values()} <= states
    assert front.returncode == (0 if sandbox.objects() else 1)


def test_a_hole_is_stored_as_the_zeros_that_it_is(davit, sandbox, tmp_path):
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.write(b"head")
        file.truncate(40 << 20)
        file.seek((30 << 20) + 5)
        file.write(b"island")

    davit.run("put", path, f"oss://{sandbox.bucket}/sparse", check=0)

    assert sandbox.objects()["sparse"]["sha256"] == digest(path)


def test_a_source_that_cannot_be_read_any_more_is_named(davit, sandbox, tmp_path):
    path = make_file(tmp_path / "f", 1000)
    davit.run("add", path, f"oss://{sandbox.bucket}/f", "--paused", check=0)
    path.unlink()

    davit.run("resume", "--all", check=0)

    upload = until(lambda: next(iter(davit.uploads("state:failed")), None), what="the failure")
    assert upload["last_error"]["code"] == "SourceUnreadable" and str(path) in upload["last_error"]["message"]

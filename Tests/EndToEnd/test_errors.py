"""Every wrong thing gets one clear error, the documented exit status, and loses nothing."""
import os
import shutil
import subprocess
import time

import pytest

from conftest import PROGRAMS, Davit, digest, make_file, until


def one_error(done, status):
    """Exactly that status, and one error in the documented form, never a stack trace."""
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    assert lines and lines[0].startswith("davit"), done.stderr
    assert "Fatal" not in done.stderr and "Swift/" not in done.stderr
    return done.stderr


def test_a_wrong_configuration_names_file_line_and_key(tmp_path):
    davit = Davit(tmp_path / "home")
    davit.configure('[remote.ingest]\nbukcet = "x"\nregion = 5\n\n[engine]\nuploads = "many"\n')

    checked = davit.run("config", "check", check=2)

    text = checked.stderr + checked.stdout
    for expected in ("config.toml:2:", "bukcet", "config.toml:3:", "config.toml:6:", "uploads"):
        assert expected in text, text
    one_error(davit.run("status"), 5)
    refused = davit.run("put", "/etc/hostname", "oss://b/k")
    assert refused.returncode == 2 and "config.toml:" in refused.stderr and "davit config check" in refused.stderr
    davit.stop()


def test_an_unreachable_endpoint_waits_and_never_fails(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "data.bin", 1000)
    davit.environment["OSS_ENDPOINT"] = "http://127.0.0.1:9"

    one_error(davit.run("put", file, f"oss://{sandbox.bucket}/k", "--timeout", "4s"), 8)

    upload = davit.uploads()[0]
    assert upload["state"] in ("retrying", "held") and upload["held_reason"] in (None, "network")
    assert upload["last_error"]["message"]


def test_a_refused_token_gives_exit_6(broker, sandbox, authorization, tmp_path):
    file = make_file(tmp_path / "data.bin", 1000)
    (broker.home / "ingest.token").write_text("not-the-token")

    text = one_error(broker.run("put", file, "ingest:k", seconds=60), 6)

    assert "401" in text or "token" in text
    assert sandbox.objects() == {}


def test_a_token_file_that_others_can_read_is_refused(broker, tmp_path):
    file = make_file(tmp_path / "data.bin", 1000)
    (broker.home / "ingest.token").chmod(0o644)

    done = broker.run("put", file, "ingest:k", seconds=60)

    assert done.returncode in (2, 6) and "chmod 600" in done.stderr


def test_a_wrong_secret_is_an_error_of_the_upload(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "data.bin", 1000)
    davit.environment["OSS_ACCESS_KEY_SECRET"] = "wrong"

    text = one_error(davit.run("put", file, f"oss://{sandbox.bucket}/k", seconds=60), 1)

    assert "SignatureDoesNotMatch" in text


def test_without_any_credentials_exit_6(tmp_path):
    davit = Davit(tmp_path / "home")
    file = make_file(tmp_path / "data.bin", 1000)
    try:
        text = one_error(davit.run("put", file, "oss://some-bucket/k", environment={"OSS_REGION": "cn-hangzhou"}, seconds=60), 6)
        assert "OSS_ACCESS_KEY_ID" in text
    finally:
        davit.stop()


def test_a_missing_source_is_told_and_the_others_go_on(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "data.bin", 1000)

    one_error(davit.run("put", tmp_path / "missing", f"oss://{sandbox.bucket}/k"), 2)
    one_error(davit.run("put", tmp_path / "missing", file, f"oss://{sandbox.bucket}/d/"), 3)

    assert list(sandbox.objects()) == ["d/data.bin"]


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"), reason="root reads everything")
def test_an_unreadable_file_is_reported(tmp_path, sandbox):
    """As another user than root, who would read everything."""
    folder = tmp_path / "files"
    make_file(folder / "good", 10)
    make_file(folder / "bad", 10).chmod(0)
    davit = Davit(tmp_path / "home", sandbox.environment)
    for path in [*tmp_path.parents][:3] + [tmp_path]:
        path.chmod(0o755)
    prefix, program = [], davit.command()[0]
    if os.geteuid() == 0:
        # The other user may not reach the folder that was built in.
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("davit", "davit-engine"):
            shutil.copy2(PROGRAMS / name, programs / name)
        program = str(programs / "davit")
        subprocess.check_call(["chown", "-R", "65534:65534", folder, davit.home])
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    try:
        done = subprocess.run(
            prefix + [program, "put", f"{folder}/", f"oss://{sandbox.bucket}/x/"], env=davit.environment, capture_output=True, text=True,
            timeout=60)
        assert done.returncode == 3, (done.returncode, done.stderr)
        assert "bad" in done.stderr
        assert list(sandbox.objects()) == ["x/good"]
    finally:
        subprocess.run(prefix + [program, "engine", "stop", "-q"], env=davit.environment, timeout=30)


def test_a_source_that_changes_is_a_failure_and_stores_nothing_torn(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "data.bin", 64 << 20)
    # Four seconds of it are in flight: half of the file waits when the first part is stored.
    davit.run("limit", "8MiB", check=0)
    davit.run("add", file, f"oss://{sandbox.bucket}/k", check=0)
    upload = until(lambda: next((u for u in davit.uploads() if u["stored"] > 0), None), what="a stored part")["id"]
    with open(file, "r+b") as changed:
        changed.seek(60 << 20)
        changed.write(b"changed")
    davit.run("limit", "none", check=0)

    davit.run("wait", upload, check=1, seconds=60)

    view = davit.json("show", upload)
    assert (view["state"], view["last_error"]["code"]) == ("failed", "SourceChanged")
    assert sandbox.objects() == {}


def test_a_file_that_shrinks_is_a_failure(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "data.bin", 64 << 20)
    # Four seconds of it are in flight: half of the file waits when the first part is stored.
    davit.run("limit", "8MiB", check=0)
    davit.run("add", file, f"oss://{sandbox.bucket}/k", check=0)
    upload = until(lambda: next((u for u in davit.uploads() if u["stored"] > 0), None), what="a stored part")["id"]
    os.truncate(file, 1 << 20)
    davit.run("limit", "none", check=0)

    davit.run("wait", upload, check=1, seconds=60)

    assert sandbox.objects() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_state_folder_holds_and_loses_nothing(sandbox, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", home]).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    davit = Davit(home, sandbox.environment)
    try:
        file = make_file(tmp_path / "data.bin", 1000)
        davit.run("put", file, f"oss://{sandbox.bucket}/first", check=0)
        with open(home / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(b"x" * 65536)
                    filler.flush()
            except OSError:
                pass
        done = davit.run("add", file, f"oss://{sandbox.bucket}/second", seconds=60)
        if done.returncode != 0:
            assert "space" in done.stderr or "full" in done.stderr, done.stderr
        (home / "filler").unlink()
        davit.run("put", file, f"oss://{sandbox.bucket}/third", check=0, seconds=60)
        assert {"first", "third"} <= set(sandbox.objects())
    finally:
        davit.stop()
        subprocess.run(["umount", "-l", home])


def test_a_state_folder_that_cannot_be_written_is_one_error(tmp_path):
    home = tmp_path / "home"
    home.write_text("a file where the folder should be")
    davit = Davit.__new__(Davit)
    davit.home = home
    davit.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "DAVIT_HOME": str(home)}

    one_error(davit.run("queue"), 2)


def test_without_a_terminal_the_terminal_is_not_started(davit):
    done = davit.run()
    assert done.returncode in (0, 5)
    refused = subprocess.run(davit.command("frobnicate"), env=davit.environment, capture_output=True, text=True)
    one_error(refused, 2)


def test_wait_for_nothing_exits_4_and_status_without_engine_5(davit):
    assert davit.run("wait", "name:nothing").returncode == 4
    davit.run("engine", "stop", check=0)
    one_error(davit.run("status"), 5)


def test_a_rate_that_is_ambiguous_is_refused(davit):
    text = one_error(davit.run("limit", "20 Mb"), 2)
    assert "20Mbit" in text

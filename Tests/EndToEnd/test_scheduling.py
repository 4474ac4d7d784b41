"""Who goes first, how fast, and who says so."""
import os

from conftest import make_file, until


def test_an_urgent_file_passes_a_terabyte_at_a_low_rate(davit, sandbox, tmp_path):
    davit.run("limit", "1MiB", check=0)
    huge = tmp_path / "huge"
    with open(huge, "wb") as file:
        file.truncate(1 << 40)
    job = davit.json("add", huge, f"oss://{sandbox.bucket}/", "--priority", "low")
    until(lambda: davit.json("status")["parts_sending"] > 0, what="the large file is under way")
    urgent = make_file(tmp_path / "urgent", 1 << 20, seed=5)

    davit.run("put", urgent, f"oss://{sandbox.bucket}/", "--priority", "high", check=0, seconds=60)

    # What was under way still is: nothing was taken back for it.
    [upload] = davit.uploads(f"id:{job['uploads'][0]}")
    assert upload["state"] == "uploading" and upload["tries"] == 1
    davit.run("abort", "--all", "--yes")


def test_the_schedule_holds_and_a_person_may_overrule_it(davit, sandbox, tmp_path):
    davit.configure('[engine]\nrate-schedule = ["else 0"]\nrate-schedule-zone = "UTC"\n')
    davit.json("add", make_file(tmp_path / "a", 1000), f"oss://{sandbox.bucket}/")

    until(lambda: [upload["held_reason"] for upload in davit.uploads()] == ["schedule"], what="it is held by the schedule")
    assert davit.json("limit")["rate_by"] == "schedule"
    assert not sandbox.objects()
    assert davit.json("limit", "none")["rate_by"] == "person"
    until(lambda: len(sandbox.objects()) == 1, what="it is stored")
    assert davit.json("limit", "schedule")["rate"] == 0


def test_slots_are_left_to_the_engine_and_taken_back(davit):
    assert davit.json("slots")["parts_auto"]
    assert "(auto)" in davit.run("slots", check=0).stdout
    davit.run("slots", "auto", "--parts", "12", check=0)
    shown = davit.json("slots")
    assert (shown["parts"], shown["parts_auto"], shown["uploads_auto"]) == (12, False, True)
    davit.run("slots", "many", check=2)


def test_a_zone_that_is_none_is_named_with_its_place(davit):
    davit.configure('[engine]\nrate-schedule-zone = "Mars/Olympus"\n')
    done = davit.run("config", "check", check=2)
    assert f"{os.path.join(davit.home, 'config.toml')}:2:22: " in done.stdout + done.stderr

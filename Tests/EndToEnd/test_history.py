"""What has ended: history, receipts, verification, plans."""
import json
import os

from conftest import Davit, make_file, until


def lines(text):
    return [line for line in text.splitlines() if line]


def test_what_is_stored_is_in_the_history_the_newest_first(davit, sandbox, tmp_path):
    for name in ["a", "b"]:
        davit.run("put", make_file(tmp_path / name, 1000), f"oss://{sandbox.bucket}/", check=0)

    history = davit.json("history")

    assert [item["key"] for item in history["items"]] == ["b", "a"]
    assert (history["schema"], history["total"], history["truncated"]) == (1, 2, False)
    first = history["items"][0]
    assert first["state"] == "done" and first["request_id"] and first["crc64"] and first["reason"] is None
    plain = davit.run("history", "--plain", "--limit", "1", check=0).stdout
    assert len(lines(plain)) == 1 and plain.split("\t")[1] == "done"
    assert davit.json("history", "--limit", "1") | {"items": []} == {"schema": 1, "items": [], "total": 2, "truncated": True}


def test_a_query_and_an_order_choose_what_the_history_shows(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "key": "bad", "effect": "status", "status": 403, "code": "AccessDenied"})
    for name, size in [("small", 10), ("large", 50_000), ("bad", 20)]:
        davit.run("put", make_file(tmp_path / name, size), f"oss://{sandbox.bucket}/")

    assert [item["key"] for item in davit.json("history", "--sort", "size-")["items"]] == ["large", "bad", "small"]
    failed = davit.json("history", "state:failed")["items"]
    assert [item["key"] for item in failed] == ["bad"] and "AccessDenied" in json.dumps(failed[0])
    assert "bad" in davit.run("history", "size<100", "state:failed", check=0).stdout
    job = failed[0]["job"]
    assert [item["key"] for item in davit.json("history", job)["items"]] == ["bad"]
    assert davit.run("history", "no-such-name").returncode == 4
    wrong = davit.run("history", "state:odd")
    assert wrong.returncode == 2 and "character 7" in wrong.stderr


def test_a_receipt_says_what_the_server_said(davit, sandbox, tmp_path):
    make_file(tmp_path / "photos/a.jpg", 1000)
    make_file(tmp_path / "photos/sub/b.mov", 20 << 20)
    davit.run("put", f"{tmp_path}/photos/", f"oss://{sandbox.bucket}/2026/", check=0)
    job = davit.json("history")["items"][0]["job"]

    receipt = json.loads(davit.run("receipt", job, check=0).stdout)

    stored = sandbox.objects()
    assert receipt["bucket"] == sandbox.bucket and receipt["total"] == 2 and receipt["schema"] == 1 and receipt["job"] == job
    assert [item["key"] for item in receipt["objects"]] == ["2026/a.jpg", "2026/sub/b.mov"]
    for item in receipt["objects"]:
        assert str(stored[item["key"]]["crc64"]) == item["crc64"] and stored[item["key"]]["size"] == item["size"]
        assert item["state"] == "done" and item["etag"] and item["request_id"] and item["finished"]
        assert os.path.exists(item["name"])
    asked = {entry.get("request_id") for entry in sandbox.requests()}
    assert {item["request_id"] for item in receipt["objects"]} <= asked or asked == {None}
    assert sandbox.access_key_secret not in json.dumps(receipt)


def verified(davit, receipt, *arguments, **more):
    return davit.run("verify", receipt, *arguments, **more)


def test_verify_finds_what_was_replaced_or_is_gone_and_reads_no_file(davit, sandbox, tmp_path):
    folder = tmp_path / "data"
    for number in range(5):
        make_file(folder / f"f{number}", 1000 + number, seed=number)
    davit.run("put", f"{folder}/", f"oss://{sandbox.bucket}/v/", check=0)
    job = davit.json("history")["items"][0]["job"]
    receipt = tmp_path / "receipt.json"
    receipt.write_text(davit.run("receipt", job, check=0).stdout)
    # What lies on the disk does not matter any more.
    for file in folder.iterdir():
        file.unlink()

    assert "5 of 5" in verified(davit, receipt, check=0).stderr

    davit.run("put", make_file(tmp_path / "other", 1001, seed=99), f"oss://{sandbox.bucket}/v/f1", check=0)
    davit.run("put", make_file(tmp_path / "longer", 7), f"oss://{sandbox.bucket}/v/f2", check=0)
    some = verified(davit, receipt, "--plain")

    assert some.returncode == 3
    found = {(line.split("\t")[0], line.split("\t")[1]) for line in lines(some.stdout)}
    assert found == {("crc64", "v/f1"), ("etag", "v/f1"), ("size", "v/f2"), ("crc64", "v/f2"), ("etag", "v/f2")}
    answer = json.loads(verified(davit, receipt, "--json").stdout)
    assert (answer["total"], answer["matched"], answer["truncated"]) == (5, 3, False) and len(answer["items"]) == 5


def test_verify_of_a_job_that_was_stored_in_part_is_no_success(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "key": "bad*", "effect": "status", "status": 403, "code": "AccessDenied"})
    for name in ["good", "bad1", "bad2"]:
        make_file(tmp_path / "d" / name, 10)
    davit.run("put", f"{tmp_path}/d/", f"oss://{sandbox.bucket}/", check=3)
    job = davit.json("history")["items"][0]["job"]
    receipt = tmp_path / "receipt.json"
    receipt.write_text(davit.run("receipt", job, check=0).stdout)

    some = verified(davit, receipt)
    assert some.returncode == 3 and "1 of 1" in some.stderr and "2 uploads were not stored" in some.stderr

    parsed = json.loads(receipt.read_text())
    parsed["objects"] = [item for item in parsed["objects"] if item["state"] != "done"]
    receipt.write_text(json.dumps(parsed))
    assert verified(davit, receipt).returncode == 1


def test_verify_says_missing_and_exits_one_when_nothing_matches(davit, sandbox, tmp_path):
    davit.run("put", make_file(tmp_path / "f", 10), f"oss://{sandbox.bucket}/f", check=0)
    job = davit.json("history")["items"][0]["job"]
    receipt = json.loads(davit.run("receipt", job, check=0).stdout)
    receipt["objects"][0]["key"] = "elsewhere"
    path = tmp_path / "receipt.json"
    # As another tool would write it, with its keys sorted and spread over lines.
    path.write_text(json.dumps(receipt, indent=2, sort_keys=True))

    done = verified(davit, path)

    assert done.returncode == 1 and "missing  elsewhere" in done.stdout and "0 of 1" in done.stderr


def test_a_receipt_may_come_from_standard_input(davit, sandbox, tmp_path):
    import subprocess
    davit.run("put", make_file(tmp_path / "f", 10), f"oss://{sandbox.bucket}/f", check=0)
    job = davit.json("history")["items"][0]["job"]
    text = davit.run("receipt", job, check=0).stdout

    done = subprocess.run(davit.command("verify", "-"), input=text, env=davit.environment, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0 and "1 of 1" in done.stderr


def test_what_is_no_receipt_is_named(davit, sandbox, tmp_path):
    for text, word in [("", "ends before its end"), ("[]", "no JSON"), ('{"a":1}', "no receipt")]:
        path = tmp_path / "r.json"
        path.write_text(text)
        done = verified(davit, path)
        assert done.returncode == 2 and "r.json" in done.stderr and word in done.stderr, done.stderr
    assert verified(davit, tmp_path / "not-there").returncode == 2
    assert verified(davit, tmp_path).returncode == 2
    assert davit.run("receipt", "j-99").returncode == 4


def test_verify_uses_the_credentials_of_the_receipts_remote(broker, sandbox, tmp_path):
    broker.run("put", make_file(tmp_path / "f", 10), "ingest:f", check=0)
    job = broker.json("history")["items"][0]["job"]
    receipt = tmp_path / "receipt.json"
    receipt.write_text(broker.run("receipt", job, check=0).stdout)

    assert json.loads(receipt.read_text())["remote"] == "ingest"
    assert verified(broker, receipt).returncode == 0


def test_a_receipt_of_failed_uploads_says_why_and_verify_does_not_ask_for_them(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "key": "x/bad", "effect": "status", "status": 403, "code": "AccessDenied"})
    for name in ["good", "bad"]:
        make_file(tmp_path / "x" / name, 10)
    davit.run("put", f"{tmp_path}/x", f"oss://{sandbox.bucket}/", check=3)
    job = davit.json("history")["items"][0]["job"]
    path = tmp_path / "r.json"
    path.write_text(davit.run("receipt", job, check=0).stdout)

    objects = {item["key"]: item for item in json.loads(path.read_text())["objects"]}
    assert objects["x/bad"]["state"] == "failed" and objects["x/bad"]["reason"] and objects["x/bad"]["etag"] is None
    done = verified(davit, path)
    assert done.returncode == 3 and "1 of 1" in done.stderr and "1 uploads were not stored" in done.stderr


def test_a_plan_says_what_would_happen_and_sends_nothing(davit, sandbox, tmp_path):
    folder = tmp_path / "data"
    make_file(folder / "a", 1000)
    make_file(folder / "b", 20 << 20)
    make_file(folder / "skip.tmp", 5)
    davit.run("put", make_file(tmp_path / "there", 5), f"oss://{sandbox.bucket}/p/a", check=0)
    sandbox.control("DELETE", "/_sandbox/requests")

    plan = json.loads(
        davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/p/", "--exclude", "*.tmp", "--plan", "--json", check=0).stdout)

    assert (plan["files"], plan["bytes"], plan["filtered"]) == (2, (20 << 20) + 1000, 1)
    assert plan["requests"]["put"] == 1 and plan["requests"]["initiate"] == 1 and plan["requests"]["part"] >= 2
    assert plan["existing"]["objects"] == 1 and plan["existing"]["keys"] == ["p/a"]
    assert all(check["ok"] for check in plan["checks"] if check["check"] in ("endpoint", "credentials", "put"))
    assert not [entry for entry in sandbox.requests() if entry["operation"] in ("PutObject", "UploadPart")]
    assert sandbox.uploads() == [] and davit.uploads("state:queued,uploading") == []
    text = davit.run("put", f"{folder}/", f"oss://{sandbox.bucket}/p/", "--plan", check=0)
    assert "3, " in text.stdout and "overwritten" in text.stdout


def test_a_plan_names_collisions_and_bad_names_and_exits_three(davit, sandbox, tmp_path):
    paths = [make_file(tmp_path / folder / "same", 10) for folder in ["x", "y"]]

    done = davit.run("add", *paths, tmp_path / "missing", f"oss://{sandbox.bucket}/", "--plan")

    assert done.returncode == 3
    assert "collision" in done.stderr and "missing" in done.stderr


def test_a_plan_without_the_right_to_write_exits_one(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "f", 10)

    refused = Davit(tmp_path / "other", {**sandbox.environment, "OSS_ACCESS_KEY_SECRET": "wrong"})
    done = refused.run("add", file, f"oss://{sandbox.bucket}/", "--plan")
    refused.stop()

    assert done.returncode in (1, 6) and "FAILED" in done.stdout

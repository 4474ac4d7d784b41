"""What is at the destination already, and what that costs in requests; and what an object's bytes are said to be."""
import pytest

from conftest import make_file


def folder(tmp_path, count):
    for number in range(count):
        make_file(tmp_path / "files" / f"{number:04}.txt", 100, seed=number)
    return f"{tmp_path / 'files'}/"


@pytest.mark.parametrize("rule", ["skip", "newer", "rename"])
def test_new_files_cost_one_request_each_and_one_listing_per_thousand(davit, sandbox, tmp_path, rule):
    source = folder(tmp_path, 1500)

    davit.run("put", source, f"oss://{sandbox.bucket}/new/", "--existing", rule, check=0)

    counted = {}
    for request in sandbox.requests():
        counted[request["operation"]] = counted.get(request["operation"], 0) + 1
    assert counted.pop("PutObject") == 1500
    assert sum(counted.values()) <= 2, counted


def test_a_second_run_sends_nothing_and_a_third_only_what_changed(davit, sandbox, tmp_path):
    source = folder(tmp_path, 200)
    order = ["put", source, f"oss://{sandbox.bucket}/again/", "--existing", "skip"]
    davit.run(*order, check=0)

    davit.run(*order, check=0)
    assert len(sandbox.requests("PutObject")) == 200 and len(sandbox.requests("HeadObject")) == 200
    make_file(tmp_path / "files" / "0007.txt", 100, seed=9999)
    make_file(tmp_path / "files" / "0008.txt", 101, seed=8)
    davit.run(*order, check=0)

    assert [item["key"] for item in sandbox.requests("PutObject")[200:]] in (
        ["again/0007.txt", "again/0008.txt"], ["again/0008.txt", "again/0007.txt"])
    assert len(davit.uploads("state:skipped")) == 200 + 198


def test_the_name_tells_the_content_type_unless_the_order_does(davit, sandbox, tmp_path):
    import oss2
    names = {"a.mov": "video/quicktime", "b.HTML": "text/html", "c.parquet": "application/vnd.apache.parquet", "d": "application/octet-stream"}
    for name in names:
        make_file(tmp_path / "files" / name, 10)
    make_file(tmp_path / "large.mp4", 20 << 20)

    davit.run("put", f"{tmp_path / 'files'}/", f"oss://{sandbox.bucket}/types/", check=0)
    davit.run("put", tmp_path / "large.mp4", f"oss://{sandbox.bucket}/types/", check=0)
    davit.run("put", tmp_path / "files/a.mov", f"oss://{sandbox.bucket}/types/own.mov", "--content-type", "video/x-own", check=0)

    bucket = oss2.Bucket(oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret), sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region)
    said = {name: bucket.head_object(f"types/{name}").headers["Content-Type"] for name in [*names, "large.mp4", "own.mov"]}
    assert said == {**names, "large.mp4": "video/mp4", "own.mov": "video/x-own"}

"""`davit put` stores identical bytes, whatever the size and the name."""
import unicodedata

import pytest

from conftest import digest, make_file

SIZES = [0, 1, 100 * 1024, 5 << 20, 300 << 20]
NAMES = [
    "a name with spaces.txt", "plus+and%percent.bin", "percent%20encoded", "emoji-😀👨‍👩‍👧.jpg", unicodedata.normalize("NFD", "Übergröße.txt"),
    ".leading-dot", "k" * 255, "quotes'\"&<>.xml", "2024年度財務報告.xlsx", "-rf", "~", "#hash?question",
]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_arrives_as_it_is(davit, sandbox, tmp_path, size):
    file = make_file(tmp_path / "files/data.bin", size, seed=size)

    davit.run("put", file, f"oss://{sandbox.bucket}/sizes/data.bin", check=0)

    stored = sandbox.objects()["sizes/data.bin"]
    assert (stored["size"], stored["sha256"]) == (size, digest(file))
    assert sandbox.uploads() == []


def test_names_arrive_byte_for_byte(davit, sandbox, tmp_path):
    folder = tmp_path / "files"
    for number, name in enumerate(NAMES):
        make_file(folder / name, 2000 + number, seed=number)

    davit.run("put", f"{folder}/", f"oss://{sandbox.bucket}/names/", check=0)

    objects = {key.encode(): item["sha256"] for key, item in sandbox.objects().items()}
    assert objects == {b"names/" + name.encode(): digest(folder / name) for name in NAMES}


def test_a_key_of_1023_bytes_is_stored_and_one_of_1024_is_refused(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "data.bin", 100)
    longest = "/".join(["k" * 127] * 8)[:1023]

    davit.run("put", file, f"oss://{sandbox.bucket}/{longest}", check=0)
    refused = davit.run("put", file, f"oss://{sandbox.bucket}/{longest}x")

    assert list(sandbox.objects()) == [longest]
    assert refused.returncode in (1, 2) and "1023" in refused.stderr.replace(",", "")


def test_a_folder_keeps_its_paths_by_rsyncs_rule(davit, sandbox, tmp_path):
    make_file(tmp_path / "photos/a/b.jpg", 10)

    davit.run("put", f"{tmp_path}/photos", f"oss://{sandbox.bucket}/2026/", check=0)
    davit.run("put", f"{tmp_path}/photos/", f"oss://{sandbox.bucket}/2025/", check=0)

    assert set(sandbox.objects()) == {"2026/photos/a/b.jpg", "2025/a/b.jpg"}


def test_the_same_order_twice_is_queued_once(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "data.bin", 1000)
    order = ["add", file, f"oss://{sandbox.bucket}/once", "--submission-id", "order-1"]

    jobs = [davit.json(*order)["job"] for _ in range(2)]
    davit.run("wait", f"job:{jobs[0]}", check=0)

    assert jobs[0] == jobs[1]
    assert len(sandbox.requests("PutObject")) == 1


def test_metadata_and_storage_class_are_on_the_object(davit, sandbox, tmp_path):
    import oss2
    file = make_file(tmp_path / "data.bin", 1000)

    davit.run(
        "put", file, f"oss://{sandbox.bucket}/meta", "--meta", "camera=7", "--storage-class", "IA", "--content-type", "video/mp4", check=0)

    auth = oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret)
    head = oss2.Bucket(auth, sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region).head_object("meta")
    assert head.headers["x-oss-meta-camera"] == "7"
    assert head.headers["x-oss-storage-class"] == "IA"
    assert head.headers["Content-Type"] == "video/mp4"


def test_the_official_sdks_read_what_davit_uploaded(davit, sandbox, big_file, tmp_path):
    import alibabacloud_oss_v2 as oss
    import oss2
    davit.run("put", big_file, f"oss://{sandbox.bucket}/big 文档.mov", check=0)

    auth = oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret)
    bucket = oss2.Bucket(auth, sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region)
    bucket.get_object_to_file("big 文档.mov", str(tmp_path / "by-oss2"))
    configuration = oss.config.load_default()
    configuration.credentials_provider = oss.credentials.StaticCredentialsProvider(sandbox.access_key_id, sandbox.access_key_secret)
    configuration.region, configuration.endpoint = sandbox.region, sandbox.oss_endpoint
    result = oss.Client(configuration).get_object(oss.GetObjectRequest(bucket=sandbox.bucket, key="big 文档.mov"))
    with open(tmp_path / "by-v2", "wb") as file:
        for block in result.body.iter_bytes(block_size=1 << 20):
            file.write(block)

    assert digest(tmp_path / "by-oss2") == digest(tmp_path / "by-v2") == digest(big_file)

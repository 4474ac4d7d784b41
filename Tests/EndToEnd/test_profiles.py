"""Profiles of the official tools: what an operator already has for ossutil or aliyun is all that davit needs."""
import http.server
import json
import stat
import sys
import threading

import pytest
from alibabacloud_credentials.provider.cli_profile import CLIProfileCredentialsProvider
from alibabacloud_credentials.provider.profile import ProfileCredentialsProvider

from conftest import Davit, digest, make_file
from test_sandbox_sdks import assume_role


@pytest.fixture
def owner(tmp_path):
    """davit of somebody with a home and not one variable of OSS."""
    home = tmp_path / "owner"
    home.mkdir()
    davit = Davit(tmp_path / "davit", {"HOME": str(home)})
    davit.owner = home
    assert not [name for name in davit.environment if name.startswith(("OSS", "ALIBABA"))]
    yield davit
    davit.stop()


def write(path, text, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    path.chmod(mode)
    return path


def aliyun(*profiles, current=None):
    return json.dumps({"current": current or profiles[0]["name"], "profiles": profiles, "meta_path": ""}, indent="\t")


def remote(davit, sandbox, file, *names, place=True):
    """A remote for each profile of a file, called as it; `it:` for the default one. Without a place the profile has to say it."""
    where = f'region = "{sandbox.region}"\nendpoint = "{sandbox.oss_endpoint}"' if place else ""
    davit.configure("".join(f"""
[remote.{name or "it"}]
bucket = "{sandbox.bucket}"
{where}
[remote.{name or "it"}.credentials]
kind = "profile"
file = "{file}"
{f'name = "{name}"' if name else ""}
""" for name in names or [None]))


def used(sandbox):
    """The keys that OSS was asked with."""
    return {item["access_key_id"] for item in sandbox.requests() if item["key"]}


def script(folder, answer):
    """A program that prints credentials when it is called as it should be, blanks and all."""
    check = "assert sys.argv[1:] == ['one two', '$HOME', '']"
    path = write(folder / "my tools" / "get key", f"#!{sys.executable}\nimport sys\n{check}\nprint({json.dumps(answer)!r})\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def ossutil_profiles(sandbox, folder):
    """The text of an `.ossutilconfig` for each mode that the sandbox can serve."""
    key = f"accessKeyID = {sandbox.access_key_id}\naccessKeySecret = {sandbox.access_key_secret}\n"
    place = f"region = {sandbox.region}\nendpoint = {sandbox.oss_endpoint}\n"
    token = assume_role(sandbox)
    program = script(folder, {"AccessKeyId": sandbox.access_key_id, "AccessKeySecret": sandbox.access_key_secret})
    role = f"mode = RamRoleArn\nrole-arn = {sandbox.role_arn}\nsts-endpoint = {sandbox.sts_endpoint}\n"
    return {
        "version 2": f"[default]\n{key}{place}",
        "version 2 as other hands write it":
            f"\ufeff# mine\r\n[DEFAULT]\r\naccess-key-id: \"{sandbox.access_key_id}\"\r\n"
            f"\taccess_key_secret='{sandbox.access_key_secret}'\r\n; nothing\r\nregion={sandbox.region}\r\n"
            f"endpoint={sandbox.oss_endpoint}\r\n",
        "version 1 and a region": f"[Credentials]\nlanguage=EN\nendpoint={sandbox.oss_endpoint}\n{key}[default]\nregion={sandbox.region}\n",
        "the old signature": f"[default]\n{key}{place}sign-version = v1\n",
        "a source profile": f"[default]\nsource-profile=cred\n{place}[profile cred]\n{key}",
        "a token":
            f"[default]\nmode=StsToken\naccess-key-id={token['AccessKeyId']}\naccess-key-secret={token['AccessKeySecret']}\n"
            f"sts-token={token['SecurityToken']}\n{place}",
        "a role": f"[default]\n{role}{key}{place}",
        "a role on another profile":
            f"[default]\n{role}source-profile=cred\n{place}"
            f"[profile cred]\nmode=Process\ncredential-process=\"{program}\" 'one two' $HOME ''\n",
        "a program": f"[default]\nmode=Process\ncredential-process=\"{program}\" 'one two' $HOME \"\"\n{place}",
    }


@pytest.mark.parametrize("name", [
    "version 2", "version 2 as other hands write it", "version 1 and a region", "the old signature", "a source profile", "a token",
    "a role", "a role on another profile", "a program"])
def test_with_nothing_but_a_home_an_upload_arrives(owner, sandbox, tmp_path, name):
    text = ossutil_profiles(sandbox, tmp_path)[name]
    write(owner.owner / ".ossutilconfig", text)
    file = make_file(tmp_path / "x.bin", 300_000)

    owner.run("put", file, f"oss://{sandbox.bucket}/x.bin", check=0)

    assert sandbox.objects()["x.bin"]["sha256"] == digest(file)
    # What the profile holds stays in the profile.
    for path in owner.home.rglob("*"):
        assert not path.is_file() or sandbox.access_key_secret.encode() not in path.read_bytes(), path


def test_a_profile_elsewhere_is_named_by_the_variables_of_its_tool(owner, sandbox, tmp_path):
    text = ossutil_profiles(sandbox, tmp_path)["version 2"]
    write(owner.owner / ".ossutilconfig", "[default]\nmode=Anonymous\n")
    file = write(tmp_path / "elsewhere", text.replace("[default]", "[profile lab]"))
    owner.environment |= {"OSSUTIL_CONFIG_FILE": str(file), "OSSUTIL_PROFILE": "lab"}

    owner.run("put", make_file(tmp_path / "x.bin", 1000), f"oss://{sandbox.bucket}/x.bin", check=0)

    assert "x.bin" in sandbox.objects()


def test_a_server_of_credentials_serves_a_profile(owner, sandbox, tmp_path):
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            token = assume_role(sandbox)
            body = json.dumps({"Code": "Success", **token}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/keys"
    remote(owner, sandbox, write(tmp_path / "config.json", aliyun({"name": "p", "mode": "CredentialsURI", "credentials_uri": url})))

    owner.run("put", make_file(tmp_path / "x.bin", 1000), "it:x.bin", check=0)

    server.shutdown()
    server.server_close()
    assert "x.bin" in sandbox.objects()


def test_region_and_endpoint_of_a_remote_come_from_its_profile(owner, sandbox, tmp_path):
    file = write(tmp_path / "mine", ossutil_profiles(sandbox, tmp_path)["version 2"].replace("[default]", "[profile Lab]"))
    remote(owner, sandbox, file, "lab", place=False)

    owner.run("put", make_file(tmp_path / "x.bin", 1000), "lab:x.bin", check=0)

    assert "x.bin" in sandbox.objects()


def test_roles_are_assumed_on_top_of_profiles_of_aliyun(owner, sandbox, tmp_path):
    key = {"access_key_id": sandbox.access_key_id, "access_key_secret": sandbox.access_key_secret}
    role = {"ram_role_arn": sandbox.role_arn, "sts_endpoint": sandbox.sts_endpoint, "ram_session_name": "camera-7"}
    text = aliyun(
        {"name": "base", "mode": "AK", **key}, {"name": "direct", "mode": "RamRoleArn", **key, **role, "expired_seconds": 900},
        {"name": "chained", "mode": "ChainableRamRoleArn", "source_profile": "base", **role}, current="base")
    file = write(tmp_path / "config.json", text)

    remote(owner, sandbox, file, "base", "direct", "chained")

    for name in ["base", "direct", "chained"]:
        owner.run("put", make_file(tmp_path / f"{name}.bin", 1000), f"{name}:{name}.bin", check=0)

    assert set(sandbox.objects()) == {"base.bin", "direct.bin", "chained.bin"}
    keys = {item["key"]: item["access_key_id"] for item in sandbox.requests() if item["key"]}
    assert keys["base.bin"] == sandbox.access_key_id
    assert keys["direct.bin"].startswith("STS.") and keys["chained.bin"].startswith("STS.") and keys["direct.bin"] != keys["chained.bin"]


@pytest.mark.parametrize("file, mode, says", [
    (".ossutilconfig", 0o644, "chmod 600"), (".aliyun/config.json", 0o640, "chmod 600"), (".alibabacloud/credentials", 0o604, "chmod 600"),
    (".ossutilconfig", 0o600, ".ossutilconfig:3: the line has no"),
])
def test_a_profile_that_cannot_be_used_says_why(owner, sandbox, tmp_path, file, mode, says):
    texts = {
        ".ossutilconfig": ossutil_profiles(sandbox, tmp_path)["version 2"],
        ".aliyun/config.json": aliyun({"name": "p", "mode": "AK", "access_key_id": "a", "access_key_secret": sandbox.access_key_secret}),
        ".alibabacloud/credentials": f"[default]\ntype=access_key\naccess_key_id=a\naccess_key_secret={sandbox.access_key_secret}\n",
    }
    text = texts[file] if mode != 0o600 else f"[default]\naccessKeyID = a\n{sandbox.access_key_secret}\n"
    write(owner.owner / file, text, mode)

    done = owner.run("put", make_file(tmp_path / "x.bin", 1000), f"oss://{sandbox.bucket}/x.bin", check=6)

    assert says in done.stderr and str(owner.owner / file) in done.stderr
    assert sandbox.access_key_secret not in done.stdout + done.stderr


def test_without_a_profile_it_is_said_what_there_could_be(owner, sandbox, tmp_path):
    done = owner.run("put", make_file(tmp_path / "x.bin", 1000), f"oss://{sandbox.bucket}/x.bin", check=6)

    assert "OSS_ACCESS_KEY_ID" in done.stderr and "ossutil" in done.stderr


def test_a_profile_that_was_put_right_counts_without_a_restart(owner, sandbox, tmp_path):
    right = ossutil_profiles(sandbox, tmp_path)["version 2"]
    profile = write(tmp_path / "profile", right.replace(sandbox.access_key_id, "LTAIofBefore"))
    remote(owner, sandbox, profile)
    file = make_file(tmp_path / "x.bin", 1000)
    owner.run("put", file, "it:first.bin", check=1)
    pid = owner.pid()

    write(profile, right)
    owner.run("auth", "renew", "it", check=0)
    owner.run("put", file, "it:second.bin", check=0)

    assert "second.bin" in sandbox.objects() and owner.pid() == pid


# The same file gives the same key to the official credential package and to davit.

def json_files(sandbox, folder):
    key = {"access_key_id": sandbox.access_key_id, "access_key_secret": sandbox.access_key_secret}
    token = assume_role(sandbox)
    temporary = {"access_key_id": token["AccessKeyId"], "access_key_secret": token["AccessKeySecret"], "sts_token": token["SecurityToken"]}
    other = {"name": "other", "mode": "AK", "access_key_id": "no", "access_key_secret": "no"}
    wire = {"mode": "StsToken", **temporary, "expiration": token["Expiration"]}
    command = f"\"{script(folder, wire)}\" 'one two' \\$HOME \"\""
    return {
        "a key": (aliyun(other, {"name": "p", "mode": "AK", **key}, current="p"), None),
        "a key by its name": (aliyun(other, {"name": "p", "mode": "AK", **key}), "p"),
        "the first of a name": (aliyun({"name": "p", "mode": "AK", **key}, {**other, "name": "p"}), "p"),
        "a token of before": (aliyun({"name": "p", "mode": "AK", **key, "sts_token": "stale", "region_id": "x"}), None),
        "a token": (aliyun({"name": "p", "mode": "StsToken", **temporary}), None),
        "a program": (aliyun({"name": "p", "mode": "External", "process_command": command}), None),
    }


@pytest.mark.parametrize("case", ["a key", "a key by its name", "the first of a name", "a token of before", "a token", "a program"])
def test_a_config_json_means_the_same_to_the_official_package(owner, sandbox, tmp_path, case):
    text, name = json_files(sandbox, tmp_path)[case]
    file = write(tmp_path / "config.json", text)
    remote(owner, sandbox, file, *([name] if name else []))

    owner.run("put", make_file(tmp_path / "x.bin", 1000), f"{name or 'it'}:x.bin", check=0)
    official = CLIProfileCredentialsProvider(profile_name=name, profile_file=str(file)).get_credentials()

    assert "x.bin" in sandbox.objects()
    assert used(sandbox) == {official.get_access_key_id()}


@pytest.mark.parametrize("text, name", [
    ("[default]\ntype = access_key\naccess_key_id = {id}\naccess_key_secret = {secret}\n", "default"),
    ("[default]\nenable = true\ntype: access_key\naccess_key_id: {id}\naccess_key_secret: {secret}\n", "default"),
    ("; mine\n[default]\ntype = access_key # long\n# none\naccess_key_id = {id} # of camera\naccess_key_secret = {secret}#\n", "default"),
    ("[default]\ntype = ecs_ram_role\n[Prod]\nTYPE=access_key\nACCESS_KEY_ID={id}\naccess_key_secret={secret}\nunknown = x\n", "Prod"),
    ("[default]\r\ntype = access_key\r\naccess_key_id = {id}\r\naccess_key_secret = {secret}\r\n", "default"),
])
def test_a_credentials_file_means_the_same_to_the_official_package(owner, sandbox, tmp_path, text, name):
    file = write(tmp_path / "credentials", text.format(id=sandbox.access_key_id, secret=sandbox.access_key_secret))
    remote(owner, sandbox, file, *([name] if name else []))

    owner.run("put", make_file(tmp_path / "x.bin", 1000), f"{name or 'it'}:x.bin", check=0)
    official = ProfileCredentialsProvider(profile_file=str(file), profile_name=name).get_credentials()

    assert "x.bin" in sandbox.objects()
    assert official.get_access_key_secret() == sandbox.access_key_secret
    assert used(sandbox) == {official.get_access_key_id()}

"""Every kind of credentials: with each a file arrives; what is set wrong is one line that says what to do."""
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time

import oss2
import pytest
from alibabacloud_credentials.client import Client
from alibabacloud_credentials.models import Config

from conftest import PROGRAMS, Authorization, Davit, digest, first_line, make_file, start_sandbox, stop, until
from test_sandbox_sdks import assume_role, bucket

SECOND = "second-role"

# A credential program as an operator writes one: it signs an AssumeRole itself and prints what the aliyun command line reads.
PROGRAM = """#!{python}
import base64, hashlib, hmac, json, os, sys, time, urllib.parse, urllib.request
assert sys.argv[1:] == ["--for", "two words"] and sys.stdin.read() == ""
enc = lambda text: urllib.parse.quote(text, safe="~")
form = {{
    "Action": "AssumeRole", "Version": "2015-04-01", "Format": "JSON", "AccessKeyId": os.environ["STS_KEY"], "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0", "SignatureNonce": os.urandom(12).hex(), "RoleArn": os.environ["STS_ROLE"], "RoleSessionName": "program",
    "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
}}
text = "POST&%2F&" + enc("&".join(enc(name) + "=" + enc(form[name]) for name in sorted(form)))
form["Signature"] = base64.b64encode(hmac.new((os.environ["STS_SECRET"] + "&").encode(), text.encode(), hashlib.sha1).digest()).decode()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
answer = json.load(opener.open(os.environ["STS_URL"], urllib.parse.urlencode(form).encode(), timeout=10))["Credentials"]
open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "runs"), "a").write("run\\n")
print("fetched", answer["AccessKeyId"], file=sys.stderr)
print(json.dumps({{
    "mode": "StsToken", "access_key_id": answer["AccessKeyId"], "access_key_secret": answer["AccessKeySecret"],
    "sts_token": answer["SecurityToken"], "expiration": answer["Expiration"]}}))
"""


class World:
    """A sandbox with a second role, and a davit without any key of its own whose remote is `it:`."""

    def __init__(self, folder):
        self.folder = folder
        self.sandbox = start_sandbox(folder / "oss", "--role", SECOND)
        self.davit = Davit(folder / "home")
        self.servers = []

    def close(self):
        self.davit.stop()
        for server in self.servers:
            server.shutdown()
            server.server_close()
        stop(self.sandbox.process)

    def file(self, name, text, mode=0o600):
        path = self.davit.home / name
        path.write_text(text)
        path.chmod(mode)
        return name

    def configure(self, credentials, prefix=""):
        self.davit.configure(f"""
[remote.it]
bucket = "{self.sandbox.bucket}"
region = "{self.sandbox.region}"
endpoint = "{self.sandbox.oss_endpoint}"
prefix = "{prefix}"
[remote.it.credentials]
{credentials}
""")

    def upload(self, name="data.bin", prefix="", seed=7):
        """Puts a file and looks at what arrived; the key that it was signed with."""
        file = make_file(self.folder / "files" / name, 70_000, seed=seed)
        self.davit.run("put", file, f"it:{name}", check=0, seconds=60)
        assert self.sandbox.objects()[prefix + name]["sha256"] == digest(file)
        return self.sandbox.requests("PutObject")[-1].get("access_key_id")

    def refused(self, put=False):
        """The one line that says why there are no credentials: of `auth test`, or of `put`, which waits a little before it gives up."""
        file = make_file(self.folder / "files" / "never.bin", 1000)
        done = self.davit.run(*(("put", file, "it:never.bin") if put else ("auth", "test", "it")), seconds=60)
        assert done.returncode == 6, (done.returncode, done.stdout, done.stderr)
        said = done.stderr if put else done.stdout
        lines = [line for line in said.splitlines() if line.startswith("davit: error: " if put else "FAILED")]
        assert len(lines) == 1 and "Fatal" not in said and not re.search(r"\.[.,]", lines[0]), said
        assert self.sandbox.access_key_secret not in said and "CAIS" not in said, said
        assert self.sandbox.objects() == {}
        return lines[0]

    # What the tables of the configuration say.

    def static(self, secret=None, mode=0o600):
        self.file("ak.secret", (self.sandbox.access_key_secret if secret is None else secret) + "\n", mode)
        return f'kind = "static"\naccess-key-id = "{self.sandbox.access_key_id}"\naccess-key-secret-file = "ak.secret"'

    def process(self, program=None):
        name = self.file("credentials.py", program or PROGRAM.format(python=sys.executable), 0o700)
        self.davit.environment.update(
            STS_KEY=self.sandbox.access_key_id, STS_SECRET=self.sandbox.access_key_secret, STS_URL=self.sandbox.sts_endpoint,
            STS_ROLE=self.sandbox.role_arn)
        return f'kind = "process"\ncommand = ["./{name}", "--for", "two words"]'

    def ecs(self, **keys):
        keys = {"metadata-url": self.sandbox.sts_endpoint, **keys}
        return 'kind = "ecs-role"\n' + "\n".join(f'{name} = "{value}"' for name, value in keys.items())

    def oidc(self, token=None, role=None, provider=None):
        made = self.sandbox.control("POST", "/_sandbox/oidc/tokens", {"subject": "system:serviceaccount:media:ingest"})
        self.file("id.token", (made["token"] if token is None else token) + "\n", 0o644)
        return (f'kind = "oidc"\nrole-arn = "{role or self.sandbox.role_arn}"\nprovider-arn = "{provider or made["provider_arn"]}"\n'
                f'id-token-file = "id.token"\nsts-endpoint = "{self.sandbox.sts_endpoint}"')

    def role(self, source, arn=None, table="remote.it.credentials", **keys):
        lines = "\n".join(f'{name} = "{value}"' for name, value in keys.items())
        return (f'kind = "assume-role"\nrole-arn = "{arn or self.sandbox.role_arn}"\nsts-endpoint = "{self.sandbox.sts_endpoint}"\n{lines}\n'
                f"[{table}.source]\n{source}")

    @property
    def second(self):
        return self.sandbox.role_arn.rsplit("/", 1)[0] + "/" + SECOND

    def uri(self, answer=None, port=0):
        """A server of credentials with real ones; `answer` takes their place."""
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = answer or (200, {**assume_role(world.sandbox), "Code": "Success"})
                if self.path != "/v1/credentials/the-token-of-camera-7":
                    status, body = 404, {"Code": "NoRoute", "Message": f"nothing at {self.path}"}
                text = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        return f'kind = "uri"\nurl = "http://127.0.0.1:{server.server_port}/v1/credentials/the-token-of-camera-7"'

    def auth(self):
        return next(lease for lease in self.davit.json("auth", "status")["leases"] if lease["scope"] == "it")


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def authd(world):
    """davit-authd with a client that may come with its token in the path."""
    folder = world.folder / "authd"
    folder.mkdir()
    token = json.loads(subprocess.check_output([PROGRAMS / "davit-authd", "token", "new", "camera-7", "--json"], text=True))
    secret = folder / "ak.secret"
    secret.write_text(world.sandbox.access_key_secret)
    secret.chmod(0o600)
    (folder / "authd.toml").write_text(f"""
listen = "127.0.0.1:0"
audit-log = "audit.jsonl"
[sts]
endpoint = "{world.sandbox.sts_endpoint}"
region = "{world.sandbox.region}"
role-arn = "{world.sandbox.role_arn}"
[sts.credentials]
kind = "static"
access-key-id = "{world.sandbox.access_key_id}"
access-key-secret-file = "ak.secret"
[[client]]
name = "camera-7"
token-hash = "{token['token-hash']}"
uri = true
[[client.grant]]
bucket = "{world.sandbox.bucket}"
region = "{world.sandbox.region}"
endpoint = "{world.sandbox.oss_endpoint}"
prefix = "uploads/{{client}}/"
verbs = ["upload", "get", "list"]
duration = "1h"
""")
    process = subprocess.Popen(
        [PROGRAMS / "davit-authd", "--config", folder / "authd.toml", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield Authorization(process, first_line(process)["url"].rstrip("/"), token["token"], folder)
    stop(process)


# With each of them a file arrives.


def test_a_static_key_signs(world):
    world.configure(world.static())

    assert world.upload() == world.sandbox.access_key_id
    lease = world.auth()
    assert lease["kind"] == "static" and lease["expires"] is None


def test_a_static_key_may_be_temporary(world):
    made = assume_role(world.sandbox)
    world.file("sts.secret", made["AccessKeySecret"])
    world.file("sts.token", made["SecurityToken"])
    world.configure(f'kind = "static"\naccess-key-id = "{made["AccessKeyId"]}"\n'
                    'access-key-secret-file = "sts.secret"\nsecurity-token-file = "sts.token"')

    assert world.upload() == made["AccessKeyId"]


@pytest.mark.parametrize("names", [
    ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"),
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
])
def test_the_environment_means_what_it_means_to_the_official_clients(world, names):
    made = assume_role(world.sandbox)
    values = (made["AccessKeyId"], made["AccessKeySecret"], made["SecurityToken"])
    world.davit.environment.update(zip(names, values))
    world.configure('kind = "env"')

    assert world.upload() == made["AccessKeyId"]

    if names[0].startswith("ALIBABA"):
        script = ("from alibabacloud_credentials.provider.env import EnvironmentVariableCredentialsProvider as P; c = P().get_credentials();"
                  "print(c.get_access_key_id(), c.get_access_key_secret(), c.get_security_token())")
        said = subprocess.check_output([sys.executable, "-c", script], text=True, env={**os.environ, **dict(zip(names, values))})
        assert said.split() == list(values)


def test_a_credentials_uri_of_the_authorization_server_serves(world, authd):
    world.configure(f'kind = "uri"\nurl = "{authd.url}/v1/credentials/{authd.token}"', prefix="uploads/camera-7/")

    assert world.upload(prefix="uploads/camera-7/").startswith("STS.")
    lease = world.auth()
    assert lease["kind"] == "uri" and 600 < lease["left"] <= 3600
    for path in (world.davit.home / "state").rglob("*.log"):
        assert authd.token not in path.read_text()


def test_a_program_gives_credentials_without_a_shell(world):
    world.configure(world.process())

    key = world.upload()

    assert key.startswith("STS.") and world.auth()["kind"] == "process"
    world.upload("another.bin")
    # One run serves until they are nearly over.
    assert (world.davit.home / "runs").read_text() == "run\n"


@pytest.mark.parametrize("needs_token", [False, True])
def test_the_role_of_an_ECS_instance_signs(world, needs_token):
    world.sandbox.control("POST", "/_sandbox/settings", {"metadata_token_required": needs_token})
    world.configure(world.ecs())

    key = world.upload()

    assert key.startswith("STS.")
    seen = [item["operation"] for item in world.sandbox.requests() if item["operation"].startswith("Metadata")]
    assert seen == ["MetadataToken", "MetadataRole", "MetadataCredentials"]
    assert 6 * 3600 - 120 < world.auth()["left"] <= 6 * 3600


def test_a_token_of_an_identity_provider_assumes_a_role(world):
    world.configure(world.oidc())

    assert world.upload().startswith("STS.")
    call = world.sandbox.requests("AssumeRoleWithOIDC")
    assert len(call) == 1 and call[0].get("access_key_id") in (None, "")


def test_a_proxy_is_never_asked_for_the_instances_role(world):
    """Only OSS itself is exempt from the proxy here; nothing listens where the proxy should be."""
    world.davit.environment.update(http_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1")
    world.configure(world.ecs(**{"metadata-url": world.sandbox.sts_endpoint.replace("127.0.0.1", "localhost")}))

    assert world.upload().startswith("STS.")


@pytest.mark.parametrize("source", ["static", "uri", "process", "ecs", "oidc"])
def test_a_role_is_assumed_with_any_source(world, source):
    world.configure(world.role(getattr(world, source)(), arn=world.second, **{"session-name": "camera-7", "duration": "15m"}))

    key = world.upload()

    assert key.startswith("STS.")
    assert 700 < world.auth()["left"] <= 900


def test_roles_are_assumed_on_top_of_each_other(world):
    world.configure(world.role(world.role(world.static(), table="remote.it.credentials.source"), arn=world.second))

    world.upload()

    first, second = world.sandbox.requests("AssumeRole")
    assert first["access_key_id"] == world.sandbox.access_key_id and second["access_key_id"].startswith("STS.")


def test_a_session_policy_is_sent_and_holds(world):
    world.file("policy.json", json.dumps({"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": ["oss:PutObject"], "Resource": f"acs:oss:*:*:{world.sandbox.bucket}/only/*"}]}, indent=2), 0o644)
    world.configure(world.role(world.static(), **{"policy-file": "policy.json"}))
    file = make_file(world.folder / "x.bin", 1000)

    world.davit.run("put", file, "it:only/x.bin", check=0, seconds=60)
    done = world.davit.run("put", file, "it:elsewhere/x.bin", seconds=60)

    assert done.returncode == 1 and "AccessDenied" in done.stderr, done.stderr
    assert set(world.sandbox.objects()) == {"only/x.bin"}


def test_without_a_key_a_public_bucket_takes_files_and_a_private_one_does_not(world):
    world.configure('kind = "anonymous"')
    done = world.davit.run("put", make_file(world.folder / "x.bin", 1000), "it:x.bin", seconds=60)
    assert done.returncode == 1 and "AccessDenied" in done.stderr, done.stderr

    bucket(world.sandbox).put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ_WRITE)

    assert not world.upload()


# What they gave is over before its time, or cannot be had now.


@pytest.mark.parametrize("source", ["uri", "process", "ecs", "oidc", "role"])
def test_what_OSS_no_longer_takes_is_fetched_anew(world, source):
    world.configure(world.role(world.static()) if source == "role" else getattr(world, source)())
    first = world.upload()

    world.sandbox.control("POST", "/_sandbox/tokens/expire")

    assert world.upload("second.bin") != first


def test_a_source_that_keeps_an_old_token_is_no_loop(world):
    made = {**assume_role(world.sandbox), "Code": "Success"}
    world.sandbox.control("POST", "/_sandbox/tokens/expire")
    world.configure(world.role(world.uri((200, made)), arn=world.second))

    text = world.refused()

    assert "InvalidSecurityToken.Expired" in text
    # That of the token itself, then one with it.
    assert [item["status"] for item in world.sandbox.requests("AssumeRole")] == [200, 403]


def test_a_server_that_comes_later_is_waited_for(world):
    text = world.uri()
    port = world.servers[0].server_port
    world.servers.pop().server_close()
    world.configure(text)
    file = make_file(world.folder / "x.bin", 1000)

    done = world.davit.run("put", file, "it:x.bin", "--timeout", "3s", seconds=60)

    assert done.returncode == 8, done.stderr
    assert "cannot be reached" in world.davit.run("auth", "status").stdout
    world.uri(port=port)
    until(lambda: "x.bin" in world.sandbox.objects(), 40, "the upload")


def test_a_clock_that_is_off_is_learnt_from_STS(tmp_path):
    world = World(tmp_path)
    try:
        world.sandbox.control("POST", "/_sandbox/clock", {"offset": 7200})
        world.configure(world.role(world.static()))
        world.upload()
        assert [item["status"] for item in world.sandbox.requests("AssumeRole")] == [400, 200]
    finally:
        world.close()


# What is set wrong.


def test_a_wrong_static_key_is_one_line(world):
    world.configure(world.static(mode=0o644))
    assert "chmod 600" in world.refused(put=True)
    world.davit.stop()
    world.file("ak.secret", "")
    assert "is empty" in world.refused()


@pytest.mark.parametrize("variables, says", [
    ({}, "OSS_ACCESS_KEY_ID"),
    ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI1"}, "ALIBABA_CLOUD_ACCESS_KEY_SECRET is not"),
])
def test_a_missing_environment_is_one_line(world, variables, says):
    world.davit.environment.update(variables)
    world.configure('kind = "env"')

    assert says in world.refused(put=True)


@pytest.mark.parametrize("answer, path, says", [
    (None, "/v1/credentials/another-token-that-is-secret", "404"), ((401, {}), None, "token in url"),
    ((200, "<html>Welcome</html>"), None, "no credentials"), ((200, {"Code": "Gone", "Message": "the role is gone"}), None, "Gone: the role is gone"),
    ((302, {}), None, "redirect"),
])
def test_a_wrong_credentials_uri_is_one_line(world, answer, path, says):
    text = world.uri(answer)
    world.configure(re.sub(r"/v1/credentials/[^\"]+", path, text) if path else text)

    line = world.refused(put=path is not None)

    assert says in line and "that-is-secret" not in line and "the-token-of" not in line, line


def test_a_client_that_may_not_use_a_credentials_uri_learns_how(world, authd):
    configuration = authd.folder / "authd.toml"
    configuration.write_text(configuration.read_text().replace("uri = true", "uri = false"))
    stop(authd.process)
    process = subprocess.Popen(
        [PROGRAMS / "davit-authd", "--config", configuration, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        world.configure(f'kind = "uri"\nurl = "{first_line(process)["url"].rstrip("/")}/v1/credentials/{authd.token}"')

        line = world.refused()

        assert authd.token not in line and ("uri = true" in line or "token in url" in line), line
    finally:
        stop(process)


@pytest.mark.parametrize("program, says", [
    ("#!/bin/sh\necho 'log in first: corp login' >&2; exit 3\n", "status 3; it says: log in first: corp login"),
    ("#!/bin/sh\necho hello\n", "no credentials"), ("#!/bin/sh\nkill -SEGV $$\n", "SIGSEGV"), ("echo no first line\n", "#!/bin/sh"),
    ("#!/bin/sh\nyes\n", "64 KiB"),
])
def test_a_program_that_fails_is_one_line(world, program, says):
    world.configure(world.process(program))

    assert says in world.refused(put="log in" in says)


def hanging_program(world):
    """The configuration of a program that never answers, and where it and what it starts write their pids."""
    pids = world.davit.home / "pids"
    return world.process(f"#!/bin/sh\necho $$ >> {pids}\nsleep 77 &\necho $! >> {pids}\necho 'insert the card' >&2\nwait\n"), pids


def expect_the_end_of(pids):
    for pid in pids.read_text().split():
        stat = f"/proc/{pid}/stat"
        until(lambda: not os.path.exists(stat) or open(stat).read().rsplit(")", 1)[1].split()[0] == "Z", 10, f"the end of {pid}")


def test_a_program_that_hangs_is_ended_with_all_it_started(world):
    text, pids = hanging_program(world)
    world.configure(text + '\ntimeout = "1s"')
    file = make_file(world.folder / "x.bin", 1000)

    done = world.davit.run("put", file, "it:x.bin", "--timeout", "4s", seconds=60)

    assert done.returncode == 8, done.stderr
    assert "insert the card" in world.davit.run("auth", "status").stdout
    expect_the_end_of(pids)


def test_a_program_that_hangs_does_not_outlive_the_engine(world):
    text, pids = hanging_program(world)
    world.configure(text + '\ntimeout = "70s"')
    asking = subprocess.Popen(
        world.davit.command("auth", "test", "it"), env=world.davit.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2, 20, "the program")
        world.davit.run("engine", "stop", check=0)

        expect_the_end_of(pids)
    finally:
        stop(asking)


def test_a_role_that_the_instance_has_not_is_one_line(world):
    world.configure(world.ecs(role="another-role"))

    assert "another-role" in world.refused(put=True)


@pytest.mark.parametrize("keys, says", [
    ({"token": "no.such.token"}, "AuthenticationFail.OIDCToken"), ({"token": ""}, "id-token-file is empty"),
    ({"role": "acs:ram::1234567890123456:role/nobody"}, "EntityNotExist.Role"),
    ({"provider": "acs:ram::1234567890123456:oidc-provider/nobody"}, "EntityNotExist.OIDCProvider"),
])
def test_a_wrong_identity_is_one_line(world, keys, says):
    world.configure(world.oidc(**keys))

    assert says in world.refused(put="token" in keys)


@pytest.mark.parametrize("what, says", [
    ("role", "EntityNotExist.Role"), ("secret", "SignatureDoesNotMatch"), ("duration", "MaxSessionDuration"),
    ("policy", "policy-file"), ("environment", "OSS_ACCESS_KEY_ID"), ("session", "NoPermission"),
])
def test_a_role_that_cannot_be_assumed_is_one_line(world, what, says):
    if what == "role":
        world.configure(world.role(world.static(), arn="acs:ram::1234567890123456:role/nobody"))
    elif what == "secret":
        world.configure(world.role(world.static("not-the-secret")))
    elif what == "duration":
        world.configure(world.role(world.static(), duration="12h"))
    elif what == "policy":
        world.configure(world.role(world.static(), **{"policy-file": "none.json"}))
    elif what == "environment":
        world.configure(world.role('kind = "env"'))
    else:
        # A session whose policy does not say that it may go on to another role.
        policy = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:*"], "Resource": ["*"]}]})
        made = {**assume_role(world.sandbox, Policy=policy), "Code": "Success"}
        world.configure(world.role(world.uri((200, made)), arn=world.second))

    assert says in world.refused(put=what == "role")


@pytest.mark.parametrize("credentials, says", [
    ('kind = "uri"', "url"), ('kind = "uri"\nurl = "file:///etc/passwd"', "url"), ('kind = "uri"\nurl = "http://me:word@host/"', "url"),
    ('kind = "process"\ncommand = []', "command"), ('kind = "process"\ncommand = ["a"]\ntimeout = "1h"', "timeout"),
    ('kind = "ecs-role"\nrole = "../x"', "role"), ('kind = "oidc"\nrole-arn = "x"', "role-arn"), ('kind = "assume-role"', "role-arn"),
    ('kind = "assume-role"\nrole-arn = "acs:ram::1:role/a"', "source"), ('kind = "magic"', "kind"), ('kind = "anonymous"\nkey = 1', "key"),
])
def test_what_the_configuration_cannot_mean_is_said_before_anything_is_asked(world, credentials, says):
    world.configure(credentials)

    checked = world.davit.run("config", "check", check=2)

    assert says in checked.stderr + checked.stdout and "config.toml:" in checked.stderr + checked.stdout


# The official clients.


def test_the_official_credential_client_gets_from_the_authorization_server_what_oss2_can_use(world, authd, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    credential = Client(Config(type="credentials_uri", credentials_uri=f"{authd.url}/v1/credentials/{authd.token}")).get_credential()

    key = credential.get_access_key_id()
    assert key.startswith("STS.")
    place = bucket(world.sandbox, key, credential.get_access_key_secret(), credential.get_security_token())
    place.put_object("uploads/camera-7/by-oss2", b"yes")
    with pytest.raises(oss2.exceptions.AccessDenied):
        place.put_object("elsewhere", b"no")
    assert set(world.sandbox.objects()) == {"uploads/camera-7/by-oss2"}


def test_the_official_client_and_davit_read_the_same_program(world):
    world.configure(world.process())
    program = world.davit.home / "credentials.py"
    environment = {**os.environ, **{name: text for name, text in world.davit.environment.items() if name.startswith("STS_")}}
    script = ("import sys; from alibabacloud_credentials.provider.external import ExternalCredentialsProvider as P;"
              "c = P(process_command=sys.argv[1]).get_credentials(); print(c.get_access_key_id(), c.get_security_token()[:4], c.get_expiration())")

    said = subprocess.run(
        [sys.executable, "-c", script, f"{program} --for 'two words'"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    key, token, expiration = said.stdout.split()
    assert key.startswith("STS.") and token == "CAIS" and float(expiration) > time.time(), said.stderr
    assert world.upload().startswith("STS.")

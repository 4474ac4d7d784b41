"""Who is asking: JWTs made by PyJWT, certificates made by openssl, tokens that are rotated; and what each may do."""
import base64
import http.server
import json

import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from conftest import PROGRAMS, start_authorization, stop

ISSUER = "https://id.example.com"


def jwk(key, kid):
    algorithm = {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm, ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
                 ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm}
    for kind, reader in algorithm.items():
        if isinstance(key, kind):
            return {**json.loads(reader.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
    raise AssertionError(key)


def new_key(algorithm):
    return {"RS256": lambda: rsa.generate_private_key(65537, 2048), "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate}[algorithm]()


def token(key, algorithm, kid="1", **claims):
    now = int(time.time())
    every = {"iss": ISSUER, "aud": "davit", "sub": "camera-9", "iat": now, "exp": now + 300, **claims}
    return jwt.encode({name: value for name, value in every.items() if value is not None}, key, algorithm=algorithm, headers={"kid": kid})


class Issuer:
    """An issuer's address of keys; counts how often it is asked."""

    def __init__(self):
        self.keys, self.asked, self.status = [], 0, 200
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()


def grant(sandbox, prefix, header="[[jwt.grant]]", claims="", verbs='["upload"]'):
    return f"""
{header}
{claims}
bucket = "{sandbox.bucket}"
region = "{sandbox.region}"
endpoint = "{sandbox.oss_endpoint}"
prefix = "{prefix}"
verbs = {verbs}
"""


@pytest.fixture
def server(tmp_path, sandbox, issuer):
    server = start_authorization(
        tmp_path / "authd", sandbox, more=f"""
[[jwt]]
issuer = "{ISSUER}"
audience = "davit"
jwks-url = "{issuer.url}"
""" + grant(sandbox, "{claim:site}/{client}/{date}/", claims='claims = { groups = "cameras" }'))
    yield server
    stop(server.process)


def audit(server):
    return [json.loads(line) for line in (server.folder / "audit.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_jwt_gives_credentials_for_what_its_claims_are_granted(server, issuer, sandbox, algorithm):
    import oss2
    key = new_key(algorithm)
    issuer.keys = [jwk(key, "1")]

    status, answer = server.call("POST", "/v1/credentials", {}, token=token(key, algorithm, groups=["cameras"], site="../hz 1"))

    assert status == 200, answer
    assert answer["Prefix"] == "..%2Fhz%201/camera-9/" + time.strftime("%Y-%m-%d/", time.gmtime())
    auth = oss2.StsAuth(answer["AccessKeyId"], answer["AccessKeySecret"], answer["SecurityToken"], auth_version="v4")
    bucket = oss2.Bucket(auth, sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region)
    bucket.put_object(answer["Prefix"] + "a", b"yes")
    for outside in ["a", "hz 1/camera-9/a", "../hz 1/camera-9/a", answer["Prefix"][:-1]]:
        with pytest.raises(oss2.exceptions.OssError):
            bucket.put_object(outside, b"no")
    assert list(sandbox.objects()) == [answer["Prefix"] + "a"]
    assert audit(server)[-1]["proof"] == "jwt" and audit(server)[-1]["issuer"] == ISSUER


def test_a_jwt_that_is_not_right_is_refused_and_the_audit_log_says_why(server, issuer):
    key, other = new_key("RS256"), new_key("RS256")
    issuer.keys = [jwk(key, "1")]
    now, good = int(time.time()), {"groups": ["cameras"], "site": "hz"}
    pem = key.public_key().public_bytes(*public_pem())
    header, payload, signature = token(key, "RS256", **good).split(".")
    encode = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    cases = {
        "expired": token(key, "RS256", **good, exp=now - 61),
        "not valid yet": token(key, "RS256", **good, nbf=now + 3600),
        "issued in the future": token(key, "RS256", **good, iat=now + 3600),
        "another audience": token(key, "RS256", **good, aud="somebody"),
        "without a time": token(key, "RS256", **good, exp=None),
        "unknown issuer": token(key, "RS256", **good, iss=ISSUER + "/"),
        "names the client": token(key, "RS256", **good, sub=None),
        "no key of the issuer": token(other, "RS256", **good),
        "may not speak for": token(key, "RS256", **good, sub="camera-7"),
    }
    forged = {
        "none": f"{encode({'alg': 'none', 'kid': '1'})}.{payload}.", "no signature": f"{header}.{payload}.",
        "another payload": f"{header}.{encode({'iss': ISSUER, 'aud': 'davit', 'sub': 'camera-9', 'exp': now + 300})}.{signature}",
        "HS256 by the public key": hmac_token(pem, payload),
        "a header twice": token(key, "RS256", **good) + ", Bearer x",
    }
    for said, text in cases.items():
        assert server.call("POST", "/v1/credentials", {}, token=text)[0] == 401, said
        line = audit(server)[-1]
        assert said in line["stranger"] and line["decision"] == "refused" and line["status"] == 401, line
    for what, text in forged.items():
        assert server.call("POST", "/v1/credentials", {}, token=text)[0] == 401, what
        assert audit(server)[-1]["status"] == 401
    assert server.call("POST", "/v1/credentials", {}, token=token(key, "RS256", groups=["doors"], site="hz"))[0] == 403
    assert server.call("POST", "/v1/credentials", {}, token=token(key, "RS256", **good))[0] == 200
    assert header not in (server.folder / "audit.jsonl").read_text() and signature not in (server.folder / "audit.jsonl").read_text()


def public_pem():
    from cryptography.hazmat.primitives import serialization
    return serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo


def hmac_token(key, payload):
    import hashlib
    import hmac
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "1"}).encode()).rstrip(b"=").decode()
    digest = hmac.new(key, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}." + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_keys_are_kept_and_rotated_and_an_issuer_that_is_away_locks_nobody_out(server, issuer):
    old, new = new_key("ES256"), new_key("ES256")
    ask = lambda key, kid: server.call("POST", "/v1/credentials", {}, token=token(key, "ES256", kid, groups="cameras", site="hz"))[0]
    issuer.status = 500
    assert ask(old, "1") == 503
    issuer.keys, issuer.status = [jwk(old, "1")], 200
    # A reload of the configuration has the keys fetched anew, whatever the pause between two questions.
    reload(server)
    assert [ask(old, "1") for _ in range(20)] == [200] * 20
    assert issuer.asked == 2
    issuer.keys = [jwk(new, "2")]
    assert ask(new, "2") == 401
    reload(server)
    assert ask(new, "2") == 200 and ask(old, "1") == 401
    issuer.status = 500
    reload(server)
    assert ask(new, "2") == 200


def reload(server):
    server.process.send_signal(signal.SIGHUP)
    for line in server.process.stderr:
        assert "error" not in line, line
        if "read anew" in line:
            return


# MARK: certificates

@pytest.fixture
def authority(tmp_path):
    folder = tmp_path / "authority"
    folder.mkdir()

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    def make(name, subject, alternatives=None, signer="ca"):
        """`name`.key and `name`.pem, by the authority `signer`, or by itself without one."""
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternatives}\n" if alternatives else "basicConstraints=critical,CA:TRUE\n")
        by = ["-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial"] if signer else ["-signkey", f"{name}.key"]
        openssl("x509", "-req", "-in", f"{name}.csr", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem", *by)
        (folder / f"{name}.key").chmod(0o600)

    make("ca", "/CN=Example CA", signer=None)
    make("server", "/CN=authd", "IP:127.0.0.1,DNS:localhost")
    make("renewed", "/CN=authd renewed", "IP:127.0.0.1,DNS:localhost")
    make("camera-7", "/O=Example/CN=camera-7", "DNS:camera-7.example.com,URI:spiffe://example/camera-7")
    make("camera-8", "/O=Example/CN=camera-8", "DNS:camera-8.example.com")
    make("other-ca", "/CN=Other CA", signer=None)
    make("forged", "/O=Example/CN=camera-7", "DNS:camera-7.example.com", signer="other-ca")
    return folder


@pytest.fixture
def secure(tmp_path, sandbox, authority):
    server = start_authorization(
        tmp_path / "authd", sandbox, head=f"""
tls-cert = "{authority}/server.pem"
tls-key = "{authority}/server.key"
client-ca = "{authority}/ca.pem"
""", more=f"""
[[client]]
name = "camera-8"
certificate-subject = "CN=camera-8,O=Example"
""" + grant(sandbox, "eight/", "[[client.grant]]") + f"""
[[client]]
name = "camera-70"
certificate-san = ["URI:spiffe://example/camera-7"]
""" + grant(sandbox, "seventy/", "[[client.grant]]"))
    yield server
    stop(server.process)


def call(server, authority, certificate=None, bearer=None, version=None):
    context = ssl.create_default_context(cafile=authority / "ca.pem")
    if certificate:
        context.load_cert_chain(authority / f"{certificate}.pem", authority / f"{certificate}.key")
    if version:
        context.minimum_version = context.maximum_version = version
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    request = urllib.request.Request(server.url + "/v1/credentials", headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_certificate_of_the_authority_is_who_it_names_and_no_other_is_anybody(secure, authority):
    assert call(secure, authority, "camera-8")[1]["Prefix"] == "eight/"
    assert call(secure, authority, "camera-7")[1]["Prefix"] == "seventy/"
    assert audit(secure)[-1]["proof"] == "certificate" and audit(secure)[-1]["client"] == "camera-70"
    assert call(secure, authority)[0] == 401
    assert call(secure, authority, "renewed")[0] == 401
    assert call(secure, authority, bearer=secure.token)[1]["Prefix"] == "uploads/camera-7/"
    assert call(secure, authority, "camera-8", bearer="wrong")[0] == 401
    with pytest.raises((urllib.error.URLError, ConnectionError, ssl.SSLError)):
        call(secure, authority, "forged")


def test_no_version_of_tls_before_1_2_is_spoken(secure, authority):
    assert call(secure, authority, bearer=secure.token, version=ssl.TLSVersion.TLSv1_2)[0] == 200
    assert call(secure, authority, bearer=secure.token, version=ssl.TLSVersion.TLSv1_3)[0] == 200
    address = secure.url.removeprefix("https://")
    old = subprocess.run(
        ["openssl", "s_client", "-connect", address, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], input=b"", capture_output=True, timeout=20)
    assert old.returncode != 0 and b"BEGIN CERTIFICATE" not in old.stdout


def served(server):
    host, port = server.url.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_a_renewed_certificate_serves_after_a_reload_and_a_broken_one_does_not(secure, authority):
    old = served(secure)
    assert old.strip() == (authority / "server.pem").read_text().strip()
    (authority / "server.pem").write_text((authority / "renewed.pem").read_text())

    # The certificate is new and its key is not: the old pair stays.
    secure.process.send_signal(signal.SIGHUP)
    assert any("belong together" in line for line in iter(secure.process.stderr.readline, "")
               if "belong together" in line or "read anew" in line)
    assert "stays as it was" in secure.process.stderr.readline()
    assert served(secure) == old
    (authority / "server.key").write_text((authority / "renewed.key").read_text())
    reload(secure)
    assert served(secure).strip() == (authority / "renewed.pem").read_text().strip()
    assert call(secure, authority, bearer=secure.token)[0] == 200


# MARK: bearer tokens

def test_tokens_are_rotated_without_a_gap(tmp_path, sandbox):
    new = json.loads(subprocess.check_output([PROGRAMS / "davit-authd", "token", "new", "camera-7", "--json"], text=True))
    server = start_authorization(tmp_path / "authd", sandbox)
    try:
        config = server.folder / "authd.toml"
        text = config.read_text()
        hash_line = next(line for line in text.splitlines() if line.startswith("token-hash"))
        ask = lambda text: server.call("GET", "/v1/credentials", token=text)[0]
        old_hash = hash_line.split('"')[1]
        both = f'[[client.token]]\nhash = "{old_hash}"\nexpires = "2000-01-01T00:00:00Z"\n[[client.token]]\nhash = "{new["token-hash"]}"\n'

        config.write_text(text.replace(hash_line, hash_line + f'\n[[client.token]]\nhash = "{new["token-hash"]}"'))
        assert (ask(server.token), ask(new["token"])) == (200, 401)
        reload(server)
        assert (ask(server.token), ask(new["token"])) == (200, 200)
        config.write_text(text.replace(hash_line + "\n", both))
        reload(server)
        assert (ask(server.token), ask(new["token"])) == (401, 200)
        assert "expired" in audit(server)[-2]["stranger"]
        # A configuration that cannot be read keeps what was.
        config.write_text(text.replace("[sts]", "[stz]"))
        server.process.send_signal(signal.SIGHUP)
        assert any("stays as it was" in line for line in iter(server.process.stderr.readline, "") if "stays" in line or "anew" in line)
        assert (ask(server.token), ask(new["token"])) == (401, 200)
    finally:
        stop(server.process)


# MARK: conditions that OSS holds them to

def test_requests_from_elsewhere_than_the_grant_says_are_refused_by_oss(tmp_path, sandbox):
    import oss2
    results = {}
    for name, source in [("here", "127.0.0.0/8"), ("elsewhere", "192.0.2.0/24")]:
        server = start_authorization(tmp_path / name, sandbox, grant=f'source-ip = ["{source}"]')
        try:
            _, answer = server.call("POST", "/v1/credentials", {})
        finally:
            stop(server.process)
        auth = oss2.StsAuth(answer["AccessKeyId"], answer["AccessKeySecret"], answer["SecurityToken"], auth_version="v4")
        bucket = oss2.Bucket(auth, sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region)
        try:
            results[name] = bucket.put_object(f"uploads/camera-7/{name}", b"x").status
        except oss2.exceptions.AccessDenied:
            results[name] = "denied"
    assert results == {"here": 200, "elsewhere": "denied"}


def test_an_object_larger_than_granted_is_refused_by_oss(tmp_path, sandbox):
    server = start_authorization(tmp_path / "authd", sandbox, grant='max-object-size = "1000"')
    try:
        order = {"operation": "put", "key": "uploads/camera-7/a", "headers": {"content-length": "1000"}}
        status, answer = server.call("POST", "/v1/signed-urls", {"requests": [order]})
        assert status == 200, answer
        url = answer["urls"][0]

        def put(body):
            out = subprocess.run(
                ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-H", "Content-Type:", "--data-binary", "@-", url["url"]],
                input=body, capture_output=True, timeout=20)
            return out.stdout.decode()

        assert put(b"x" * 1001) == "403"
        assert put(b"x" * 999) == "403"
        assert put(b"x" * 1000) == "200"
        assert sandbox.objects()["uploads/camera-7/a"]["size"] == 1000
        assert server.call("POST", "/v1/credentials", {"verbs": ["upload"]})[0] == 403
    finally:
        stop(server.process)

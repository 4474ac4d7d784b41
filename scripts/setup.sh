# Sourced by scripts/demo and scripts/test: everything a bare Debian 12 needs, in one place. Costs nothing the second time.
# The Swift toolchain itself (6.3 or newer) must be there.

# What the build links against, and what the Swift toolchain and its C compiler need on a bare system.
build_packages="libncurses-dev libcurl4-openssl-dev libssl-dev liblzma-dev libsqlite3-dev
    git ca-certificates libc6-dev libgcc-12-dev libstdc++-12-dev binutils libxml2 libedit2 zlib1g-dev tzdata"
# What the tests and the demo use besides davit: a terminal, clients to compare with.
test_packages="tmux ncurses-term curl openssl procps python3 python3-venv strace"

say() { printf '%s\n' "$*" >&2; }

# The packages of the list that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$package"
    done
}

install_packages() {
    local missing run=
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
            run=sudo
        else
            say "error: these Debian packages are missing. Install them: sudo apt-get install -y $missing"
            exit 2
        fi
    fi
    say "installing: $missing"
    # shellcheck disable=SC2086
    { $run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing; } >/dev/null ||
        { say "error: the packages could not be installed. Try: apt-get install -y $missing"; exit 2; }
}

need_swift() {
    if ! command -v swift >/dev/null 2>&1 && [ -x /opt/swift/usr/bin/swift ]; then PATH=/opt/swift/usr/bin:$PATH; fi
    if ! command -v swift >/dev/null 2>&1; then
        say "error: no Swift toolchain in PATH. Install Swift 6.3 or newer and add its usr/bin to PATH"
        exit 2
    fi
}

# Release programs, with Swift's own libraries inside, so that they start fast and run without the toolchain.
build_programs() {
    say "building davit (the first time takes some minutes)"
    local log
    log=$(mktemp)
    if ! swift build -c release --static-swift-stdlib --disable-index-store >"$log" 2>&1; then
        grep -E 'error:' "$log" | sort -u | head -20 >&2
        say "error: the build failed. The whole output: $log"
        exit 1
    fi
    rm -f "$log"
    programs=$(swift build -c release --static-swift-stdlib --show-bin-path)
}

# Python with what the end-to-end tests import.
need_venv() {
    venv=.build/venv
    if ! "$venv/bin/python" -c 'import pytest, oss2, alibabacloud_oss_v2, aliyunsdksts, alibabacloud_sts20150401, alibabacloud_credentials, prometheus_client, jwt, cryptography, schemathesis' 2>/dev/null; then
        say "installing the official SDKs into $venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install -q --disable-pip-version-check pytest oss2 alibabacloud-oss-v2 aliyun-python-sdk-sts \
            alibabacloud-sts20150401 alibabacloud-credentials prometheus-client pyjwt cryptography schemathesis
    fi
}

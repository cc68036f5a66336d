#!/bin/sh
# Runs the tests with the committed helper for aarch64, emulated: aarch64.sh [classes or tests of test_shim.py]
#
# Jobs and kernel are this machine's; the helper's code and system calls are aarch64's. It takes a qemu-aarch64 that knows
# PR_SET_CHILD_SUBREAPER, as that of Debian 12 does not. If none is installed, that of Debian 13, which is static, is unpacked, from the
# mirror that apt uses for Debian 12: into the folder CACHE if that is set, and nothing is installed.
#
# Left out, for what qemu is and not for what the helper does:
#   exit_ofEveryKind, child_ofAnUntidyWorker    it keeps some real-time signals for itself, and renumbers others
#   forkRefused                                 it starts a thread of its own, and aborts if it may not
set -eu
here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
chmod 755 "$temporary"
cache=${CACHE:-$temporary/cache}
mkdir -p "$cache"
cp "$here/../../resources/dev/jobworker/core/native/job-shim-linux-aarch64" "$temporary/helper"
chmod 755 "$temporary/helper"

# A launcher that gets no requests ends well if it could set itself up.
serves() {
    command -v "$1" >/dev/null && timeout 20 "$1" "$temporary/helper" launcher </dev/null 2>"$temporary/log"
}

# quiet_apt COMMAND ARGUMENT...: with sources, lists and cache of its own.
quiet_apt() {
    command=$1
    shift
    "$command" -qq -o Dir::Etc::SourceList="$temporary/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$temporary/apt/lists" -o Dir::Cache="$temporary/apt/cache" -o APT::Sandbox::User=root "$@"
}

download() {
    mkdir -p "$temporary/apt/lists/partial" "$temporary/apt/cache/archives/partial"
    # shellcheck disable=SC2016 # apt's variable
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' | head -n 1)
    if [ -z "$mirror" ]; then
        echo 'aarch64.sh: no qemu-aarch64 of use is installed, and apt has no source for Debian 12 that would tell where to get one' >&2
        exit 1
    fi
    echo "deb [arch=$(dpkg --print-architecture) signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$temporary/apt/sources.list"
    quiet_apt apt-get update
    (cd "$temporary/apt" && quiet_apt apt-get download qemu-user)
    dpkg-deb --fsys-tarfile "$temporary"/apt/qemu-user_*.deb | tar -x -C "$cache" --strip-components=3 ./usr/bin/qemu-aarch64
}

for qemu in qemu-aarch64 qemu-aarch64-static "$cache/qemu-aarch64"; do
    if serves "$qemu"; then
        break
    fi
    qemu=
done
if [ -z "$qemu" ]; then
    download
    qemu=$cache/qemu-aarch64
    serves "$qemu" || { cat "$temporary/log" >&2; exit 1; }
fi
"$qemu" --version | head -n 1

# A copy, since some launchers are run by users who may not see the cache.
cp "$(command -v "$qemu")" "$temporary/qemu"
printf '#!/bin/sh\nexec "%s/qemu" "%s/helper" "$@"\n' "$temporary" "$temporary" >"$temporary/job-shim"
chmod 755 "$temporary/qemu" "$temporary/job-shim"
export JOB_SHIM="$temporary/job-shim"
python3 "$here/without.py" Start.test_exit_ofEveryKind_isToldApart CleanChild.test_child_ofAnUntidyWorker_isClean \
    Start.test_forkRefused_isReportedWithStage -- "$@"

#!/bin/sh
# Builds the helper for every architecture, the same bytes in every directory:
#
#   build.sh                       into the resources of worker-core
#   build.sh --check               elsewhere, and fails if the result differs from the resources
#   build.sh --install-toolchain   installs what it needs (Debian 12 on x86_64, as root)
set -eu
export LC_ALL=C
unset CDPATH CPATH C_INCLUDE_PATH LIBRARY_PATH COMPILER_PATH GCC_EXEC_PREFIX SOURCE_DATE_EPOCH

# The committed binaries are made with exactly these versions.
TOOLCHAIN='gcc-12=12.2.0-14+deb12u1
    binutils=2.40-2
    musl-dev=1.2.3-1
    gcc-12-aarch64-linux-gnu=12.2.0-14cross1
    gcc-aarch64-linux-gnu=4:12.2.0-3
    binutils-aarch64-linux-gnu=2.40-2
    musl-dev:arm64=1.2.3-1'

ARCHITECTURES='x86_64 aarch64'
WARNINGS='-Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2'

here=$(cd "$(dirname "$0")" && pwd)
resources=$here/../resources/dev/jobworker/core/native

install_toolchain() {
    dpkg --add-architecture arm64
    apt-get update
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --allow-downgrades $TOOLCHAIN
}

# The compiler is the distribution's, the C library musl: its own start files and nothing of glibc.
# compile ARCHITECTURE OUTPUT, in the source folder: the order of the sources is that of their names.
compile() {
    cc=$1-linux-gnu-gcc-12
    musl=/usr/lib/$1-linux-musl
    command -v "$cc" >/dev/null && [ -f "$musl/libc.a" ] || {
        echo "build.sh: $cc or $musl/libc.a is missing; build.sh --install-toolchain installs both" >&2
        exit 1
    }
    # shellcheck disable=SC2086 # a list
    "$cc" -std=c11 -D_GNU_SOURCE -Os -g0 $WARNINGS -fno-ident -ffunction-sections -fdata-sections -ffile-prefix-map="$here=." \
        -nostdinc -isystem "/usr/include/$1-linux-musl" -isystem "$("$cc" -print-file-name=include)" \
        -nostdlib -static -no-pie -fno-pie -s -Wl,--gc-sections,--build-id=none,-z,noexecstack,-z,relro,-z,now \
        -o "$2" "$musl/crt1.o" "$musl/crti.o" ./*.c "$musl/libc.a" -lgcc "$musl/libc.a" "$musl/crtn.o"
}

digest() {
    sha256sum | cut -d ' ' -f 1
}

build_into() {
    cd "$here"
    for architecture in $ARCHITECTURES; do
        compile "$architecture" "$1/job-shim-linux-$architecture"
    done
    {
        # Every source's name on a line, then its content, in the order of the names: a unit test computes the same.
        echo "sources $(for file in *.[ch]; do echo "$file" && cat "$file"; done | digest)"
        for architecture in $ARCHITECTURES; do
            echo "linux-$architecture $(digest <"$1/job-shim-linux-$architecture")"
        done
    } >"$1/job-shim.sha256"
}

case ${1-} in
'')
    mkdir -p "$resources"
    build_into "$resources"
    cat "$resources/job-shim.sha256"
    ;;
--check)
    temporary=$(mktemp -d)
    trap 'rm -rf "$temporary"' EXIT
    build_into "$temporary"
    for file in job-shim-linux-x86_64 job-shim-linux-aarch64 job-shim.sha256; do
        cmp "$temporary/$file" "$resources/$file" || {
            echo "build.sh: $file is not what these sources build to; run build.sh" >&2
            exit 1
        }
    done
    ;;
--install-toolchain)
    install_toolchain
    ;;
*)
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

#!/bin/sh
# Fuzzes the decoders of requests and of orders: fuzz.sh SECONDS, for each. Needs clang and its runtime (Debian: clang libclang-rt-14-dev).
set -eu
seconds=${1:?seconds}
here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
mkdir "$temporary/requests" "$temporary/orders"

# Real requests and orders to start from.
cd "$here"
python3 - "$temporary" <<'PYTHON'
import pathlib, sys
from harness import *
build = lambda *a, **k: Launcher.request(None, *a, **k)
requests = [
    build(["true"], "/f"),
    build(["sh", "-c", "exit 1"], "/f", env=["A=b", "C="], user="nobody", nice=-3, limits=[(1, 2, 3), (4, 5, INFINITY)], flags=31, time_limit=9),
    build([], "/f"),
    build(["x"], "relative"),
]


class Tape(Connection):
    def __init__(self):
        self.socket, self.data = self, b""

    def sendall(self, data):
        self.data += data

    def close(self):
        pass


tape = Tape()
tape.stop()
tape.signal(10)
tape.stop(signal=9, grace=0, cause=WORKER_SHUTDOWN, name=b"x" * 512)
known = tape.data
tape.send(b"\3" + bytes(range(100)))
tape.send(b"\4")
short_stop = u32(10) + bytes([1, 1, 15]) + bytes(7)
orders = [
    struct.pack("<4H", *sizes) + data
    for sizes in ((0, 0, 0, 0), (1, 2, 3, 500))
    for data in (5 * known, 5 * tape.data, known + u32(1025), known + short_stop, known[:-1])
]
for name, seeds in (("requests", requests), ("orders", orders)):
    for number, seed in enumerate(seeds):
        (pathlib.Path(sys.argv[1]) / name / str(number)).write_bytes(seed)
PYTHON

# fuzz CORPUS LONGEST SOURCE...
fuzz() {
    corpus=$1 longest=$2
    shift 2
    clang -std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$temporary/fuzz" "$@"
    (cd "$temporary" && ./fuzz -max_total_time="$seconds" -max_len="$longest" -timeout=10 -print_final_stats=1 "$corpus")
}

fuzz requests 4096 fuzz_request.c ../request.c
# Longer than the longest order, so that one may be cut anywhere.
fuzz orders 131072 fuzz_orders.c ../control.c

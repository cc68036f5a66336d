#!/bin/sh
# Fuzzes the decoder of requests: fuzz.sh SECONDS. Needs clang and its runtime (Debian: clang libclang-rt-14-dev).
set -eu
seconds=${1:?seconds}
here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
mkdir "$temporary/corpus"

# Real requests to start from.
cd "$here"
python3 - "$temporary/corpus" <<'PYTHON'
import pathlib, sys
from harness import *
build = lambda *a, **k: Launcher.request(None, *a, **k)
seeds = [
    build(["true"], "/f"),
    build(["sh", "-c", "exit 1"], "/f", env=["A=b", "C="], user="nobody", nice=-3, limits=[(1, 2, 3), (4, 5, INFINITY)], flags=31, time_limit=9),
    build([], "/f"),
    build(["x"], "relative"),
]
for number, seed in enumerate(seeds):
    (pathlib.Path(sys.argv[1]) / str(number)).write_bytes(seed)
PYTHON

clang -std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$temporary/fuzz" fuzz_request.c ../request.c
cd "$temporary"
./fuzz -max_total_time="$seconds" -max_len=4096 -timeout=10 -print_final_stats=1 corpus

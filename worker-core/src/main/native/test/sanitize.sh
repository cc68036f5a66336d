#!/bin/sh
# Runs the tests against a helper with AddressSanitizer and UndefinedBehaviorSanitizer: sanitize.sh [arguments of test_shim.py]
# CC chooses the compiler. A report ends the process that made it, so that the test in which it happens fails; it is also shown here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
chmod 755 "$temporary"
mkdir -m 1777 "$temporary/reports"

compile() {
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
        -DSTART_SECONDS=2 "$@" -o "$temporary/job-shim-asan" "$here"/../*.c
}

export JOB_SHIM="$temporary/job-shim-asan"
export ASAN_OPTIONS="log_path=$temporary/reports/report:abort_on_error=1:detect_stack_use_after_return=1"
export UBSAN_OPTIONS="log_path=$temporary/reports/report:print_stacktrace=1"
status=0
compile
python3 "$here/test_shim.py" "$@" || status=1
if [ $# -eq 0 ]; then
    # Not Memory: the sanitizers want more of it than there is.
    python3 "$here/test_exhaustion.py" Descriptors Processes Disk Pipes || status=1
    echo 'Again, as on a kernel without lists of children:' >&2
    compile -DQUICK_TURNS=0
    python3 "$here/test_shim.py" Tree Deaths || status=1
fi
for report in "$temporary"/reports/*; do
    [ -f "$report" ] || continue
    cat "$report"
    status=1
done
exit $status

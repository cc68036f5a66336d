#!/bin/sh
# Runs the tests with the helper under valgrind's memcheck: valgrind.sh [classes or tests of test_shim.py]. Needs valgrind; CC chooses the compiler.
#
# Launcher and shims are watched, jobs are not. A report ends the process that made it with a status that nothing else has, and is shown here.
# Lines of the log that begin with dashes are valgrind's own: it does not know pidfd_open, so that the helper does without, as on an old kernel.
#
# Left out, for what valgrind is and not for what the helper does:
#   failures_ofExec, programStillOpenForWriting    an exec that fails only in the kernel ends valgrind
#   child_of..., child_has..., shim_holdsNothing   valgrind's own descriptors are inherited and counted
#   record_isExtended                              its times are shorter than valgrind's delays
#   forkBomb, deepTree                             without pidfds only direct children are killed: too few, and one generation after the other
set -eu
here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
chmod 755 "$temporary"
mkdir -m 1777 "$temporary/reports"

"${CC:-gcc}" -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -fno-omit-frame-pointer -o "$temporary/job-shim" "$here"/../*.c
cat >"$temporary/job-shim-valgrind" <<WRAPPER
#!/bin/sh
exec valgrind --quiet --leak-check=no --track-origins=yes --error-exitcode=99 --log-file="$temporary/reports/%p" "$temporary/job-shim" "\$@"
WRAPPER
chmod 755 "$temporary/job-shim-valgrind"

export JOB_SHIM="$temporary/job-shim-valgrind"
status=0
python3 "$here/without.py" \
    Start.test_failures_ofExec_areReportedWithErrno Start.test_programStillOpenForWriting_isRetriedThenRefused \
    CleanChild.test_child_ofATidyWorker_isClean CleanChild.test_child_ofAnUntidyWorker_isClean CleanChild.test_child_hasWhatWasAsked \
    CleanChild.test_child_hasTheSoftFileLimitOfTheWorker CleanChild.test_child_ofAJvm_hasNotItsRaisedFileLimit Deaths.test_shim_holdsNothingOfTheLauncher \
    Output.test_record_isExtendedOnlyWithinItsBounds Tree.test_forkBomb_limitedByProcesses_isKilled Tree.test_deepTree_isKilled -- "$@" || status=1
[ "$(find "$temporary/reports" -type f | wc -l)" -gt 0 ] || status=1
for report in "$temporary"/reports/*; do
    [ -f "$report" ] || continue
    if grep '^==' "$report"; then
        status=1
    fi
done
exit $status

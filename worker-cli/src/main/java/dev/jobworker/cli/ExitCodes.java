package dev.jobworker.cli;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Cause;
import dev.jobworker.core.ExecStage;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobState;
import dev.jobworker.core.JobStatus;

/** What the process exits with. Those of errors are in {@link Reason}. */
final class ExitCodes {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;
    /** As timeout(1) has it. */
    static final int TIMEOUT = 124;
    /** Something that should not happen, or a result that cannot be known. */
    static final int UNKNOWN = 125;

    static final int NOT_FOUND = 127;
    static final int INTERRUPTED = 130;
    /** What a shell reports of a program whose reader went away (128 + SIGPIPE). */
    static final int BROKEN_PIPE = 141;

    private static final int SIGNAL_BASE = 128;
    private static final String ENOENT = "2";

    private ExitCodes() {}

    /** Returns the job's own code, or 128+n for signal n. Zero is said only of a job that succeeded. */
    static int of(Job job) {
        return switch (job.status()) {
            case JobStatus.Running _, JobStatus.Stopping _, JobStatus.Lost _ -> UNKNOWN;
            case JobStatus.Ended ended ->
                switch (ended.exit()) {
                    case ExitStatus.Signaled(var signal, var _) -> SIGNAL_BASE + signal.number();
                    case ExitStatus.Code(int code) when code != 0 || job.state() == JobState.SUCCEEDED -> code;
                    case ExitStatus.Code _ -> ended.cause().kind() == Cause.Kind.TIMEOUT ? TIMEOUT : FAILED;
                };
        };
    }

    static int of(WorkerException e) {
        boolean notFound = e.reason() == Reason.EXEC_FAILED
                && ExecStage.EXEC.name().equals(e.details().get("stage"))
                && ENOENT.equals(e.details().get("errno"));
        return notFound ? NOT_FOUND : e.reason().exitCode();
    }
}

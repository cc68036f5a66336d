package dev.jobworker.api;

import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.Signal;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A worker as one caller sees it: in this process behind {@link dev.jobworker.api.auth.JobWorkerAccess}, or at the other end of a connection.
 * Implementations behave alike; one test kit runs against all of them.
 *
 * <p>Thread-safe. Every method throws {@link WorkerException}; a job that does not exist and a job that the caller may not see are both
 * {@link Reason#JOB_NOT_FOUND}.
 */
public interface JobWorker extends AutoCloseable {

    /** The longest {@link #await}. */
    Duration MAX_WAIT = Duration.ofSeconds(60);

    /** Starts a job and returns it when its program has been executed. The same {@code requestId} and spec again return the same job. */
    Job start(UUID requestId, JobSpec spec);

    Job get(JobId id);

    /** Waits at most {@code maxWait}, and never longer than {@link #MAX_WAIT}, for a final state and returns the job as it then is. */
    Job await(JobId id, Duration maxWait) throws InterruptedException;

    /** Returns a page of the jobs that the caller may see, newest first. The jobs of an owner that it may not see are not there; that is no error. */
    JobPage list(JobQuery query);

    /**
     * Orders the end of a job, without waiting for it. Idempotent.
     *
     * @param gracePeriod null for the job's own
     */
    Job stop(JobId id, @Nullable Duration gracePeriod);

    /** Sends a signal to the process group of the job's main process; nothing happens if the job is final. */
    Job signal(JobId id, Signal signal);

    /**
     * Writes to the standard input of a job that was started with {@link JobSpec#streamInput}. Returns when the job's pipe has taken all, which may be
     * never if the job does not read. For one writer at a time: pieces of several come in any order, and one that names an offset which another has
     * passed is taken for a repetition.
     *
     * <p>Nothing is tried again here, but offsets make it safe to repeat a write of which it is not known how far it came: what the pipe has taken is
     * taken once.
     *
     * @param offset where in the input these bytes begin: at most {@link dev.jobworker.core.InputInfo#bytes}; what lies before that is skipped. Null:
     *     after what was written before
     * @param end whether the input ends after them
     * @return the job as it then is
     * @throws WorkerException with {@link Reason#INPUT_CLOSED} if the job takes no more input, with {@link Reason#OFFSET_OUT_OF_RANGE}
     * @throws InterruptedException if the thread is interrupted; some of the bytes may have been taken
     */
    Job writeInput(JobId id, @Nullable Long offset, ByteBuffer bytes, boolean end) throws InterruptedException;

    /** Removes a final job and its output. */
    void delete(JobId id);

    /** Opens a reader of the output. A failure is thrown here or by the first {@link OutputReader#next}. */
    OutputReader output(JobId id, OutputQuery query);

    CallerIdentity whoami();

    ServerInfo serverInfo();

    /** Frees what belongs to this view of the worker; jobs are not touched. */
    @Override
    void close();
}

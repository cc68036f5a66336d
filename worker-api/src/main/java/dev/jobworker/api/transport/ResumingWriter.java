package dev.jobworker.api.transport;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Input of a job at the other end of a connection, byte-exact over as many connections as it takes: what was not surely taken is written once more at
 * its offset. For one thread, the one writer of its job, and a server that was there before: it is waited for.
 */
public final class ResumingWriter {
    private final JobWorker worker;
    private final JobId job;
    private final Consumer<String> notices;
    private final Retry retry;
    private long offset;
    private boolean answered;

    /**
     * @param offset where in the input the first write begins
     * @param notices told in one sentence when a broken input is being resumed
     */
    public ResumingWriter(JobWorker worker, JobId job, long offset, Consumer<String> notices, Retry retry) {
        this.worker = worker;
        this.job = job;
        this.offset = offset;
        this.notices = notices;
        this.retry = retry;
    }

    /** Writes as {@link JobWorker#writeInput} does; fails with CONNECTION_FAILED if it could not be resumed for long enough. */
    public Job write(ByteBuffer bytes, boolean end) throws InterruptedException {
        long firstFailure = System.nanoTime();
        for (int failures = 1; ; failures++) {
            try {
                Job after = worker.writeInput(job, offset, bytes, end);
                offset += bytes.remaining();
                answered = true;
                return after;
            } catch (WorkerException failure) {
                if (!mayPass(failure.reason(), answered || failures > 1)) {
                    throw failure;
                }
                firstFailure = failures == 1 ? System.nanoTime() : firstFailure;
                checkPatience(firstFailure, failure);
                if (failures == 1) {
                    notices.accept("the input of job " + job + " broke off (" + failure.getMessage()
                            + "), resuming at byte " + offset);
                }
            }
            Thread.sleep(retry.delay(failures));
        }
    }

    private void checkPatience(long firstFailure, WorkerException failure) {
        Duration giveUp = retry.giveUp();
        if (System.nanoTime() - firstFailure > giveUp.toNanos()) {
            throw new WorkerException(
                    Reason.CONNECTION_FAILED,
                    "the input could not be resumed for " + giveUp.toSeconds() + " s: " + failure.getMessage(),
                    Map.of(),
                    failure);
        }
    }

    /** Once it wrote, its server counts it still for a while after the connection broke. */
    private static boolean mayPass(Reason reason, boolean wrote) {
        return switch (reason) {
            case CONNECTION_FAILED, SERVER_SHUTTING_DOWN -> true;
            case QUOTA_EXCEEDED, SERVER_OVERLOADED -> wrote;
            default -> false;
        };
    }
}

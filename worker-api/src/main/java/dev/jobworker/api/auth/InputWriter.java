package dev.jobworker.api.auth;

import dev.jobworker.api.CoreFailures;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobException;
import dev.jobworker.core.JobId;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The standard input of a job, opened for one caller: admitted, audited and counted once, however many pieces are written. For one thread at a time;
 * {@link #close} may be called by any.
 */
public final class InputWriter implements AutoCloseable {
    private final JobEngine engine;
    private final JobId job;
    private final Supplier<Duration> admittedFor;
    private final GuardedCall call;
    private final StreamQuota.Permit permit;

    /** @param admittedFor how long the caller will still be admitted; throws if it is not any more */
    InputWriter(
            JobEngine engine, JobId job, Supplier<Duration> admittedFor, GuardedCall call, StreamQuota.Permit permit) {
        this.engine = engine;
        this.job = job;
        this.admittedFor = admittedFor;
        this.call = call;
        this.permit = permit;
    }

    /**
     * Writes a piece, as {@link JobEngine#writeInput} does.
     *
     * @throws WorkerException of the contract; the writer is of no use any more
     */
    public Job write(@Nullable Long offset, ByteBuffer bytes, boolean end) throws InterruptedException {
        try {
            Duration _ = admittedFor.get();
            return engine.writeInput(job, offset, bytes, end);
        } catch (JobException failed) {
            throw call.refused(CoreFailures.translate(failed));
        } catch (WorkerException noLongerAdmitted) {
            throw call.deny(noLongerAdmitted);
        }
    }

    /** Gives the caller's place back. Never fails; a second call does nothing. */
    @Override
    public void close() {
        if (permit.release()) {
            call.audit(AuditEvent.Decision.CLOSED, job);
        }
    }
}

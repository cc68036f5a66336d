package dev.jobworker.core;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * Runs jobs and keeps them in a state directory. One engine a directory. Thread-safe.
 *
 * <p>Every method that names a job throws {@link JobException} with {@link Failure.NoSuchJob} if there is none, and with {@link Failure.Closed}
 * after {@link #close}.
 */
public final class JobEngine implements AutoCloseable {
    private JobEngine() {}

    /** Opens the engine on {@code stateDirectory}, making it if it is absent, and takes up every job that is there. */
    public static JobEngine open(Path stateDirectory, EngineOptions options) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Starts a job and returns it when its program has been executed. */
    public Job start(StartRequest request) {
        throw new UnsupportedOperationException();
    }

    public Job get(JobId id) {
        throw new UnsupportedOperationException();
    }

    /** Returns at most {@code max} jobs that match, newest first, older than {@code before} if that is given. */
    public List<Job> list(JobFilter filter, @Nullable JobId before, int max) {
        throw new UnsupportedOperationException();
    }

    /** Orders the end of a job and returns it as it then is, without waiting. Does nothing to a job that is final or stops earlier. */
    public Job stop(JobId id, Duration gracePeriod, String requestedBy) {
        throw new UnsupportedOperationException();
    }

    /** Sends a signal to the process group of the main process. Does nothing to a final job. */
    public Job signal(JobId id, Signal signal) {
        throw new UnsupportedOperationException();
    }

    public OutputReader output(JobId id, OutputQuery query) {
        throw new UnsupportedOperationException();
    }

    /** Waits until the job is final, at most {@code maxWait}, and returns it as it then is. */
    public Job await(JobId id, Duration maxWait) throws InterruptedException {
        throw new UnsupportedOperationException();
    }

    /** Completes with the final job; exceptionally with {@link JobException} if the engine is closed before. */
    public CompletionStage<Job> onExit(JobId id) {
        throw new UnsupportedOperationException();
    }

    /** Removes a final job and its output. */
    public void delete(JobId id) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}

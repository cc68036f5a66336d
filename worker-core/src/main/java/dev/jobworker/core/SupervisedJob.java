package dev.jobworker.core;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A job in memory: its latest snapshot, who waits for the next one, and the way to its shim.
 *
 * <p>A snapshot is immutable and replaced as a whole, so status and output sizes are always seen together: whoever sees a final status sees the
 * final sizes, and the bytes were in the file before either. Writers are the loop's thread, {@code stop}, and the one thread that finds the end.
 */
final class SupervisedJob implements ShimLoop.Listener {
    private final JobFolder folder;
    private final Consumer<SupervisedJob> onShimGone;
    private final UUID requestId;
    private final String requestDigest;
    private final CompletableFuture<Job> exit = new CompletableFuture<>();
    private final CompletableFuture<Boolean> firstStatus = new CompletableFuture<>();
    private final Published<Job> snapshot;

    private volatile ShimLoop.@Nullable Link link;

    SupervisedJob(Job job, JobRecord record, JobFolder folder, Consumer<SupervisedJob> onShimGone) {
        snapshot = new Published<>(job, value -> value.state().isFinal());
        requestId = record.requestId();
        requestDigest = record.requestDigest();
        this.folder = folder;
        this.onShimGone = onShimGone;
        if (job.state().isFinal()) {
            exit.complete(job);
        }
    }

    Job job() {
        return snapshot.get();
    }

    /** Returns the job's latest state and those who wait for the next. */
    Published<Job> snapshot() {
        return snapshot;
    }

    UUID requestId() {
        return requestId;
    }

    String requestDigest() {
        return requestDigest;
    }

    JobFolder folder() {
        return folder;
    }

    void linkTo(ShimLoop.Link shim) {
        link = shim;
    }

    /** Waits for the first word of the shim; false if it does not come in time. */
    boolean awaitFirstStatus(Duration maxWait) {
        return firstStatus
                .copy()
                .completeOnTimeout(false, maxWait.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }

    @Override
    public void status(ShimStatus status) {
        snapshot.update(before -> {
            JobStatus now = status.stopping() || before.status() instanceof JobStatus.Stopping
                    ? new JobStatus.Stopping(status.pid(), status.startTime(), stopCause(before.status(), status))
                    : new JobStatus.Running(status.pid(), status.startTime());
            return with(before, now, status.output());
        });
        firstStatus.complete(true);
    }

    private static Cause.Kind stopCause(JobStatus before, ShimStatus status) {
        if (status.stopping()) {
            return status.cause();
        }
        return before instanceof JobStatus.Stopping stopping ? stopping.cause() : Cause.Kind.STOP_REQUEST;
    }

    @Override
    public void ended() {
        link = null;
        onShimGone.accept(this);
    }

    /** Publishes the end. The second end of a job is ignored. */
    void end(JobStatus finalStatus, OutputInfo output) {
        snapshot.update(before -> with(before, finalStatus, output));
        exit.complete(job());
        firstStatus.complete(true);
    }

    /** Orders a stop. Nothing happens if the job has ended. */
    void stop(Cause.Kind cause, Duration gracePeriod, String requestedBy) {
        if (order(ShimOrder.stop(cause, Signal.TERM, gracePeriod, requestedBy))) {
            snapshot.update(before -> before.status() instanceof JobStatus.Running(int pid, Instant startTime)
                    ? with(before, new JobStatus.Stopping(pid, startTime, cause), before.output())
                    : before);
        }
    }

    void signal(Signal signal) {
        order(ShimOrder.signal(signal));
    }

    private boolean order(ByteBuffer order) {
        ShimLoop.Link shim = link;
        if (shim == null || job().state().isFinal()) {
            return false;
        }
        if (!shim.send(order)) {
            throw new JobException(new Failure.Internal("the shim of job " + job().id() + " does not take orders"));
        }
        return true;
    }

    Job await(Duration maxWait) throws InterruptedException {
        try {
            return exit.get(maxWait.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return job();
        } catch (ExecutionException e) {
            throw new JobException(new Failure.Closed(), e);
        }
    }

    /** In a thread of its own: what others do at the end of a job, {@link JobEngine#close} for example, must not hold up the end. */
    CompletionStage<Job> onExit() {
        return exit.thenApplyAsync(Function.identity(), Thread::startVirtualThread)
                .minimalCompletionStage();
    }

    /** Ends all waiting: the engine closes. */
    void closeEngine() {
        exit.completeExceptionally(new JobException(new Failure.Closed()));
        snapshot.close();
    }

    private static Job with(Job job, JobStatus status, OutputInfo output) {
        return new Job(job.id(), job.owner(), job.spec(), job.createTime(), status, output);
    }
}

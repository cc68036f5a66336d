package dev.jobworker.core;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
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
    /** How long an order waits for a connection that is being made again. */
    private static final Duration RELINK_WAIT = Duration.ofSeconds(10);

    private final JobFolder folder;
    private final Consumer<SupervisedJob> onShimGone;
    private final UUID requestId;
    private final String requestDigest;
    private final CompletableFuture<Job> exit = new CompletableFuture<>();
    private final CompletableFuture<Boolean> firstStatus = new CompletableFuture<>();
    private final Published<Job> snapshot;

    /** Whose turn it is to write to the job's standard input. Held while the job does not read. */
    private final Semaphore inputTurn = new Semaphore(1, true);

    /** Written under this object's monitor, read freely. */
    private volatile ShimLoop.@Nullable Link link;

    /** Given to some connection. Guarded by this object's monitor. */
    private @Nullable ByteBuffer lastStop;

    /** Which connection was given input last, and how far. Both guarded by {@link #inputTurn}. */
    private ShimLoop.@Nullable Link inputLink;

    private long inputGiven;

    private final AtomicBoolean deleted = new AtomicBoolean();

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

    /** Takes the connection to the shim, unless it has ended already. */
    void linkTo(ShimLoop.Link shim) {
        ByteBuffer stop;
        synchronized (this) {
            if (shim.isOver()) {
                return;
            }
            link = shim;
            stop = lastStop;
        }
        if (stop != null) {
            shim.send(stop.duplicate()); // the connection that it was given to may have ended before it was read
        }
        // For those who wait for the connection: what the shim says may have come before.
        snapshot.update(job -> with(job, job.status(), job.output(), job.input()));
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
            return with(before, now, status.output(), status.input());
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
        synchronized (this) {
            link = null;
        }
        onShimGone.accept(this);
    }

    /** Publishes the end. The second end of a job is ignored. */
    void end(JobStatus finalStatus, OutputInfo output, InputInfo input) {
        snapshot.update(before -> with(before, finalStatus, output, input));
        exit.complete(job());
        firstStatus.complete(true);
    }

    /**
     * Orders a stop. Nothing happens if the job has ended.
     *
     * @param gracePeriod null for the job's own
     */
    void stop(Cause.Kind cause, @Nullable Duration gracePeriod, String requestedBy) {
        JobSpec spec = job().spec();
        Duration grace = gracePeriod == null ? spec.gracePeriod() : gracePeriod;
        ByteBuffer order =
                ShimOrder.stop(cause, spec.stopSignal(), grace, requestedBy).asReadOnlyBuffer();
        ShimLoop.Link taker = order(order);
        if (taker != null) {
            ShimLoop.Link now;
            synchronized (this) {
                lastStop = order;
                now = link;
            }
            if (now != null && !now.equals(taker)) {
                now.send(order.duplicate()); // it came between, and was not told yet
            }
            snapshot.update(before -> before.status() instanceof JobStatus.Running(int pid, Instant startTime)
                    ? with(before, new JobStatus.Stopping(pid, startTime, cause), before.output(), before.input())
                    : before);
        }
    }

    void signal(Signal signal) {
        ShimLoop.Link _ = order(ShimOrder.signal(signal));
    }

    /** Returns the connection that took the order; null if the job is over. */
    private ShimLoop.@Nullable Link order(ByteBuffer order) {
        try (Published<Job>.Waiter waiter = snapshot.waiter()) {
            long deadline = OutputReader.deadline(RELINK_WAIT);
            while (true) {
                Job seen = job();
                ShimLoop.Link shim = link;
                if (seen.state().isFinal()) {
                    return null;
                }
                if (shim != null) {
                    if (!shim.send(order.duplicate())) {
                        throw unreachable("does not take orders");
                    }
                    return shim;
                }
                // The job has just ended, or its connection is being made again.
                if (!waiter.await(seen, deadline) || snapshot.isClosed()) {
                    throw unreachable("is not connected");
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new JobException(new Failure.Internal("interrupted while the shim is being found"), e);
        }
    }

    private JobException unreachable(String how) {
        return new JobException(new Failure.Internal("the shim of job " + job().id() + " " + how));
    }

    /** Whether somebody deletes it, or has. */
    boolean isDeleted() {
        return deleted.get();
    }

    /** Returns false if somebody was faster. */
    boolean beginDeletion() {
        return deleted.compareAndSet(false, true);
    }

    void cancelDeletion() {
        deleted.set(false);
    }

    /** As {@link JobEngine#writeInput}. One caller at a time; the others wait for their turn. */
    Job writeInput(@Nullable Long offset, ByteBuffer bytes, boolean end) throws InterruptedException {
        if (offset != null && offset < 0) {
            throw new JobException(new Failure.Invalid("offset", "is negative: " + offset));
        }
        if (!job().spec().streamInput()) {
            throw new JobException(new Failure.InputClosed(job().id()));
        }
        inputTurn.acquire();
        try (Published<Job>.Waiter waiter = snapshot.waiter()) {
            long begin = offset == null ? endOfInput(waiter) : offset;
            return new InputTransfer(begin, bytes, end).run(waiter);
        } finally {
            inputTurn.release();
        }
    }

    /**
     * Waits until the pipe has taken what was given to the shim, and returns how much that is: a writer who was interrupted may have left something
     * there. With its connection the shim forgets it.
     */
    private long endOfInput(Published<Job>.Waiter waiter) throws InterruptedException {
        while (true) {
            Job job = job();
            ShimLoop.Link shim = link;
            boolean forgotten = inputLink == null || (shim != null && !shim.equals(inputLink));
            if (forgotten || job.input().bytes() >= inputGiven || !job.input().open() || snapshot.isClosed()) {
                return job.input().bytes();
            }
            waiter.await(job, Long.MAX_VALUE);
        }
    }

    /** One write to the job's standard input, again from what the pipe has taken whenever the connection to the shim was made again. */
    private final class InputTransfer {
        private final long begin;
        private final ByteBuffer bytes;
        private final long target;
        private final boolean end;

        private ShimLoop.@Nullable Link sentBy;
        private long sent;
        private boolean endSent;

        InputTransfer(long offset, ByteBuffer bytes, boolean end) {
            begin = offset;
            this.bytes = bytes.duplicate();
            target = offset > Long.MAX_VALUE - bytes.remaining() ? Long.MAX_VALUE : offset + bytes.remaining();
            this.end = end;
        }

        Job run(Published<Job>.Waiter waiter) throws InterruptedException {
            while (true) {
                if (snapshot.isClosed()) {
                    throw new JobException(new Failure.Closed());
                }
                Job job = job();
                InputInfo input = job.input();
                if (input.bytes() >= target && !(end && input.open())) {
                    return job;
                }
                if (!input.open()) {
                    throw new JobException(new Failure.InputClosed(job.id()));
                }
                if (begin > input.bytes()) {
                    throw new JobException(new Failure.OffsetOutOfRange(begin, input.bytes()));
                }
                ShimLoop.Link shim = link;
                if (shim != null) {
                    send(shim, input.bytes());
                }
                waiter.await(job, Long.MAX_VALUE);
            }
        }

        private void send(ShimLoop.Link shim, long taken) {
            if (!shim.equals(sentBy)) {
                sentBy = shim;
                sent = Math.max(begin, taken);
                endSent = false;
            }
            long window = taken + ShimOrder.INPUT_WINDOW;
            while (sent < Math.min(target, window)) {
                int from = bytes.position() + (int) (sent - begin);
                int size = (int) Math.min(ShimOrder.MAX_INPUT_BYTES, Math.min(target, window) - sent);
                shim.sendInput(ShimOrder.input(sent, bytes.slice(from, size)));
                sent += size;
            }
            inputGiven = shim.equals(inputLink) ? Math.max(inputGiven, sent) : sent;
            inputLink = shim;
            if (end && !endSent && taken >= target) { // not before: who is interrupted leaves the input open
                shim.sendInput(ShimOrder.endInput(target));
                endSent = true;
            }
        }
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

    private static Job with(Job job, JobStatus status, OutputInfo output, InputInfo input) {
        return new Job(job.id(), job.owner(), job.spec(), job.createTime(), status, output, input);
    }
}

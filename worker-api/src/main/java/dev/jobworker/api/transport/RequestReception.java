package dev.jobworker.api.transport;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Bounds the memory of requests that are on their way: of one identity {@link #MAX_AT_A_TIME} are received at a time, the others wait unread,
 * where flow control holds them, and each must be there within {@link #MAX_TIME}. So nobody fills the server with requests that he never
 * finishes.
 *
 * <p>Thread-safe. The timer's thread, "jobworker-reception", only closes calls. Identities are those of the policy, so they are few.
 */
public final class RequestReception implements AutoCloseable {
    public static final int MAX_AT_A_TIME = 16;
    private static final Duration MAX_TIME = Duration.ofSeconds(30);

    private final Duration maxTime;
    private final ConcurrentMap<String, Semaphore> turns = new ConcurrentHashMap<>();
    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().name("jobworker-reception").daemon().factory());

    public RequestReception() {
        this(MAX_TIME);
    }

    public RequestReception(Duration maxTime) {
        this.maxTime = maxTime;
        timer.setRemoveOnCancelPolicy(true); // almost every request is there in time
    }

    /**
     * Waits until a request of {@code identity} may be read.
     *
     * @param onTooSlow run, if {@link Turn#end} has not been called in time, by the timer's thread
     * @throws WorkerException SERVER_OVERLOADED if there is no turn in time
     */
    public Turn await(String identity, Runnable onTooSlow) {
        Semaphore free = turns.computeIfAbsent(identity, _ -> new Semaphore(MAX_AT_A_TIME, true));
        try {
            if (!free.tryAcquire(maxTime.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new WorkerException(
                        Reason.SERVER_OVERLOADED, "too many requests of this identity are not finished");
            }
        } catch (InterruptedException shutdown) {
            Thread.currentThread().interrupt();
            throw WaitingCalls.shuttingDown();
        }
        return new Turn(free, onTooSlow);
    }

    /** Returns what the caller of a request that is not there in time is told. */
    public static WorkerException tooSlow() {
        return new WorkerException(Reason.SERVER_OVERLOADED, "the request did not come in time");
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }

    /** The reception of one request. */
    public final class Turn implements AutoCloseable {
        private final Semaphore free;
        private final AtomicBoolean ended = new AtomicBoolean();
        private final Future<?> timeout;

        private Turn(Semaphore free, Runnable onTooSlow) {
            this.free = free;
            this.timeout = timer.schedule(
                    () -> {
                        if (release()) {
                            onTooSlow.run();
                        }
                    },
                    maxTime.toNanos(),
                    TimeUnit.NANOSECONDS);
        }

        /** The request is there, or will never be. Returns false if it ended before, for example because it took too long. */
        public boolean end() {
            timeout.cancel(false);
            return release();
        }

        /** The same as {@link #end}. */
        @Override
        public void close() {
            end();
        }

        private boolean release() {
            boolean first = ended.compareAndSet(false, true);
            if (first) {
                free.release();
            }
            return first;
        }
    }
}

package dev.jobworker.api.transport;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Output of a job at the other end of a connection, byte-exact over as many connections as it takes.
 *
 * <p>Everything happens in the thread that calls {@link #next}; the transport's threads only put what arrives into a queue, and no more
 * is there than was asked for. When a call breaks, or the server shuts down, or nothing comes for longer than the server's heartbeats
 * allow, another call asks for what follows the last byte received. An error of the contract is not retried. {@link #next} waits for the first
 * answer even if that takes longer than its caller wants to, so that a failure is always told.
 */
public final class ResumingReader implements OutputReader {
    private static final long UNKNOWN = -1;

    private final OutputCalls calls;
    private final String server;
    private final JobId job;
    private final OutputQuery query;
    private final Consumer<String> notices;
    private final Retry retry;
    private final BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();

    // These belong to the thread that calls next().
    private long nextOffset;
    private long received;
    private boolean answered;
    private int failures;
    private long firstFailure;
    private long retryAt = System.nanoTime();
    private OutputEvent.@Nullable End end;

    /** Whether any call got to the service; a server that was never there is not waited for. */
    private volatile boolean reached;

    // Written under the lock of this, so that close() by another thread misses no call.
    private volatile @Nullable Attempt attempt;
    private volatile boolean closed;

    /**
     * @param server its name, for messages
     * @param notices told in one sentence when a broken stream is being resumed
     */
    public ResumingReader(
            OutputCalls calls, String server, JobId job, OutputQuery query, Consumer<String> notices, Retry retry) {
        this.calls = calls;
        this.server = server;
        this.job = job;
        this.query = query;
        this.notices = notices;
        this.retry = retry;
        this.nextOffset = query.from() instanceof OutputQuery.From.Offset(long offset) ? offset : UNKNOWN;
    }

    /** What the transport tells {@link #next}; {@code of} is the attempt that it belongs to, perhaps an abandoned one. */
    private sealed interface Arrival {
        record Event(Attempt of, OutputEvent event) implements Arrival {}

        record Ended(Attempt of, WorkerException failure) implements Arrival {}

        record Closed() implements Arrival {}
    }

    /** One call for the rest of the output. */
    private final class Attempt implements OutputCalls.Receiver {
        private final OutputCalls.Call call;
        /** When something came last, or was last asked for: who does not ask hears nothing. */
        private volatile long lastSign = System.nanoTime();

        private boolean first = true;

        @SuppressWarnings("ThisEscapedInObjectConstruction") // what it is told goes into a queue, to be read later
        Attempt(OutputQuery rest) {
            call = calls.open(rest, this);
        }

        @Override
        public void reached() {
            reached = true;
        }

        @Override
        public void event(OutputEvent event) {
            lastSign = System.nanoTime();
            arrivals.add(new Arrival.Event(this, event));
        }

        @Override
        public void ended(WorkerException failure) {
            arrivals.add(new Arrival.Ended(this, failure));
        }
    }

    @Override
    public OutputEvent next(Duration maxWait) throws InterruptedException {
        long start = System.nanoTime();
        long wait = TimeUnit.NANOSECONDS.convert(maxWait);
        OutputEvent event = end;
        while (event == null) {
            Attempt current = attempt;
            long now = System.nanoTime();
            if (current == null && now - retryAt >= 0) {
                current = open();
            }
            long untilStep = current == null
                    ? retryAt - now
                    : current.lastSign + retry.silence().toNanos() - now;
            long untilIdle = answered ? wait - (now - start) : Long.MAX_VALUE;
            Arrival arrival = arrivals.poll(Math.min(untilStep, untilIdle), TimeUnit.NANOSECONDS);
            if (arrival != null) {
                event = take(arrival);
            } else if (untilIdle <= untilStep) {
                event = new OutputEvent.Idle(nextOffset);
            } else if (current != null) {
                resumeLater(new WorkerException(
                        Reason.CONNECTION_FAILED,
                        "nothing came from " + server + " for "
                                + retry.silence().toSeconds() + " s"));
            }
        }
        return event;
    }

    private synchronized Attempt open() {
        if (closed) {
            throw closed();
        }
        OutputQuery.From from = nextOffset == UNKNOWN ? query.from() : new OutputQuery.From.Offset(nextOffset);
        Attempt opened =
                new Attempt(new OutputQuery(query.view(), from, query.follow(), query.limitBytes() - received));
        attempt = opened;
        return opened;
    }

    private @Nullable OutputEvent take(Arrival arrival) {
        return switch (arrival) {
            case Arrival.Closed() -> throw closed();
            case Arrival.Event(Attempt of, OutputEvent event) -> of == attempt ? take(of, event) : null;
            case Arrival.Ended(Attempt of, WorkerException failure) -> {
                if (of == attempt) {
                    resumeLater(failure);
                }
                yield null;
            }
        };
    }

    private @Nullable OutputEvent take(Attempt of, OutputEvent event) {
        of.lastSign = System.nanoTime();
        of.call.request();
        answered = true;
        // The first answer of a call may be an empty one, which is no progress yet.
        failures = of.first && event instanceof OutputEvent.Idle ? failures : 0;
        of.first = false;
        return switch (event) {
            case OutputEvent.Chunk chunk -> {
                int size = chunk.bytes().remaining();
                advance(chunk.offset(), size);
                received += size;
                if (received > query.limitBytes()) {
                    abandon();
                    throw new WorkerException(
                            Reason.INTERNAL,
                            server + " sent " + received + " bytes of the output where at most " + query.limitBytes()
                                    + " were asked for");
                }
                yield chunk;
            }
            case OutputEvent.Idle(long offset) -> {
                advance(offset, 0);
                yield null;
            }
            case OutputEvent.End last -> {
                advance(last.nextOffset(), 0);
                end = last;
                abandon();
                yield last;
            }
        };
    }

    private void advance(long offset, int size) {
        if (nextOffset != UNKNOWN && offset != nextOffset && !(mayMove() && offset > nextOffset)) {
            abandon();
            throw new WorkerException(
                    Reason.INTERNAL,
                    server + " sent byte " + offset + " of the output where " + nextOffset + " was due");
        }
        nextOffset = offset + size;
    }

    /** Who asks for the tail, of a log that keeps no more than its tail, begins with what there is when the first byte is read. */
    private boolean mayMove() {
        return received == 0 && !(query.from() instanceof OutputQuery.From.Offset);
    }

    private void resumeLater(WorkerException failure) {
        abandon();
        if (failure.reason() == Reason.OUTPUT_TRUNCATED && nextOffset != UNKNOWN && mayMove()) {
            String earliest = failure.details().getOrDefault("earliest_offset", "");
            if (earliest.matches("[0-9]{1,18}") && Long.parseLong(earliest) > nextOffset) {
                nextOffset = Long.parseLong(earliest);
                retryAt = System.nanoTime();
                return;
            }
        }
        long now = System.nanoTime();
        firstFailure = failures++ == 0 ? now : firstFailure;
        if (!mayPass(failure.reason()) || calls.isClosed() || (!reached && failures >= Retry.ATTEMPTS)) {
            throw failure;
        }
        if (now - firstFailure > retry.giveUp().toNanos()) {
            throw new WorkerException(
                    Reason.CONNECTION_FAILED,
                    "the output could not be resumed for " + retry.giveUp().toSeconds() + " s: " + failure.getMessage(),
                    Map.of(),
                    failure);
        }
        if (reached && failures == 1) {
            notices.accept("the output of job " + job + " broke off (" + failure.getMessage() + "), resuming "
                    + (nextOffset == UNKNOWN ? "where it began" : "at byte " + nextOffset));
        }
        retryAt = now + retry.delay(failures).toNanos();
    }

    /** Once the output came, its server counts it still for a while after the connection broke. */
    private boolean mayPass(Reason reason) {
        return switch (reason) {
            case CONNECTION_FAILED, SERVER_SHUTTING_DOWN -> true;
            case QUOTA_EXCEEDED, SERVER_OVERLOADED -> answered;
            default -> false;
        };
    }

    private synchronized void abandon() {
        Attempt abandoned = attempt;
        if (abandoned != null) {
            attempt = null;
            abandoned.call.cancel();
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        abandon();
        arrivals.add(new Arrival.Closed());
    }

    private static WorkerException closed() {
        return new WorkerException(Reason.SERVER_SHUTTING_DOWN, "the reader was closed");
    }
}

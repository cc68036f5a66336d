package dev.jobworker.grpc;

import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
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
 * <p>Everything happens in the thread that calls {@link #next}; gRPC's thread only puts what arrives into a queue, and no more than
 * {@link #IN_FLIGHT} messages are asked for. When a call breaks, or the server shuts down, or nothing comes for longer than the server's heartbeats
 * allow, another call asks for what follows the last byte received. An error of the contract is not retried. {@link #next} waits for the first
 * answer even if that takes longer than its caller wants to, so that a failure is always told.
 */
final class ResumingReader implements OutputReader {
    private static final int IN_FLIGHT = 2;
    private static final long UNKNOWN = -1;

    private final ManagedChannel channel;
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
    private volatile @Nullable Call call;
    private volatile boolean closed;

    ResumingReader(
            ManagedChannel channel,
            String server,
            JobId job,
            OutputQuery query,
            Consumer<String> notices,
            Retry retry) {
        this.channel = channel;
        this.server = server;
        this.job = job;
        this.query = query;
        this.notices = notices;
        this.retry = retry;
        this.nextOffset = query.from() instanceof OutputQuery.From.Offset(long offset) ? offset : UNKNOWN;
    }

    /** What gRPC's thread tells {@link #next}; {@code of} is the call that it belongs to, perhaps an abandoned one. */
    private sealed interface Arrival {
        record Message(Call of, StreamOutputResponse message) implements Arrival {}

        record Ended(Call of, StatusRuntimeException status) implements Arrival {}

        record Closed() implements Arrival {}
    }

    /** One StreamOutput call. */
    private final class Call extends ClientCall.Listener<StreamOutputResponse> {
        private final ClientCall<?, ?> grpcCall;
        /** When it came last, or was last asked for more: who does not ask hears nothing. */
        private volatile long lastSign = System.nanoTime();

        private boolean first = true;

        Call(OutputQuery rest) {
            var newCall = channel.newCall(JobServiceGrpc.getStreamOutputMethod(), CallOptions.DEFAULT);
            grpcCall = newCall;
            newCall.start(this, new Metadata());
            newCall.request(IN_FLIGHT);
            newCall.sendMessage(Wire.outputRequest(job, rest));
            newCall.halfClose();
        }

        @Override
        public void onHeaders(Metadata headers) {
            reached = true;
        }

        @Override
        public void onMessage(StreamOutputResponse message) {
            lastSign = System.nanoTime();
            arrivals.add(new Arrival.Message(this, message));
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            arrivals.add(new Arrival.Ended(this, status.asRuntimeException(trailers)));
        }
    }

    @Override
    public OutputEvent next(Duration maxWait) throws InterruptedException {
        long start = System.nanoTime();
        long wait = TimeUnit.NANOSECONDS.convert(maxWait);
        OutputEvent event = end;
        while (event == null) {
            Call current = call;
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
                resumeLater(Status.UNAVAILABLE
                        .withDescription("nothing came for " + retry.silence().toSeconds() + " s")
                        .asRuntimeException());
            }
        }
        return event;
    }

    private synchronized Call open() {
        if (closed) {
            throw closed();
        }
        if (failures > 0) {
            // gRPC has a delay of its own, up to 2 min, in which it would only repeat the old failure.
            channel.resetConnectBackoff();
        }
        OutputQuery.From from = nextOffset == UNKNOWN ? query.from() : new OutputQuery.From.Offset(nextOffset);
        Call opened = new Call(new OutputQuery(query.view(), from, query.follow(), query.limitBytes() - received));
        call = opened;
        return opened;
    }

    private @Nullable OutputEvent take(Arrival arrival) {
        return switch (arrival) {
            case Arrival.Closed() -> throw closed();
            case Arrival.Message(Call of, StreamOutputResponse message) -> of == call ? take(of, message) : null;
            case Arrival.Ended(Call of, StatusRuntimeException status) -> {
                if (of == call) {
                    resumeLater(status);
                }
                yield null;
            }
        };
    }

    private @Nullable OutputEvent take(Call of, StreamOutputResponse message) {
        OutputEvent event = Wire.fromProto(message).orElse(null);
        of.lastSign = System.nanoTime();
        of.grpcCall.request(1);
        answered = true;
        // The first answer of a call may be an empty one, which is no progress yet.
        failures = of.first && event instanceof OutputEvent.Idle ? failures : 0;
        of.first = false;
        return switch (event) {
            case null -> null;
            case OutputEvent.Chunk chunk -> {
                int size = chunk.bytes().remaining();
                advance(chunk.offset(), size);
                received += size;
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
        if (nextOffset != UNKNOWN && offset != nextOffset) {
            abandon();
            throw new WorkerException(
                    Reason.INTERNAL,
                    server + " sent byte " + offset + " of the output where " + nextOffset + " was due");
        }
        nextOffset = offset + size;
    }

    private void resumeLater(StatusRuntimeException status) {
        abandon();
        WorkerException failure = GrpcErrors.toWorkerException(status, server);
        long now = System.nanoTime();
        firstFailure = failures++ == 0 ? now : firstFailure;
        if (!mayPass(failure.reason()) || channel.isShutdown() || (!reached && failures >= Retry.ATTEMPTS)) {
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
        Call abandoned = call;
        if (abandoned != null) {
            call = null;
            abandoned.grpcCall.cancel("abandoned by the reader", null);
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

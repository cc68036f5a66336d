package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Wire;
import dev.jobworker.api.transport.WaitingCalls;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One StreamOutput call and its virtual thread.
 *
 * <p>{@link #run} is all that the thread does: read an event, send it, wait until gRPC wants more. So a client that does not read costs what one event
 * and gRPC's buffer take. gRPC's own threads only wake it.
 */
final class StreamOutputCall implements Runnable {
    private final JobWorker worker;
    private final JobId job;
    private final OutputQuery query;
    private final Duration heartbeat;
    private final WaitingCalls waitingCalls;
    private final ServerCallStreamObserver<StreamOutputResponse> client;
    private final Supplier<Duration> admittedFor = AuthenticatingInterceptor.ADMITTED_FOR.get();
    // Written by the call's thread, for those who wake it or end the call.
    private volatile @Nullable Thread thread;

    private volatile @Nullable OutputReader reader;
    // Set once: the client is gone, or the server shuts down.
    private volatile boolean ended;

    StreamOutputCall(
            JobWorker worker,
            JobId job,
            OutputQuery query,
            Duration heartbeat,
            WaitingCalls waitingCalls,
            ServerCallStreamObserver<StreamOutputResponse> client) {
        this.worker = worker;
        this.job = job;
        this.query = query;
        this.heartbeat = heartbeat;
        this.waitingCalls = waitingCalls;
        this.client = client;
    }

    void start(Executor threads) {
        client.setOnReadyHandler(() -> LockSupport.unpark(thread));
        client.setOnCancelHandler(this::end);
        threads.execute(Context.current().wrap(this));
    }

    private void end() {
        ended = true;
        OutputReader open = reader;
        if (open != null) {
            open.close();
        }
        LockSupport.unpark(thread);
    }

    @Override
    public void run() {
        thread = Thread.currentThread();
        Runnable ender = this::end;
        waitingCalls.add(ender);
        try {
            stream();
            client.onCompleted();
        } catch (InterruptedException | RuntimeException | Error failure) {
            // Closing the reader makes it throw; that is not news.
            client.onError(GrpcErrors.toStatus(ended ? WaitingCalls.shuttingDown() : failure));
        } finally {
            waitingCalls.remove(ender);
        }
    }

    private void stream() throws InterruptedException {
        try (OutputReader output = worker.output(job, query)) {
            reader = output;
            // The first answer comes at once: the client of a tail learns where it begins, and can resume from there.
            Duration maxWait = Duration.ZERO;
            OutputEvent event;
            do {
                awaitReady();
                event = output.next(maxWait);
                client.onNext(Wire.toProto(event));
                maxWait = heartbeat;
            } while (!(event instanceof OutputEvent.End));
        }
    }

    private static long nanos(Duration time) {
        return time.compareTo(OutputReader.FOREVER) < 0 ? time.plusMillis(1).toNanos() : Long.MAX_VALUE;
    }

    private void awaitReady() {
        while (!client.isReady() && !ended) {
            // A client that does not read, either, has its stream no longer than its certificate is good.
            LockSupport.parkNanos(this, nanos(admittedFor.get()));
        }
        if (ended) {
            throw WaitingCalls.shuttingDown();
        }
    }
}

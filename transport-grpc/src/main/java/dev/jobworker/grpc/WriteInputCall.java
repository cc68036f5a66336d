package dev.jobworker.grpc;

import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.AdmissionWatch;
import dev.jobworker.api.auth.InputWriter;
import dev.jobworker.api.auth.Interruption;
import dev.jobworker.api.transport.WaitingCalls;
import dev.jobworker.api.v1.WriteInputRequest;
import dev.jobworker.api.v1.WriteInputResponse;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One WriteInput call. Each message is given to the job before the next one is asked for, so a job that does not read costs one message and the stream's
 * window.
 *
 * <p>gRPC calls the methods of {@link StreamObserver} one at a time, in a virtual thread, which may block. {@link #end} comes from any thread.
 */
final class WriteInputCall implements StreamObserver<WriteInputRequest>, Context.CancellationListener {
    private final WaitingCalls waitingCalls;
    private final ServerCallStreamObserver<WriteInputResponse> client;
    private final Function<JobId, InputWriter> inputs = AuthenticatingInterceptor.INPUTS.get();
    private final Supplier<Duration> admittedFor = AuthenticatingInterceptor.ADMITTED_FOR.get();
    private final Context context = Context.current();

    private final Runnable ender = this::shutDown;
    private @Nullable AdmissionWatch watch;

    // Of the thread that gRPC calls in.
    private @Nullable InputWriter input;
    private @Nullable Long offset;
    private @Nullable Job job;

    // Both guarded by this: whether the call has been answered; the write that is under way.
    private boolean over;
    private @Nullable Interruption writing;

    WriteInputCall(WaitingCalls waitingCalls, ServerCallStreamObserver<WriteInputResponse> client) {
        this.waitingCalls = waitingCalls;
        this.client = client;
    }

    void start() {
        client.disableAutoRequest();
        client.setOnCancelHandler(this::free);
        client.setOnCloseHandler(this::free);
        watch = new AdmissionWatch(admittedFor, this::end);
        context.addListener(this, Runnable::run);
        waitingCalls.add(ender);
        client.request(1);
    }

    @Override
    public void onNext(WriteInputRequest request) {
        try {
            write(request);
        } catch (RuntimeException failure) {
            if (over()) {
                throw failure;
            }
        }
    }

    private void write(WriteInputRequest request) {
        InputWriter open = input;
        if (open == null) {
            offset = Wire.inputOffset(request);
            open = inputs.apply(Wire.jobId(request.getJobId()));
            input = open;
        }
        Interruption interruption = begin();
        boolean interrupted = false;
        try {
            job = open.write(offset, request.getData().asReadOnlyByteBuffer(), request.getEnd());
        } catch (InterruptedException ended) {
            interrupted = true;
        } finally {
            finish();
        }
        WorkerException reason = interruption.end();
        if (interrupted || reason != null) {
            throw reason == null ? WaitingCalls.shuttingDown() : reason;
        }
        Long from = offset;
        offset = from == null ? null : (Long) (from + request.getData().size());
        client.request(1);
    }

    private synchronized Interruption begin() {
        if (over) {
            throw WaitingCalls.shuttingDown(); // answered, or nobody is there to hear it
        }
        Interruption interruption = new Interruption();
        writing = interruption;
        return interruption;
    }

    private synchronized void finish() {
        writing = null;
    }

    /** Returns false if the call is over already: then it has been answered. */
    private synchronized boolean over() {
        boolean first = !over;
        over = true;
        return first;
    }

    /** The client has cancelled, its deadline has passed, its connection broke; or the call is over. */
    @Override
    public void cancelled(Context ended) {
        end(new WorkerException(Reason.CONNECTION_FAILED, "the client is gone"));
    }

    private void shutDown() {
        end(WaitingCalls.shuttingDown());
    }

    /** Ends the call from outside. */
    private void end(WorkerException why) {
        synchronized (this) {
            Interruption write = writing;
            if (write != null) {
                write.interrupt(why);
                return;
            }
            if (!over()) {
                return;
            }
        }
        client.onError(GrpcErrors.toStatus(why));
    }

    @Override
    public void onError(Throwable cancelled) {
        free();
    }

    /** The client has said all; what it said is taken, or this would not be called yet. */
    @Override
    public void onCompleted() {
        Job written = job;
        if (written != null && over()) {
            client.onNext(WriteInputResponse.newBuilder()
                    .setJob(Wire.toProto(written))
                    .build());
            client.onCompleted();
        }
    }

    /** At the end of the call, whichever it was. */
    private void free() {
        boolean _ = over();
        waitingCalls.remove(ender);
        context.removeListener(this);
        AdmissionWatch open = watch;
        if (open != null) {
            open.close();
        }
        InputWriter opened = input;
        if (opened != null) {
            opened.close();
        }
    }
}

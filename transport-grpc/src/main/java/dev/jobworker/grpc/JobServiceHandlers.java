package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.Interruption;
import dev.jobworker.api.transport.WaitingCalls;
import dev.jobworker.api.v1.DeleteJobRequest;
import dev.jobworker.api.v1.DeleteJobResponse;
import dev.jobworker.api.v1.GetJobRequest;
import dev.jobworker.api.v1.GetJobResponse;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.ListJobsRequest;
import dev.jobworker.api.v1.ListJobsResponse;
import dev.jobworker.api.v1.SignalJobRequest;
import dev.jobworker.api.v1.SignalJobResponse;
import dev.jobworker.api.v1.StartJobRequest;
import dev.jobworker.api.v1.StartJobResponse;
import dev.jobworker.api.v1.StopJobRequest;
import dev.jobworker.api.v1.StopJobResponse;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.api.v1.WriteInputRequest;
import dev.jobworker.api.v1.WriteInputResponse;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.Executor;

/** Translates the calls of JobService. What a handler throws becomes the status of its call in {@link AuthenticatingInterceptor}. */
final class JobServiceHandlers extends JobServiceGrpc.JobServiceImplBase {
    private final Executor threads;
    private final WaitingCalls waitingCalls;
    private final Duration heartbeat;

    JobServiceHandlers(Executor threads, WaitingCalls waitingCalls, Duration heartbeat) {
        this.threads = threads;
        this.waitingCalls = waitingCalls;
        this.heartbeat = heartbeat;
    }

    @Override
    public void startJob(StartJobRequest request, StreamObserver<StartJobResponse> client) {
        Job job = worker().start(Wire.requestId(request.getRequestId()), Wire.spec(request));
        answer(client, StartJobResponse.newBuilder().setJob(Wire.toProto(job)).build());
    }

    @Override
    public void getJob(GetJobRequest request, StreamObserver<GetJobResponse> client) {
        JobId id = Wire.jobId(request.getJobId());
        Job job = request.hasWaitTerminal() ? await(id, Wire.waitTerminal(request)) : worker().get(id);
        answer(client, GetJobResponse.newBuilder().setJob(Wire.toProto(job)).build());
    }

    @Override
    public void listJobs(ListJobsRequest request, StreamObserver<ListJobsResponse> client) {
        answer(client, Wire.toProto(worker().list(Wire.query(request))));
    }

    @Override
    public void stopJob(StopJobRequest request, StreamObserver<StopJobResponse> client) {
        Job job = worker().stop(Wire.jobId(request.getJobId()), Wire.gracePeriod(request));
        answer(client, StopJobResponse.newBuilder().setJob(Wire.toProto(job)).build());
    }

    @Override
    public void signalJob(SignalJobRequest request, StreamObserver<SignalJobResponse> client) {
        Job job = worker().signal(Wire.jobId(request.getJobId()), Wire.signal(request.getSignal()));
        answer(client, SignalJobResponse.newBuilder().setJob(Wire.toProto(job)).build());
    }

    @Override
    public void deleteJob(DeleteJobRequest request, StreamObserver<DeleteJobResponse> client) {
        worker().delete(Wire.jobId(request.getJobId()));
        answer(client, DeleteJobResponse.getDefaultInstance());
    }

    @Override
    public void streamOutput(StreamOutputRequest request, StreamObserver<StreamOutputResponse> client) {
        new StreamOutputCall(
                        worker(),
                        Wire.jobId(request.getJobId()),
                        Wire.outputQuery(request),
                        heartbeat,
                        waitingCalls,
                        (ServerCallStreamObserver<StreamOutputResponse>) client)
                .start(threads);
    }

    @Override
    public StreamObserver<WriteInputRequest> writeInput(StreamObserver<WriteInputResponse> client) {
        WriteInputCall call = new WriteInputCall(waitingCalls, (ServerCallStreamObserver<WriteInputResponse>) client);
        call.start();
        return call;
    }

    /* The thread is interrupted when the client cancels, its deadline passes, or the server shuts down. In the first two cases nobody sees the answer. */
    private Job await(JobId id, Duration maxWait) {
        Interruption interruption = new Interruption();
        Runnable ender = () -> interruption.interrupt(WaitingCalls.shuttingDown());
        Context.CancellationListener onCancel = _ -> ender.run();
        Context context = Context.current();
        context.addListener(onCancel, Runnable::run);
        waitingCalls.add(ender);
        try {
            return worker().await(id, maxWait);
        } catch (InterruptedException ended) {
            throw WaitingCalls.shuttingDown();
        } finally {
            waitingCalls.remove(ender);
            context.removeListener(onCancel);
            WorkerException _ = interruption.end();
        }
    }

    private static JobWorker worker() {
        return AuthenticatingInterceptor.WORKER.get();
    }

    private static <A> void answer(StreamObserver<A> client, A answer) {
        client.onNext(answer);
        client.onCompleted();
    }
}

package dev.jobworker.grpc;

import com.google.protobuf.ByteString;
import dev.jobworker.api.CallerIdentity;
import dev.jobworker.api.JobPage;
import dev.jobworker.api.JobQuery;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.ServerInfo;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.ResumingReader;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.api.v1.GetCallerIdentityRequest;
import dev.jobworker.api.v1.GetJobRequest;
import dev.jobworker.api.v1.GetServerInfoRequest;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.ListJobsRequest;
import dev.jobworker.api.v1.ServerServiceGrpc;
import dev.jobworker.api.v1.StartJobRequest;
import dev.jobworker.api.v1.StopJobRequest;
import dev.jobworker.api.v1.WriteInputRequest;
import dev.jobworker.api.v1.WriteInputResponse;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.Signal;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A worker at the other end of a gRPC connection.
 *
 * <p>A call fails when there is no answer within 30 s. A call that may be repeated without harm ({@link #start} has its request id) is tried again,
 * twice and at once, when the connection fails; {@link #signal}, {@link #writeInput} and {@link #delete} are not. {@link #output} resumes, see {@link ResumingReader}.
 */
public final class GrpcJobWorker implements JobWorker {
    private static final int CONNECT_TIMEOUT_MILLIS = 10_000;
    /** A page of many jobs with the longest command lines is larger than gRPC's default of 4 MiB. */
    private static final int MAX_MESSAGE_BYTES = 64 << 20;

    /** In one message: what a server holds for a job that does not read. */
    private static final int MAX_INPUT_BYTES = 256 << 10;

    private final String server;
    private final ManagedChannel channel;
    private final EventLoopGroup eventLoop;
    private final Consumer<String> notices;
    private final Retry retry;

    private GrpcJobWorker(String host, int port, TlsCredentials credentials, Consumer<String> notices, Retry retry) {
        this.server = host + ":" + port;
        this.notices = notices;
        this.retry = retry;
        this.eventLoop = new MultiThreadIoEventLoopGroup(
                1, new DefaultThreadFactory("jobworker-grpc-client", true), NioIoHandler.newFactory());
        this.channel = NettyChannelBuilder.forAddress(host, port)
                .sslContext(Tls.client(credentials))
                .channelType(NioSocketChannel.class)
                .eventLoopGroup(eventLoop)
                // Listeners only pass messages on; nothing of this class blocks the event loop.
                .directExecutor()
                .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_TIMEOUT_MILLIS)
                .keepAliveTime(20, TimeUnit.SECONDS)
                .keepAliveTimeout(10, TimeUnit.SECONDS)
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .build();
    }

    /**
     * Returns a client of the server at {@code host:port}. Connects at the first call.
     *
     * @param notices told in one sentence when a broken stream is being resumed
     */
    public static JobWorker connect(String host, int port, TlsCredentials credentials, Consumer<String> notices) {
        return connect(host, port, credentials, notices, Retry.DEFAULTS);
    }

    static JobWorker connect(String host, int port, TlsCredentials credentials, Consumer<String> notices, Retry retry) {
        return new GrpcJobWorker(host, port, credentials, notices, retry);
    }

    @Override
    public Job start(UUID requestId, JobSpec spec) {
        StartJobRequest request = Wire.startRequest(requestId, spec);
        return Wire.fromProto(repeatable(() -> call(JobServiceGrpc.getStartJobMethod(), request, Retry.DEADLINE))
                .getJob());
    }

    @Override
    public Job get(JobId id) {
        GetJobRequest request = Wire.getRequest(id);
        return Wire.fromProto(repeatable(() -> call(JobServiceGrpc.getGetJobMethod(), request, Retry.DEADLINE))
                .getJob());
    }

    @Override
    public Job await(JobId id, Duration maxWait) throws InterruptedException {
        Duration deadline = Retry.awaitDeadline(maxWait);
        return Wire.fromProto(retry.await(
                        maxWait,
                        wait -> call(JobServiceGrpc.getGetJobMethod(), Wire.awaitRequest(id, wait), deadline),
                        GrpcErrors::isUnavailable,
                        channel::resetConnectBackoff)
                .getJob());
    }

    @Override
    public JobPage list(JobQuery query) {
        ListJobsRequest request = Wire.listRequest(query);
        return Wire.fromProto(repeatable(() -> call(JobServiceGrpc.getListJobsMethod(), request, Retry.DEADLINE)));
    }

    @Override
    public Job stop(JobId id, @Nullable Duration gracePeriod) {
        StopJobRequest request = Wire.stopRequest(id, gracePeriod);
        return Wire.fromProto(repeatable(() -> call(JobServiceGrpc.getStopJobMethod(), request, Retry.DEADLINE))
                .getJob());
    }

    @Override
    public Job signal(JobId id, Signal signal) {
        return Wire.fromProto(call(JobServiceGrpc.getSignalJobMethod(), Wire.signalRequest(id, signal), Retry.DEADLINE)
                .getJob());
    }

    /** There is no deadline: a job may read when it likes. A server that is gone is noticed within 30 s, by the keep-alive of the connection. */
    @Override
    public Job writeInput(JobId id, @Nullable Long offset, ByteBuffer bytes, boolean end) throws InterruptedException {
        // gRPC has a delay of its own, up to 2 min, in which it would only repeat an old failure.
        channel.resetConnectBackoff();
        BlockingClientCall<WriteInputRequest, WriteInputResponse> call = ClientCalls.blockingClientStreamingCall(
                channel, JobServiceGrpc.getWriteInputMethod(), CallOptions.DEFAULT);
        try {
            sendInput(call, Wire.inputRequest(id, offset), bytes.duplicate(), end);
            WriteInputResponse response = call.read();
            if (response == null) {
                throw new WorkerException(Reason.INTERNAL, server + " answered without a job");
            }
            return Wire.fromProto(response.getJob());
        } catch (StatusException failure) {
            throw GrpcErrors.toWorkerException(
                    new StatusRuntimeException(failure.getStatus(), failure.getTrailers()), server);
        } finally {
            call.cancel("over", null); // nothing, if it is
        }
    }

    private static void sendInput(
            BlockingClientCall<WriteInputRequest, WriteInputResponse> call,
            WriteInputRequest.Builder message,
            ByteBuffer rest,
            boolean end)
            throws InterruptedException, StatusException {
        boolean more = true;
        while (more) {
            message.setData(ByteString.copyFrom(rest, Math.min(rest.remaining(), MAX_INPUT_BYTES)));
            more = rest.hasRemaining();
            if (!call.write(message.setEnd(end && !more).build())) {
                return; // over already; why, the answer tells
            }
            message.clear();
        }
        call.halfClose();
    }

    @Override
    public void delete(JobId id) {
        call(JobServiceGrpc.getDeleteJobMethod(), Wire.deleteRequest(id), Retry.DEADLINE);
    }

    @Override
    public OutputReader output(JobId id, OutputQuery query) {
        return new ResumingReader(new GrpcOutputCalls(channel, server, id), server, id, query, notices, retry);
    }

    @Override
    public CallerIdentity whoami() {
        GetCallerIdentityRequest request = GetCallerIdentityRequest.getDefaultInstance();
        return Wire.fromProto(
                repeatable(() -> call(ServerServiceGrpc.getGetCallerIdentityMethod(), request, Retry.DEADLINE)));
    }

    @Override
    public ServerInfo serverInfo() {
        GetServerInfoRequest request = GetServerInfoRequest.getDefaultInstance();
        return Wire.fromProto(
                repeatable(() -> call(ServerServiceGrpc.getGetServerInfoMethod(), request, Retry.DEADLINE)));
    }

    /** Ends open calls and closes the connection. */
    @Override
    public void close() {
        channel.shutdownNow();
        try {
            channel.awaitTermination(1, TimeUnit.SECONDS);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
        eventLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    private <Q, A> A call(MethodDescriptor<Q, A> method, Q request, Duration deadline) {
        try {
            CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(deadline);
            return ClientCalls.blockingUnaryCall(channel, method, options, request);
        } catch (StatusRuntimeException failure) {
            throw GrpcErrors.toWorkerException(failure, server);
        }
    }

    private <A> A repeatable(Supplier<A> call) {
        // gRPC has a delay of its own, up to 2 min, in which it would only repeat the old failure.
        return retry.repeat(call, GrpcErrors::isUnavailable, channel::resetConnectBackoff);
    }
}

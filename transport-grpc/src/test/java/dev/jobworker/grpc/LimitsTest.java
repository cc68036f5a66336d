package dev.jobworker.grpc;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.v1.GetCallerIdentityRequest;
import dev.jobworker.api.v1.GetJobRequest;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.ServerServiceGrpc;
import dev.jobworker.api.v1.StartJobRequest;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import dev.jobworker.testkit.TestServer;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client can send that it should not, and the services that are not jobworker's own. */
@Timeout(60)
class LimitsTest {
    private static final int WINDOW = NettyChannelBuilder.DEFAULT_FLOW_CONTROL_WINDOW;
    private static final int CONNECTIONS = 3;

    @TempDir
    Path directory;

    private GrpcTestServer server;

    @BeforeEach
    void start() {
        server = new GrpcTestServer(
                directory,
                new GrpcTransport(new GrpcServerOptions(CONNECTIONS), Duration.ofSeconds(15), RequestReception::new));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void connection_overTheLimit_isClosed() throws Exception {
        JobWorker client = server.client("alice");
        try (Socket first = connect();
                Socket second = connect();
                Socket third = connect()) {
            // They never begin a handshake; still they count.
            assertEquals(
                    0,
                    first.getInputStream().available() + second.getInputStream().available());
            assertEquals(
                    Reason.CONNECTION_FAILED,
                    assertThrows(WorkerException.class, client::whoami).reason());
            assertTrue(third.isConnected());
        }
        await().ignoreExceptions().until(() -> client.whoami().role().equals("user"));
    }

    @Test
    void request_largestLegal_isServed() throws Exception {
        JobWorker client = server.client("alice");
        JobSpec spec = JobSpec.builder("/bin/sh", "-c", "wc -c", "x".repeat(100_000))
                .input(JobInput.of(new byte[JobInput.MAX_BYTES]))
                .build();
        Job job = client.start(UUID.randomUUID(), spec);
        assertEquals("4194304\n", new String(TestServer.read(client, job), StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(strings = {"identity", "gzip"})
    void request_tooLarge_isRefused(String compression) {
        StartJobRequest request = StartJobRequest.newBuilder()
                .setInput(ByteString.copyFrom(new byte[6 << 20]))
                .build();
        ManagedChannel channel = server.channel("alice", WINDOW, server.port());
        StatusRuntimeException failure = assertThrows(
                StatusRuntimeException.class,
                () -> JobServiceGrpc.newBlockingStub(channel)
                        .withCompression(compression)
                        .startJob(request));
        assertEquals(Status.Code.RESOURCE_EXHAUSTED, failure.getStatus().getCode());
        assertEquals(
                Reason.BODY_TOO_LARGE,
                GrpcErrors.toWorkerException(failure, "server").reason());
    }

    @Test
    void metadata_tooLarge_isRefused() {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("x", Metadata.ASCII_STRING_MARSHALLER), "x".repeat(20_000));
        ManagedChannel channel = server.channel("alice", WINDOW, server.port());
        StatusRuntimeException failure = assertThrows(
                StatusRuntimeException.class,
                () -> ServerServiceGrpc.newBlockingStub(channel)
                        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                        .getCallerIdentity(GetCallerIdentityRequest.getDefaultInstance()));
        assertTrue(
                Set.of(Status.Code.RESOURCE_EXHAUSTED, Status.Code.INTERNAL)
                        .contains(failure.getStatus().getCode()),
                failure.toString());
        assertEquals("user", server.client("alice").whoami().role());
    }

    @Test
    void request_thatIsNoMessage_isMalformed() {
        ManagedChannel channel = server.channel("alice", WINDOW, server.port());
        StatusRuntimeException failure = assertThrows(
                StatusRuntimeException.class,
                () -> ClientCalls.blockingUnaryCall(channel, RAW, CallOptions.DEFAULT, new byte[] {10, 100, 1}));
        assertEquals(Status.Code.INVALID_ARGUMENT, failure.getStatus().getCode());
        assertEquals(
                Reason.MALFORMED_BODY,
                GrpcErrors.toWorkerException(failure, "server").reason());
        assertEquals(
                1, String.valueOf(failure.getStatus().getDescription()).lines().count());
    }

    @Test
    void request_withoutAMessage_isMalformed() throws Exception {
        Closing closing = new Closing(server.channel("alice", WINDOW, server.port()));
        closing.call.halfClose();
        assertEquals(Reason.MALFORMED_BODY, closing.reason());
    }

    @Test
    void request_ofWhoMayNot_isRefusedUnread() throws Exception {
        Closing closing = new Closing(server.channel("mallory", WINDOW, server.port()));
        // Neither a message nor an end of the request.
        assertEquals(Reason.PERMISSION_DENIED, closing.reason());
    }

    @Test
    void requests_neverFinished_areClosedAndDelayNobodyElse() throws Exception {
        try (GrpcTestServer other = impatient()) {
            ManagedChannel channel = other.channel("alice", WINDOW, other.port());
            List<Closing> closings = new ArrayList<>();
            for (int i = 0; i < RequestReception.MAX_AT_A_TIME; i++) {
                Closing closing = new Closing(channel);
                closing.call.sendMessage(new byte[100_000]);
                closings.add(closing);
            }
            assertEquals("operator", other.client("bob").whoami().role());
            for (Closing closing : closings) {
                assertEquals(Reason.SERVER_OVERLOADED, closing.reason());
            }
            assertEquals("user", other.client("alice").whoami().role());
        }
    }

    /** A server that waits a second for requests. */
    private GrpcTestServer impatient() {
        return new GrpcTestServer(
                directory.resolve("other"),
                new GrpcTransport(
                        GrpcServerOptions.DEFAULTS,
                        Duration.ofSeconds(15),
                        () -> new RequestReception(Duration.ofSeconds(1))));
    }

    /** Open to all who are admitted: so it may not gather messages for ever. */
    @Test
    void reflection_neverFinished_isClosed() throws Exception {
        try (GrpcTestServer other = impatient()) {
            CompletableFuture<Throwable> end = new CompletableFuture<>();
            StreamObserver<ServerReflectionRequest> reflection = ServerReflectionGrpc.newStub(
                            other.channel("mallory", WINDOW, other.port()))
                    .serverReflectionInfo(new StreamObserver<>() {
                        @Override
                        public void onNext(ServerReflectionResponse answer) {}

                        @Override
                        public void onError(Throwable failure) {
                            end.complete(failure);
                        }

                        @Override
                        public void onCompleted() {
                            end.complete(new AssertionError("completed"));
                        }
                    });
            reflection.onNext(
                    ServerReflectionRequest.newBuilder().setListServices("*").build());
            assertEquals(
                    Reason.SERVER_OVERLOADED,
                    GrpcErrors.toWorkerException((StatusRuntimeException) end.get(), "server")
                            .reason());
        }
    }

    /** A StartJob call of which nothing is sent yet, and its end. */
    private static final class Closing extends ClientCall.Listener<byte[]> {
        private final CompletableFuture<StatusRuntimeException> status = new CompletableFuture<>();
        private final ClientCall<byte[], byte[]> call;

        Closing(ManagedChannel channel) {
            call = channel.newCall(STREAMING, CallOptions.DEFAULT);
            call.start(this, new Metadata());
        }

        @Override
        public void onClose(Status end, Metadata trailers) {
            status.complete(end.asRuntimeException(trailers));
        }

        Reason reason() throws Exception {
            return GrpcErrors.toWorkerException(status.get(30, TimeUnit.SECONDS), "server")
                    .reason();
        }
    }

    @Test
    void request_withBadField_namesIt() {
        ManagedChannel channel = server.channel("alice", WINDOW, server.port());
        GetJobRequest request = GetJobRequest.newBuilder().setJobId("../../etc").build();
        StatusRuntimeException failure = assertThrows(
                StatusRuntimeException.class,
                () -> JobServiceGrpc.newBlockingStub(channel).getJob(request));
        WorkerException explained = GrpcErrors.toWorkerException(failure, "server");
        assertEquals(Reason.INVALID_FIELD, explained.reason());
        assertEquals("job_id", explained.details().get("field"));
    }

    @Test
    void plainText_onTheTlsPort_isClosed() throws Exception {
        try (Socket socket = connect()) {
            socket.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            byte[] answer = socket.getInputStream().readAllBytes();
            assertTrue(answer.length < 16, "more than an alert");
        }
    }

    @Test
    void waitingCall_deadlinePassed_isFreed() {
        Job job = TestServer.start(server.client("alice"), "sleep 100");
        ManagedChannel channel = server.channel("alice", WINDOW, server.port());
        StatusRuntimeException failure = assertThrows(
                StatusRuntimeException.class,
                () -> JobServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(300, TimeUnit.MILLISECONDS)
                        .getJob(GetJobRequest.newBuilder()
                                .setJobId(job.id().toString())
                                .setWaitTerminal(com.google.protobuf.Duration.newBuilder()
                                        .setSeconds(30))
                                .build()));
        assertEquals(Status.Code.DEADLINE_EXCEEDED, failure.getStatus().getCode());
        await().until(() -> server.server().waitingCalls() == 0);
    }

    @Test
    void await_interrupted_throwsAndFreesTheCall() throws Exception {
        JobWorker client = server.client("alice");
        Job job = TestServer.start(client, "sleep 100");
        CompletableFuture<Void> interrupted = new CompletableFuture<>();
        Thread waiter = Thread.ofVirtual().start(() -> {
            assertThrows(InterruptedException.class, () -> client.await(job.id(), Duration.ofSeconds(30)));
            interrupted.complete(null);
        });
        await().until(() -> server.server().waitingCalls() == 1);
        waiter.interrupt();
        interrupted.get(10, TimeUnit.SECONDS);
        await().until(() -> server.server().waitingCalls() == 0);
    }

    @Test
    void health_isServed() {
        ManagedChannel channel = server.channel("mallory", WINDOW, server.port());
        assertEquals(
                ServingStatus.SERVING,
                HealthGrpc.newBlockingStub(channel)
                        .check(HealthCheckRequest.getDefaultInstance())
                        .getStatus());
    }

    @Test
    void reflection_listsServices() throws Exception {
        CompletableFuture<Set<String>> names = new CompletableFuture<>();
        StreamObserver<ServerReflectionRequest> requests = ServerReflectionGrpc.newStub(
                        server.channel("alice", WINDOW, server.port()))
                .serverReflectionInfo(new StreamObserver<>() {
                    @Override
                    public void onNext(ServerReflectionResponse response) {
                        names.complete(response.getListServicesResponse().getServiceList().stream()
                                .map(ServiceResponse::getName)
                                .collect(Collectors.toSet()));
                    }

                    @Override
                    public void onError(Throwable failure) {
                        names.completeExceptionally(failure);
                    }

                    @Override
                    public void onCompleted() {}
                });
        requests.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
        assertEquals(
                Set.of(
                        "jobworker.v1.JobService",
                        "jobworker.v1.ServerService",
                        "grpc.health.v1.Health",
                        "grpc.reflection.v1.ServerReflection"),
                names.get(10, TimeUnit.SECONDS));
        requests.onCompleted();
    }

    private Socket connect() throws Exception {
        return new Socket(InetAddress.getLoopbackAddress(), server.port());
    }

    private static final Marshaller<byte[]> BYTES = new Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            return new byte[0];
        }
    };

    /** StartJob as a client may call it that does not keep to its type. */
    private static final MethodDescriptor<byte[], byte[]> STREAMING = MethodDescriptor.<byte[], byte[]>newBuilder()
            .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
            .setFullMethodName("jobworker.v1.JobService/StartJob")
            .setRequestMarshaller(BYTES)
            .setResponseMarshaller(BYTES)
            .build();

    private static final MethodDescriptor<byte[], byte[]> RAW = MethodDescriptor.<byte[], byte[]>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName("jobworker.v1.JobService/GetJob")
            .setRequestMarshaller(BYTES)
            .setResponseMarshaller(BYTES)
            .build();
}

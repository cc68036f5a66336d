package dev.jobworker.grpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.WriteInputRequest;
import dev.jobworker.api.v1.WriteInputResponse;
import dev.jobworker.core.InputInfo;
import dev.jobworker.core.JobId;
import dev.jobworker.testkit.TestPki;
import dev.jobworker.testkit.TestServer;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Calls of WriteInput as this module's client does not make them. */
@Timeout(60)
class WriteInputTest {
    private static final int WINDOW = 1 << 16;
    private static final Duration RECEPTION = Duration.ofMillis(300);

    @TempDir
    Path directory;

    private GrpcTestServer server;
    private JobWorker alice;

    @BeforeEach
    void start() {
        server = new GrpcTestServer(
                directory,
                new GrpcTransport(
                        GrpcServerOptions.DEFAULTS, Duration.ofSeconds(15), () -> new RequestReception(RECEPTION)));
        alice = server.client("alice");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private JobId streamed(String script) {
        return TestServer.startStreamed(alice, script);
    }

    private BlockingClientCall<WriteInputRequest, WriteInputResponse> call(CallOptions options) {
        return call(server.channel("alice", WINDOW, server.port()), options);
    }

    private static BlockingClientCall<WriteInputRequest, WriteInputResponse> call(
            ManagedChannel channel, CallOptions options) {
        return ClientCalls.blockingClientStreamingCall(channel, JobServiceGrpc.getWriteInputMethod(), options);
    }

    private static WriteInputRequest.Builder data(String text) {
        return WriteInputRequest.newBuilder().setData(ByteString.copyFromUtf8(text));
    }

    private static WorkerException failure(BlockingClientCall<?, ?> call) {
        StatusException status = assertThrows(StatusException.class, call::read);
        return GrpcErrors.toWorkerException(
                new StatusRuntimeException(status.getStatus(), status.getTrailers()), "server");
    }

    @Test
    void messages_withoutAnEnd_areTakenAndLeaveTheInputOpen() throws Exception {
        JobId id = streamed("cat");
        var call = call(CallOptions.DEFAULT);
        call.write(Wire.inputRequest(id, 0L)
                .setData(ByteString.copyFromUtf8("one "))
                .build());
        await().until(() -> alice.get(id).input().bytes() == 4);
        call.write(data("two ").setJobId("ignored").setOffset(99).build());
        call.write(data("three").build());
        call.halfClose();
        assertEquals(
                new InputInfo(13, true), Wire.fromProto(call.read().getJob()).input());

        var last = call(CallOptions.DEFAULT);
        last.write(Wire.inputRequest(id, null).setEnd(true).build());
        last.halfClose();
        assertFalse(last.read().getJob().getInput().getOpen());
        assertEquals("one two three", new String(TestServer.read(alice, alice.get(id)), UTF_8));
        await().until(() -> server.server().waitingCalls() == 0);
    }

    @Test
    void job_thatDoesNotRead_holdsTheClient() throws Exception {
        Path gate = directory.resolve("gate");
        JobId id = streamed("mkfifo " + gate + "; read go <" + gate + "; exec wc -c");
        var call = call(CallOptions.DEFAULT);
        byte[] piece = new byte[100_000];
        long sent = 0;
        call.write(Wire.inputRequest(id, 0L).build());
        while (write(call, piece)) {
            sent += piece.length;
        }
        // The pipe, the shim, a message here and there, and the windows.
        assertTrue(sent < 4 << 20, sent + " bytes");
        await().until(() -> Files.exists(gate));
        Files.writeString(gate, "go\n");
        call.write(WriteInputRequest.newBuilder().setEnd(true).build());
        call.halfClose();
        assertFalse(call.read().getJob().getInput().getOpen());
        // The one that did not go at once is not sent at all.
        assertEquals(sent + "\n", new String(TestServer.read(alice, alice.get(id)), UTF_8));
    }

    private static boolean write(BlockingClientCall<WriteInputRequest, ?> call, byte[] piece) throws Exception {
        try {
            return call.write(
                    WriteInputRequest.newBuilder()
                            .setData(ByteString.copyFrom(piece))
                            .build(),
                    1,
                    TimeUnit.SECONDS);
        } catch (java.util.concurrent.TimeoutException held) {
            return false;
        }
    }

    @Test
    void cancelOrDeadline_whileTheJobDoesNotRead_endsTheCall() throws Exception {
        JobId id = streamed("exec sleep 300");
        for (CallOptions options :
                new CallOptions[] {CallOptions.DEFAULT, CallOptions.DEFAULT.withDeadlineAfter(Duration.ofMillis(1500))
                }) {
            var call = call(options);
            long offset = alice.get(id).input().bytes();
            call.write(Wire.inputRequest(id, offset)
                    .setData(ByteString.copyFrom(new byte[1_000_000]))
                    .build());
            await().until(() -> server.server().waitingCalls() == 1);
            if (options.getDeadline() == null) {
                call.cancel("enough", null);
            }
            await().until(() -> server.server().waitingCalls() == 0);
        }
        // Nobody has the turn any more: bytes that are there already are passed over at once.
        assertEquals(
                alice.get(id).input(),
                alice.writeInput(id, 0L, java.nio.ByteBuffer.allocate(10), false)
                        .input());
    }

    @Test
    void firstMessage_tooLate_isNotWaitedForAndLaterOnesAre() throws Exception {
        var late = call(CallOptions.DEFAULT);
        assertEquals(Reason.SERVER_OVERLOADED, failure(late).reason());

        JobId id = streamed("cat");
        var slow = call(CallOptions.DEFAULT);
        slow.write(Wire.inputRequest(id, null).build());
        long start = System.nanoTime();
        await().until(() ->
                System.nanoTime() - start > RECEPTION.multipliedBy(3).toNanos());
        slow.write(data("late").setEnd(true).build());
        slow.halfClose();
        assertEquals(4, slow.read().getJob().getInput().getBytes());
    }

    @Test
    void badRequests_areRefused() throws Exception {
        var none = call(CallOptions.DEFAULT);
        none.halfClose();
        assertEquals(Reason.MALFORMED_BODY, failure(none).reason());

        var noJob = call(CallOptions.DEFAULT);
        noJob.write(data("x").build());
        assertEquals(Reason.INVALID_FIELD, failure(noJob).reason());

        var negative = call(CallOptions.DEFAULT);
        negative.write(Wire.inputRequest(streamed("cat"), -1L).build());
        assertEquals(Reason.INVALID_FIELD, failure(negative).reason());

        JobId id = streamed("cat");
        var afterTheEnd = call(CallOptions.DEFAULT);
        afterTheEnd.write(Wire.inputRequest(id, null).setEnd(true).build());
        afterTheEnd.write(data("x").build());
        assertEquals(Reason.INPUT_CLOSED, failure(afterTheEnd).reason());
        await().until(() -> server.server().waitingCalls() == 0);
    }

    @Test
    void shutdown_endsCallsThatWaitForTheClientOrTheJob() throws Exception {
        var idle = call(CallOptions.DEFAULT);
        idle.write(Wire.inputRequest(streamed("cat"), null).build());
        var held = call(CallOptions.DEFAULT);
        held.write(Wire.inputRequest(streamed("exec sleep 300"), null)
                .setData(ByteString.copyFrom(new byte[1_000_000]))
                .build());
        await().until(() -> server.server().waitingCalls() == 2);

        server.close(Duration.ofSeconds(20));

        assertEquals(Reason.SERVER_SHUTTING_DOWN, failure(idle).reason());
        assertEquals(Reason.SERVER_SHUTTING_DOWN, failure(held).reason());
    }

    @Test
    void certificate_atItsEnd_endsCallsThatWaitForTheClientOrTheJob() throws Exception {
        JobId cat = streamed("cat");
        JobId sleep = streamed("exec sleep 300");
        var brief = server.pki()
                .leaf("brief")
                .uris(TestPki.spiffeId("alice"))
                .valid(Instant.now().minusSeconds(60), Instant.now().plusSeconds(3))
                .issue();
        ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", server.port())
                .sslContext(Tls.client(brief.credentials()))
                .build();
        try {
            var idle = call(channel, CallOptions.DEFAULT);
            idle.write(Wire.inputRequest(cat, null).build());
            var held = call(channel, CallOptions.DEFAULT);
            held.write(Wire.inputRequest(sleep, null)
                    .setData(ByteString.copyFrom(new byte[1_000_000]))
                    .build());

            assertEquals(Reason.CERTIFICATE_REJECTED, failure(idle).reason());
            assertEquals(Reason.CERTIFICATE_REJECTED, failure(held).reason());
        } finally {
            channel.shutdownNow();
        }
        await().until(() -> server.server().waitingCalls() == 0);
    }

    @Test
    void role_withoutTheVerb_isRefusedBeforeAnythingIsRead() {
        var call = call(server.channel("mallory", WINDOW, server.port()), CallOptions.DEFAULT);
        StatusException status = assertThrows(StatusException.class, call::read);
        assertEquals(Status.Code.PERMISSION_DENIED, status.getStatus().getCode());
    }
}

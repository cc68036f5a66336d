package dev.jobworker.grpc;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.core.Job;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.testkit.TestServer;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ShutdownTest {
    @TempDir
    Path directory;

    private GrpcTestServer server;
    private JobWorker alice;
    private Job job;

    @BeforeEach
    void start() {
        server = new GrpcTestServer(directory);
        alice = server.client("alice");
        job = TestServer.start(alice, "echo one; sleep 100");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void close_withOpenStream_endsItWithTheReason() {
        Iterator<StreamOutputResponse> stream = JobServiceGrpc.newBlockingStub(
                        server.channel("alice", NettyChannelBuilder.DEFAULT_FLOW_CONTROL_WINDOW, server.port()))
                .streamOutput(Wire.outputRequest(job.id(), OutputQuery.FOLLOW_ALL));
        await().until(() -> stream.next().hasChunk());
        assertTimeout(Duration.ofSeconds(5), () -> server.server().close());
        StatusRuntimeException failure = assertThrows(StatusRuntimeException.class, () -> {
            while (stream.hasNext()) {
                stream.next();
            }
        });
        assertEquals(
                Reason.SERVER_SHUTTING_DOWN,
                GrpcErrors.toWorkerException(failure, "server").reason());
    }

    @Test
    void close_withWaitingCall_endsItWithTheReason() {
        CompletableFuture<Job> waiting = CompletableFuture.supplyAsync(() -> {
            try {
                return alice.await(job.id(), Duration.ofSeconds(30));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        await().until(() -> server.server().waitingCalls() == 1);
        assertTimeout(Duration.ofSeconds(5), () -> server.server().close());
        CompletionException failure = assertThrows(CompletionException.class, waiting::join);
        assertEquals(
                Reason.SERVER_SHUTTING_DOWN,
                assertInstanceOf(WorkerException.class, failure.getCause()).reason());
    }

    @Test
    void close_withWatcherOfHealth_tellsIt() {
        Iterator<HealthCheckResponse> watch = HealthGrpc.newBlockingStub(
                        server.channel("alice", NettyChannelBuilder.DEFAULT_FLOW_CONTROL_WINDOW, server.port()))
                .watch(HealthCheckRequest.getDefaultInstance());
        assertEquals(ServingStatus.SERVING, watch.next().getStatus());
        server.close(Duration.ofMillis(200));
        assertEquals(ServingStatus.NOT_SERVING, watch.next().getStatus());
    }

    @Test
    void close_leavesNoThread_andMayBeRepeated() {
        server.server().close();
        server.server().close();
        await().until(() -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("jobworker-grpc-") && !isOfClient(thread)));
    }

    private static boolean isOfClient(Thread thread) {
        return thread.getName().startsWith("jobworker-grpc-client");
    }

    @Test
    void close_ofClient_leavesNoThread() {
        alice.close();
        alice.close();
        await().until(() -> Thread.getAllStackTraces().keySet().stream().noneMatch(ShutdownTest::isOfClient));
    }
}

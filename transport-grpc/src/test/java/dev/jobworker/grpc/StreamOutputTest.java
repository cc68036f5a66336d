package dev.jobworker.grpc;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.core.Job;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.testkit.TcpProxy;
import dev.jobworker.testkit.TestServer;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.util.internal.PlatformDependent;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G2: a reader delays only itself, and memory per follower is constant. */
@Timeout(120)
class StreamOutputTest {
    private static final int WINDOW = NettyChannelBuilder.DEFAULT_FLOW_CONTROL_WINDOW;
    private static final long OUTPUT_BYTES = 256 << 20;

    @TempDir
    Path directory;

    private GrpcTestServer server;
    private JobWorker alice;

    @BeforeEach
    void start() {
        server = new GrpcTestServer(
                directory, new GrpcTransport(GrpcServerOptions.DEFAULTS, Duration.ofMillis(50), RequestReception::new));
        alice = server.client("alice");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void stream_silentJob_sendsHeartbeats() {
        Job job = TestServer.start(alice, "printf abc; sleep 100");
        Iterator<StreamOutputResponse> stream = stream(OutputQuery.FOLLOW_ALL, job);
        long offset = 0;
        for (int heartbeats = 0; heartbeats < 3; ) {
            StreamOutputResponse response = stream.next();
            if (response.hasHeartbeat() && offset == 3) {
                assertEquals(3, response.getHeartbeat().getNextOffset());
                heartbeats++;
            }
            offset += response.getChunk().getData().size();
        }
    }

    @Test
    void stream_ofFinishedJob_endsWithEndEventAndOk() {
        Job job = TestServer.start(alice, "echo out; echo err >&2; exit 3");
        Iterator<StreamOutputResponse> stream = stream(OutputQuery.FOLLOW_ALL, job);
        List<StreamOutputResponse> responses = new ArrayList<>();
        stream.forEachRemaining(responses::add);
        assertTrue(responses.getLast().hasEnd());
        assertEquals(8, responses.getLast().getEnd().getNextOffset());
        assertEquals(3, responses.getLast().getEnd().getJob().getExit().getCode());
    }

    @Test
    void stream_cancelledByItsClient_isFreed() {
        Job job = TestServer.start(alice, "sleep 100");
        for (int i = 0; i < 3; i++) {
            var call = open(channelOfBob(), job, 1);
            await().until(() -> server.server().waitingCalls() == 1);
            call.cancel("enough", null);
            await().until(() -> server.server().waitingCalls() == 0);
        }
        await().ignoreExceptions().until(() -> bobCanOpen(job));
    }

    @Test
    void stream_clientVanishes_isFreed() throws Exception {
        Job job = TestServer.start(alice, "sleep 100");
        try (TcpProxy proxy = TcpProxy.cutting(server.port(), () -> Long.MAX_VALUE)) {
            ManagedChannel channel = server.channel("bob", WINDOW, proxy.port());
            Iterator<StreamOutputResponse> stream = JobServiceGrpc.newBlockingStub(channel)
                    .streamOutput(Wire.outputRequest(job.id(), OutputQuery.FOLLOW_ALL));
            assertTrue(stream.hasNext());
            proxy.cutAll();
            await().until(() -> server.server().waitingCalls() == 0);
            await().ignoreExceptions().until(() -> bobCanOpen(job));
        }
    }

    @Test
    void stream_overTheQuota_isRefused() {
        Job job = TestServer.start(alice, "sleep 100");
        Iterator<StreamOutputResponse> stream = JobServiceGrpc.newBlockingStub(channelOfBob())
                .streamOutput(Wire.outputRequest(job.id(), OutputQuery.FOLLOW_ALL));
        assertTrue(stream.hasNext());
        assertFalse(bobCanOpen(job));
    }

    @Test
    void streams_neverRead_costLittleAndDelayNobody() throws Exception {
        Job job = TestServer.start(alice, "head -c " + OUTPUT_BYTES + " /dev/zero");
        alice.await(job.id(), JobWorker.MAX_WAIT);
        assertEquals(OUTPUT_BYTES, length(alice, job));
        long before = usedMemory();
        ManagedChannel lazy = server.channel("alice", WINDOW, server.port());
        try (TcpProxy proxy = TcpProxy.holding(server.port(), () -> 100_000)) {
            // Ten that ask for nothing, and ten that ask for everything with a window of 64 MiB and then do not read
            // their socket.
            ManagedChannel deaf = server.channel("alice", 64 << 20, proxy.port());
            for (int i = 0; i < 10; i++) {
                var _ = open(lazy, job, 0);
                var _ = open(deaf, job, Integer.MAX_VALUE);
            }
            await().until(() -> server.server().waitingCalls() == 20);
            assertEquals(OUTPUT_BYTES, length(alice, job));
            long grown = usedMemory() - before;
            System.out.println("20 streams that nobody reads: " + (grown >> 10) + " KiB");
            assertEquals(20, server.server().waitingCalls());
            assertTrue(grown < 48 << 20, grown + " bytes");
        }
    }

    private static ClientCall<?, ?> open(ManagedChannel channel, Job job, int messages) {
        ClientCall<StreamOutputRequest, StreamOutputResponse> call =
                channel.newCall(JobServiceGrpc.getStreamOutputMethod(), CallOptions.DEFAULT);
        call.start(new ClientCall.Listener<>() {}, new Metadata());
        call.sendMessage(Wire.outputRequest(job.id(), OutputQuery.FOLLOW_ALL));
        call.halfClose();
        if (messages > 0) {
            call.request(messages);
        }
        return call;
    }

    private static long length(JobWorker worker, Job job) throws InterruptedException {
        long length = 0;
        try (OutputReader output = worker.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            while (true) {
                switch (output.next()) {
                    case OutputEvent.Chunk chunk -> length += chunk.bytes().remaining();
                    case OutputEvent.Idle _ -> {}
                    case OutputEvent.End _ -> {
                        return length;
                    }
                }
            }
        }
    }

    /** Returns bytes of the heap after a collection, and of direct buffers. */
    private static long usedMemory() {
        System.gc();
        long direct = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .mapToLong(BufferPoolMXBean::getMemoryUsed)
                .sum();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed()
                + direct
                + Math.max(0, PlatformDependent.usedDirectMemory());
    }

    private ManagedChannel channelOfBob() {
        return server.channel("bob", WINDOW, server.port());
    }

    private boolean bobCanOpen(Job job) {
        try (OutputReader output = server.client("bob").output(job.id(), OutputQuery.FOLLOW_ALL)) {
            output.next(Duration.ZERO);
            return true;
        } catch (WorkerException failure) {
            assertEquals(Reason.QUOTA_EXCEEDED, failure.reason());
            return false;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private Iterator<StreamOutputResponse> stream(OutputQuery query, Job job) {
        return JobServiceGrpc.newBlockingStub(server.channel("alice", WINDOW, server.port()))
                .streamOutput(Wire.outputRequest(job.id(), query));
    }
}

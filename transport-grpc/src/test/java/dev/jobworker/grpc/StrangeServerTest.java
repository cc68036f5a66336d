package dev.jobworker.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.api.v1.GetCallerIdentityRequest;
import dev.jobworker.api.v1.GetCallerIdentityResponse;
import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.OutputChunk;
import dev.jobworker.api.v1.ServerServiceGrpc;
import dev.jobworker.api.v1.SignalJobRequest;
import dev.jobworker.api.v1.SignalJobResponse;
import dev.jobworker.api.v1.StreamOutputRequest;
import dev.jobworker.api.v1.StreamOutputResponse;
import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.OutputView;
import dev.jobworker.core.Signal;
import dev.jobworker.testkit.TestPki;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the client makes of answers that the server of this module does not give. */
@Timeout(60)
class StrangeServerTest {
    private static final JobId JOB =
            JobId.parse("01900000-0000-7000-8000-000000000000").orElseThrow();

    private static final OutputQuery TAIL =
            new OutputQuery(OutputView.COMBINED, new OutputQuery.From.TailBytes(1 << 20), true, Long.MAX_VALUE);

    @TempDir
    Path directory;

    private final AtomicInteger calls = new AtomicInteger();
    private final List<String> notices = new ArrayList<>();
    private BiConsumer<StreamOutputRequest, StreamObserver<StreamOutputResponse>> output = (_, _) -> {};
    private Server server;
    private JobWorker client;

    @BeforeEach
    void start() throws Exception {
        TestPki pki = TestPki.create(directory);
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .sslContext(Tls.server(pki.server().credentials(), TlsCredentials.RefusalListener.NOBODY))
                .addService(new JobService())
                .addService(new Unavailable())
                .build()
                .start();
        Retry quick =
                new Retry(Duration.ofMillis(1), Duration.ofMillis(10), Duration.ofSeconds(10), Duration.ofMillis(300));
        client = GrpcJobWorker.connect(
                "localhost", server.getPort(), pki.client("alice").credentials(), notices::add, quick);
    }

    @AfterEach
    void stop() {
        client.close();
        server.shutdownNow();
    }

    @Test
    void output_withGap_isAnError() throws Exception {
        output = (_, stream) -> {
            stream.onNext(chunk(0, "abc"));
            stream.onNext(chunk(4, "e"));
        };
        try (OutputReader reader = client.output(JOB, OutputQuery.FOLLOW_ALL)) {
            assertInstanceOf(OutputEvent.Chunk.class, reader.next());
            WorkerException failure = assertThrows(WorkerException.class, reader::next);
            assertEquals(Reason.INTERNAL, failure.reason());
            assertTrue(failure.getMessage().contains("byte 4"), failure.getMessage());
        }
    }

    /** The log keeps its tail only, and has lost more than that between the first answer and the first byte. */
    @Test
    void output_ofATail_beginsWithWhatIsThereAtTheFirstByte() throws Exception {
        output = (_, stream) -> {
            stream.onNext(heartbeat());
            stream.onNext(chunk(5, "abc"));
            stream.onNext(chunk(9, "e"));
        };
        try (OutputReader reader = client.output(JOB, TAIL)) {
            assertEquals(
                    5, assertInstanceOf(OutputEvent.Chunk.class, reader.next()).offset());
            assertEquals(
                    Reason.INTERNAL,
                    assertThrows(WorkerException.class, reader::next).reason());
        }
    }

    @Test
    void output_ofATail_lostWhileTheConnectionWasBroken_beginsWithWhatIsThere() throws Exception {
        List<Long> offsets = new ArrayList<>();
        output = (request, stream) -> {
            if (request.hasTailBytes()) {
                stream.onNext(heartbeat());
                stream.onError(Status.UNAVAILABLE.asRuntimeException());
                return;
            }
            offsets.add(request.getOffset());
            if (request.getOffset() < 7) {
                stream.onError(GrpcErrors.toStatus(new WorkerException(
                        Reason.OUTPUT_TRUNCATED, "gone", Map.of("offset", "0", "earliest_offset", "7"), null)));
            } else {
                stream.onNext(chunk(7, "abc"));
            }
        };
        try (OutputReader reader = client.output(JOB, TAIL)) {
            assertEquals(
                    7, assertInstanceOf(OutputEvent.Chunk.class, reader.next()).offset());
        }
        assertEquals(List.of(0L, 7L), offsets);
    }

    @Test
    void output_endedWithoutEndEvent_isResumed() throws Exception {
        output = (request, stream) -> {
            stream.onNext(chunk(request.getOffset(), "abc"));
            stream.onCompleted();
        };
        try (OutputReader reader = client.output(JOB, OutputQuery.FOLLOW_ALL)) {
            for (int i = 0; i < 3; i++) {
                OutputEvent.Chunk chunk = assertInstanceOf(OutputEvent.Chunk.class, reader.next());
                assertEquals(3L * i, chunk.offset());
            }
        }
        assertEquals(2, notices.size(), notices.toString());
    }

    @Test
    void output_onlyEverAnEmptyFirstAnswer_isGivenUp() throws Exception {
        output = (_, stream) -> {
            stream.onNext(heartbeat());
            stream.onError(Status.UNAVAILABLE.asRuntimeException());
        };
        try (OutputReader reader = client.output(JOB, OutputQuery.FOLLOW_ALL)) {
            WorkerException failure = assertThrows(WorkerException.class, reader::next);
            assertEquals(Reason.CONNECTION_FAILED, failure.reason());
            assertEquals(1, notices.size(), notices.toString());
        }
    }

    @Test
    void output_answerWithoutMeaning_isPassedOver() throws Exception {
        output = (_, stream) -> {
            stream.onNext(StreamOutputResponse.getDefaultInstance());
            stream.onNext(chunk(0, "abc"));
        };
        try (OutputReader reader = client.output(JOB, OutputQuery.FOLLOW_ALL)) {
            assertInstanceOf(OutputEvent.Chunk.class, reader.next());
        }
    }

    @Test
    void call_thatMayBeRepeated_isTriedThreeTimes() {
        assertEquals(
                Reason.CONNECTION_FAILED,
                assertThrows(WorkerException.class, client::whoami).reason());
        assertEquals(3, calls.get());
    }

    @Test
    void call_thatMayNotBeRepeated_isTriedOnce() {
        WorkerException failure = assertThrows(WorkerException.class, () -> client.signal(JOB, Signal.HUP));
        assertEquals(Reason.CONNECTION_FAILED, failure.reason());
        assertEquals(1, calls.get());
    }

    private static StreamOutputResponse heartbeat() {
        return StreamOutputResponse.newBuilder()
                .setHeartbeat(dev.jobworker.api.v1.OutputHeartbeat.getDefaultInstance())
                .build();
    }

    private static StreamOutputResponse chunk(long offset, String text) {
        return StreamOutputResponse.newBuilder()
                .setChunk(OutputChunk.newBuilder().setOffset(offset).setData(ByteString.copyFromUtf8(text)))
                .build();
    }

    private final class JobService extends JobServiceGrpc.JobServiceImplBase {
        @Override
        public void streamOutput(StreamOutputRequest request, StreamObserver<StreamOutputResponse> stream) {
            output.accept(request, stream);
        }

        @Override
        public void signalJob(SignalJobRequest request, StreamObserver<SignalJobResponse> observer) {
            calls.incrementAndGet();
            observer.onError(Status.UNAVAILABLE.asRuntimeException());
        }
    }

    private final class Unavailable extends ServerServiceGrpc.ServerServiceImplBase {
        @Override
        public void getCallerIdentity(
                GetCallerIdentityRequest request, StreamObserver<GetCallerIdentityResponse> observer) {
            calls.incrementAndGet();
            observer.onError(Status.UNAVAILABLE.asRuntimeException());
        }
    }
}

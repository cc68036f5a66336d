package dev.jobworker.benchmarks;

import dev.jobworker.api.JobWorker;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.StartRequest;
import dev.jobworker.grpc.GrpcJobWorker;
import dev.jobworker.grpc.GrpcServer;
import dev.jobworker.grpc.GrpcServerOptions;
import dev.jobworker.https.HttpsJobWorker;
import dev.jobworker.https.HttpsServer;
import dev.jobworker.https.HttpsServerOptions;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Streaming one large output through mutual TLS on loopback, server and client in this process: {@code grpc} and {@code events} by the clients as they
 * are published, {@code http1} and {@code http2} the raw bytes by a client that only counts. {@code History} reads a job that has ended; {@code Live}
 * follows one from its start and deletes it. {@code socket} moves the same bytes over a TLS connection of the JDK and nothing else, and is the limit;
 * it keeps its connection, which {@code http1} may not. The score is outputs per second: multiply by {@code megabytes}.
 *
 * <p>Every run checks the length; the setup checks the checksum of each way once.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 4, time = 3)
public class StreamBenchmark {
    private static final int BLOCK_BYTES = 1 << 20;

    @Param("256")
    int megabytes;

    @Param("/dev/shm")
    String state = "";

    private SecuredEngine site;
    private GrpcServer grpcServer;
    private HttpsServer httpsServer;
    private JobWorker grpc;
    private JobWorker events;
    private RawClient http1;
    private RawClient http2;
    private TlsSocket socket;
    private JobSpec producer;
    private JobId ended;

    @SuppressWarnings("NullAway.Init") // JMH calls open first
    public StreamBenchmark() {}

    /** One way of an output to its reader. */
    @FunctionalInterface
    private interface Way {
        void stream(JobId id, Consumer<ByteBuffer> target) throws IOException, InterruptedException;
    }

    @Setup(Level.Trial)
    public void open() throws IOException, InterruptedException {
        site = SecuredEngine.open(Path.of(state));
        byte[] block = new byte[BLOCK_BYTES];
        new Random(1).nextBytes(block);
        Path file = Files.write(site.scratch().path().resolve("block"), block);
        producer = JobSpec.of(Stream.concat(Stream.of("cat"), Collections.nCopies(megabytes, file.toString()).stream())
                .toArray(String[]::new));
        ended = site.engine().await(start(), Duration.ofMinutes(1)).id();

        grpcServer =
                GrpcServer.start(SecuredEngine.anyPort(), site.server(), site.access(), GrpcServerOptions.DEFAULTS);
        httpsServer =
                HttpsServer.start(SecuredEngine.anyPort(), site.server(), site.access(), HttpsServerOptions.DEFAULTS);
        grpc = GrpcJobWorker.connect("localhost", grpcServer.address().getPort(), site.client(), StreamBenchmark::fail);
        int port = httpsServer.address().getPort();
        events = HttpsJobWorker.connect("localhost", port, site.client(), StreamBenchmark::fail);
        http1 = new RawClient(port, site.client(), HttpClient.Version.HTTP_1_1);
        http2 = new RawClient(port, site.client(), HttpClient.Version.HTTP_2);
        socket = new TlsSocket(site.server(), site.client(), block, megabytes);
        checkContent(block);
    }

    @TearDown(Level.Trial)
    public void close() throws IOException {
        socket.close();
        http2.close();
        http1.close();
        events.close();
        grpc.close();
        httpsServer.close();
        grpcServer.close();
        site.close();
    }

    private static void fail(String notice) {
        throw new IllegalStateException(notice);
    }

    private void checkContent(byte[] block) throws IOException, InterruptedException {
        CRC32C expected = new CRC32C();
        for (int i = 0; i < megabytes; i++) {
            expected.update(block);
        }
        for (Way way : List.<Way>of(this::grpc, this::events, this::http1, this::http2, this::socket)) {
            CRC32C found = new CRC32C();
            way.stream(ended, found::update);
            if (found.getValue() != expected.getValue()) {
                throw new IllegalStateException("the output is not what the job wrote");
            }
        }
    }

    private void grpc(JobId id, Consumer<ByteBuffer> target) throws InterruptedException {
        follow(grpc, id, target);
    }

    private void events(JobId id, Consumer<ByteBuffer> target) throws InterruptedException {
        follow(events, id, target);
    }

    private static void follow(JobWorker worker, JobId id, Consumer<ByteBuffer> target) throws InterruptedException {
        try (OutputReader reader = worker.output(id, OutputQuery.FOLLOW_ALL)) {
            while (reader.next() instanceof OutputEvent.Chunk chunk) {
                target.accept(chunk.bytes());
            }
        }
    }

    private void http1(JobId id, Consumer<ByteBuffer> target) throws IOException, InterruptedException {
        http1.get(path(id), target);
    }

    private void http2(JobId id, Consumer<ByteBuffer> target) throws IOException, InterruptedException {
        http2.get(path(id), target);
    }

    private static String path(JobId id) {
        return "/v1/jobs/" + id + "/output?follow=true";
    }

    private void socket(JobId id, Consumer<ByteBuffer> target) throws IOException {
        socket.get(target);
    }

    private JobId start() {
        return site.engine()
                .start(StartRequest.of(SecuredEngine.OWNER, producer))
                .id();
    }

    private long history(Way way) throws IOException, InterruptedException {
        return length(way, ended);
    }

    private long live(Way way) throws IOException, InterruptedException {
        JobId id = start();
        long length = length(way, id);
        site.engine().delete(id);
        return length;
    }

    private long length(Way way, JobId id) throws IOException, InterruptedException {
        AtomicLong length = new AtomicLong();
        way.stream(id, bytes -> length.setPlain(length.getPlain() + bytes.remaining()));
        long expected = (long) megabytes * BLOCK_BYTES;
        if (length.get() != expected) {
            throw new IllegalStateException("got " + length + " bytes of " + expected);
        }
        return expected;
    }

    @Benchmark
    public long grpcHistory() throws IOException, InterruptedException {
        return history(this::grpc);
    }

    @Benchmark
    public long grpcLive() throws IOException, InterruptedException {
        return live(this::grpc);
    }

    @Benchmark
    public long eventsHistory() throws IOException, InterruptedException {
        return history(this::events);
    }

    @Benchmark
    public long eventsLive() throws IOException, InterruptedException {
        return live(this::events);
    }

    @Benchmark
    public long http1History() throws IOException, InterruptedException {
        return history(this::http1);
    }

    @Benchmark
    public long http1Live() throws IOException, InterruptedException {
        return live(this::http1);
    }

    @Benchmark
    public long http2History() throws IOException, InterruptedException {
        return history(this::http2);
    }

    @Benchmark
    public long http2Live() throws IOException, InterruptedException {
        return live(this::http2);
    }

    @Benchmark
    public long socket() throws IOException, InterruptedException {
        return history(this::socket);
    }
}

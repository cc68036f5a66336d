package dev.jobworker.benchmarks;

import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.StartRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
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
 * Reading one large output in this process. {@code history} follows a job that has ended; {@code file} reads the same bytes from the page cache
 * with the same buffer and is its limit; {@code live} follows a job from its start, so that the producer and the pipe are in it. The score is
 * outputs per second: multiply by {@code megabytes}.
 *
 * <p>Every run checks the length; the setup checks the checksum once.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(2)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 4, time = 3)
public class FollowBenchmark {
    private static final int BUFFER_BYTES = 256 << 10;

    @Param("256")
    int megabytes;

    @Param("/dev/shm")
    String state = "";

    private Scratch scratch;
    private JobEngine engine;
    private JobSpec producer;
    private JobId ended;

    @SuppressWarnings("NullAway.Init") // JMH calls open first
    public FollowBenchmark() {}

    @Setup(Level.Trial)
    public void open() throws IOException, InterruptedException {
        scratch = Scratch.in(Path.of(state));
        engine = JobEngine.open(scratch.path(), EngineOptions.DEFAULTS.withSurvivePowerLoss(false));
        producer = JobSpec.of("head", "-c", Long.toString(bytes()), "/dev/zero");
        Job job = engine.start(StartRequest.of("benchmark", producer));
        ended = engine.await(job.id(), Duration.ofMinutes(1)).id();
        checkContent();
    }

    @TearDown(Level.Trial)
    public void close() throws IOException {
        engine.close();
        scratch.close();
    }

    private long bytes() {
        return (long) megabytes << 20;
    }

    private void checkContent() throws InterruptedException {
        CRC32C expected = new CRC32C();
        byte[] zeros = new byte[1 << 20];
        for (int i = 0; i < megabytes; i++) {
            expected.update(zeros);
        }
        CRC32C found = new CRC32C();
        try (OutputReader reader = engine.output(ended, OutputQuery.FOLLOW_ALL)) {
            while (reader.next() instanceof OutputEvent.Chunk chunk) {
                found.update(chunk.bytes());
            }
        }
        if (found.getValue() != expected.getValue()) {
            throw new IllegalStateException("the output is not what the job wrote");
        }
    }

    private long follow(JobId id) throws InterruptedException {
        long length = 0;
        try (OutputReader reader = engine.output(id, OutputQuery.FOLLOW_ALL)) {
            while (reader.next() instanceof OutputEvent.Chunk chunk) {
                length += chunk.bytes().remaining();
            }
        }
        if (length != bytes()) {
            throw new IllegalStateException("got " + length + " bytes of " + bytes());
        }
        return length;
    }

    @Benchmark
    public long history() throws InterruptedException {
        return follow(ended);
    }

    @Benchmark
    public long live() throws InterruptedException {
        Job job = engine.start(StartRequest.of("benchmark", producer));
        long length = follow(job.id());
        engine.delete(job.id());
        return length;
    }

    @Benchmark
    public long file() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        long length = 0;
        try (FileChannel file = FileChannel.open(
                scratch.path().resolve("jobs").resolve(ended.toString()).resolve("output"))) {
            for (int read = file.read(buffer); read >= 0; read = file.read(buffer.clear())) {
                length += read;
            }
        }
        if (length != bytes()) {
            throw new IllegalStateException("got " + length + " bytes of " + bytes());
        }
        return length;
    }
}

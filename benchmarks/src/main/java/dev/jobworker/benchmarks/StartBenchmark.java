package dev.jobworker.benchmarks;

import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.StartRequest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
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
 * The time of {@code /bin/true} from the call to the known exit: the engine, which keeps a record and an output log of it, beside
 * {@link ProcessBuilder} with captured output. Quote the ratio of the two in one run.
 *
 * <p>{@code engineStart} is the call of start alone. The state directory is in memory ({@code /dev/shm}) unless {@code -p state=DIR} says
 * otherwise; {@code durable} adds the syncs to the disk.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 3)
public class StartBenchmark {
    @Param("/dev/shm")
    String state = "";

    @Param("false")
    boolean durable;

    private Scratch scratch;
    private JobEngine engine;
    private StartRequest template;

    @SuppressWarnings("NullAway.Init") // JMH calls open first
    public StartBenchmark() {}

    @Setup(Level.Trial)
    public void open() throws IOException {
        scratch = Scratch.in(Path.of(state));
        engine = JobEngine.open(scratch.path(), EngineOptions.DEFAULTS.withSurvivePowerLoss(durable));
        template = StartRequest.of("benchmark", JobSpec.of("/bin/true"));
    }

    @TearDown(Level.Trial)
    public void close() throws IOException {
        engine.close();
        scratch.close();
    }

    private Job start() {
        return engine.start(StartRequest.of(template.owner(), template.spec()));
    }

    @Benchmark
    public Job engineStartToExit() throws InterruptedException {
        Job job = engine.await(start().id(), Duration.ofSeconds(10));
        if (!(job.status() instanceof JobStatus.Ended ended) || !ended.exit().equals(new ExitStatus.Code(0))) {
            throw new IllegalStateException("wrong end: " + job);
        }
        engine.delete(job.id());
        return job;
    }

    @Benchmark
    public int processBuilderStartToExit() throws IOException, InterruptedException {
        Process process =
                new ProcessBuilder("/bin/true").redirectErrorStream(true).start();
        try (InputStream output = process.getInputStream()) {
            if (output.readAllBytes().length != 0) {
                throw new IllegalStateException("unexpected output");
            }
        }
        int exit = process.waitFor();
        if (exit != 0) {
            throw new IllegalStateException("wrong exit: " + exit);
        }
        return exit;
    }
}

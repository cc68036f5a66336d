package dev.jobworker.benchmarks;

import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.StartRequest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
 * Starting {@code /bin/true}: the engine, which keeps a record and an output log of it, beside {@link ProcessBuilder} with captured output.
 * Quote ratios of one run. {@code start} is the call, which returns in both when the program has been executed (its end is awaited outside of
 * the measurement, so that it does not compete with the next start); {@code startToExit} ends when exit status and end of output are known.
 *
 * <p>The state directory is in memory ({@code /dev/shm}) unless {@code -p state=DIR} says otherwise; {@code durable} adds the syncs to the disk.
 * Jobs are deleted between the iterations.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 6, time = 5) // the compiler takes one of two cores for that long
@Measurement(iterations = 5, time = 3)
public class StartBenchmark {
    private static final Duration LONG = Duration.ofSeconds(10);

    @Param("/dev/shm")
    String state = "";

    @Param("false")
    boolean durable;

    private Scratch scratch;
    private JobEngine engine;
    private JobSpec spec;
    private @Nullable Job startedJob;
    private @Nullable Process startedProcess;

    @SuppressWarnings("NullAway.Init") // JMH calls open first
    public StartBenchmark() {}

    @Setup(Level.Trial)
    public void open() throws IOException {
        scratch = Scratch.in(Path.of(state));
        engine = JobEngine.open(scratch.path(), EngineOptions.DEFAULTS.withSurvivePowerLoss(durable));
        spec = JobSpec.of("/bin/true");
    }

    @TearDown(Level.Invocation)
    public void awaitEnd() throws InterruptedException {
        if (startedJob != null) {
            check(engine.await(startedJob.id(), LONG));
            startedJob = null;
        }
        if (startedProcess != null) {
            check(startedProcess.waitFor());
            startedProcess = null;
        }
    }

    @TearDown(Level.Iteration)
    public void delete() {
        engine.list(JobFilter.ALL, null, Integer.MAX_VALUE).forEach(job -> engine.delete(job.id()));
    }

    @TearDown(Level.Trial)
    public void close() throws IOException {
        engine.close();
        scratch.close();
    }

    private static Job check(Job job) {
        if (!(job.status() instanceof JobStatus.Ended ended) || !ended.exit().equals(new ExitStatus.Code(0))) {
            throw new IllegalStateException("wrong end: " + job);
        }
        return job;
    }

    private static int check(int exit) {
        if (exit != 0) {
            throw new IllegalStateException("wrong exit: " + exit);
        }
        return exit;
    }

    private Job startJob() {
        return engine.start(StartRequest.of("benchmark", spec));
    }

    private static Process startProcess() throws IOException {
        return new ProcessBuilder("/bin/true").redirectErrorStream(true).start();
    }

    @Benchmark
    public Job engineStart() {
        Job job = startJob();
        startedJob = job;
        return job;
    }

    @Benchmark
    public Job engineStartToExit() throws InterruptedException {
        return check(engine.await(startJob().id(), LONG));
    }

    @Benchmark
    public Process processBuilderStart() throws IOException {
        Process process = startProcess();
        startedProcess = process;
        return process;
    }

    @Benchmark
    public int processBuilderStartToExit() throws IOException, InterruptedException {
        Process process = startProcess();
        try (InputStream output = process.getInputStream()) {
            if (output.readAllBytes().length != 0) {
                throw new IllegalStateException("unexpected output");
            }
        }
        return check(process.waitFor());
    }
}

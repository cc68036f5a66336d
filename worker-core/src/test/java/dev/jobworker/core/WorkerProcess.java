package dev.jobworker.core;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A worker in a JVM of its own, for tests that kill it. */
final class WorkerProcess implements AutoCloseable {
    /** The exit code of {@link Runtime#halt} at a fault point; halting runs no hooks and no finally, as a SIGKILL would not. */
    static final int HALTED = 70;

    private final Process process;
    private final BufferedReader output;

    private WorkerProcess(Process process) {
        this.process = process;
        output = process.inputReader(StandardCharsets.UTF_8);
    }

    /** Starts a worker that starts {@code script} under {@code requestId}, and dies at {@code step} if that is not empty. */
    static WorkerProcess starting(Path state, UUID requestId, String script, String step) throws IOException {
        return starting(state, requestId, script, step, EngineOptions.OnWorkerDeath.LEAVE_RUNNING);
    }

    static WorkerProcess starting(
            Path state, UUID requestId, String script, String step, EngineOptions.OnWorkerDeath onWorkerDeath)
            throws IOException {
        return new WorkerProcess(new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path")
                                + System.getProperty("path.separator")
                                + System.getProperty("jdk.module.path", ""),
                        WorkerProcess.class.getName(),
                        state.toString(),
                        requestId.toString(),
                        script,
                        step,
                        onWorkerDeath.name()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    }

    /** Returns the id of the job that was started. */
    JobId awaitJob() throws IOException {
        String line = output.readLine();
        if (line == null) {
            throw new AssertionError("the worker died");
        }
        return JobId.parse(line).orElseThrow();
    }

    /** Waits until it died at its fault point. */
    int awaitExit() throws InterruptedException {
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            throw new AssertionError("the worker lives");
        }
        return process.exitValue();
    }

    long pid() {
        return process.pid();
    }

    /** SIGKILL. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    public static void main(String[] args) throws Exception {
        EngineOptions options = EngineOptions.DEFAULTS.withOnWorkerDeath(EngineOptions.OnWorkerDeath.valueOf(args[4]));
        JobEngine engine = JobEngine.open(Path.of(args[0]), options, Hooks.faults(step -> {
            if (step.name().equals(args[3])) {
                Runtime.getRuntime().halt(HALTED);
            }
        }));
        StartRequest request = new StartRequest(
                "tester", UUID.fromString(args[1]), JobSpec.of("sh", "-c", args[2]), Integer.MAX_VALUE);
        System.out.println(engine.start(request).id());
        try {
            System.in.transferTo(System.out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            engine.close();
        }
    }
}

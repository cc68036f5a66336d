package dev.jobworker.examples;

import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobException;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.StartRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** Embeds the engine, runs the command of its arguments, follows its output live and prints how it ended. Needs worker-core alone. */
public final class EmbeddedEngine {
    private EmbeddedEngine() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        Path state = Path.of(System.getProperty("java.io.tmpdir"), "jobworker-example");
        EngineOptions options =
                EngineOptions.DEFAULTS.withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ofSeconds(5));
        try (JobEngine engine = JobEngine.open(state, options)) {
            Job job = engine.start(StartRequest.of("example", spec(args)));
            engine.onExit(job.id()).thenAccept(end -> System.out.println("told of the end: " + end.state()));
            try (OutputReader output = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
                output.transferTo(System.out);
            }
            System.out.println(describe(engine.get(job.id()).status()));
            engine.delete(job.id());
        } catch (JobException refused) {
            System.err.println(refused.getMessage());
        }
    }

    private static JobSpec spec(String[] args) {
        return args.length > 0
                ? JobSpec.of(args)
                : JobSpec.builder("sh", "-c", "for i in 1 2 3; do echo line $i; sleep 1; done; exit 7")
                        .timeout(Duration.ofMinutes(1))
                        .label("example", "embedded")
                        .build();
    }

    private static String describe(JobStatus status) {
        return switch (status) {
            case JobStatus.Running running -> "still running as " + running.pid();
            case JobStatus.Stopping stopping -> "being stopped: " + stopping.cause();
            case JobStatus.Ended ended ->
                "ended with " + ended.exit() + ", " + ended.cause().kind();
            case JobStatus.Lost lost -> "lost: " + lost.evidence();
        };
    }
}

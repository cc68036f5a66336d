package dev.jobworker.core;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A worker of one job: starts the script, prints its id, stops it if it says {@code ready}, waits for its end and prints the milliseconds since
 * then.
 */
final class OneJob {
    private OneJob() {}

    public static void main(String[] args) throws Exception {
        EngineOptions options = EngineOptions.DEFAULTS.withSurvivePowerLoss(false);
        try (JobEngine engine = JobEngine.open(Path.of(args[0]), options)) {
            JobId id = engine.start(StartRequest.of("tester", JobSpec.of("sh", "-c", args[1])))
                    .id();
            System.out.println(id);
            long begin = System.nanoTime();
            try (OutputReader output = engine.output(id, OutputQuery.FOLLOW_ALL)) {
                StringBuilder seen = new StringBuilder();
                while (output.next() instanceof OutputEvent.Chunk chunk) {
                    if (seen.append(StandardCharsets.UTF_8.decode(chunk.bytes()))
                                    .indexOf("ready")
                            >= 0) {
                        begin = System.nanoTime();
                        engine.stop(id, Duration.ZERO, "tester");
                        break;
                    }
                }
            }
            engine.await(id, Duration.ofMinutes(2));
            System.out.println(Duration.ofNanos(System.nanoTime() - begin).toMillis());
        }
    }
}

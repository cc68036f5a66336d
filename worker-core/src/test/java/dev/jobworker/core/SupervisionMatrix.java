package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;

/** Runs every {@link Escape} to every end that it can have, those of one moment side by side, and prints what was wrong with each. */
final class SupervisionMatrix {
    /** Long enough for all who run side by side to have escaped before. */
    private static final Duration TIMEOUT = Duration.ofSeconds(4);

    /** From the order to the end: less than what a sweep takes that gives up. */
    private static final Duration BOUND = Duration.ofSeconds(10);

    private final JobEngine engine;
    private final Path directory;

    private SupervisionMatrix(JobEngine engine, Path directory) {
        this.engine = engine;
        this.directory = directory;
    }

    /** A job that runs. */
    private record Cell(Escape escape, Escape.Moment moment, String token, Path report, Path gate, Job job) {
        int pid() {
            return EngineFixture.pid(job);
        }
    }

    /** Prints a line for each cell: its escape, its moment, and its problem in base64, which is empty if there is none. */
    public static void main(String[] args) throws Exception {
        Path directory = Path.of(args[0]);
        EngineOptions options = EngineOptions.DEFAULTS
                .withSurvivePowerLoss(false)
                .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO);
        try (JobEngine engine = JobEngine.open(directory.resolve("state"), options)) {
            SupervisionMatrix matrix = new SupervisionMatrix(engine, directory);
            for (Escape.Moment moment : Escape.Moment.values()) {
                matrix.run(moment);
            }
        }
    }

    private void run(Escape.Moment moment) throws Exception {
        List<Cell> cells = new ArrayList<>();
        for (Escape escape : Escape.values()) {
            if (escape.moments().contains(moment)) {
                cells.add(start(escape, moment));
            }
        }
        for (Cell cell : cells) {
            String problem = "";
            try {
                check(cell);
            } catch (AssertionError | Exception e) {
                problem = e.toString();
            }
            String encoded = Base64.getEncoder().encodeToString(problem.getBytes(StandardCharsets.UTF_8));
            System.out.println(cell.escape + "\t" + moment + "\t" + encoded);
        }
    }

    private Cell start(Escape escape, Escape.Moment moment) throws Exception {
        String token = "escape-" + UUID.randomUUID();
        Path report = directory.resolve(token + ".pids");
        Path gate = directory.resolve(token + ".gate");
        new ProcessBuilder("mkfifo", gate.toString()).start().waitFor();
        JobSpec spec = JobSpec.builder(
                        "perl", "-e", escape.program(), token, report.toString(), moment.name(), gate.toString())
                .timeout(moment == Escape.Moment.TIMEOUT ? TIMEOUT : null)
                .gracePeriod(gracePeriod(escape, moment))
                .descendants(moment == Escape.Moment.STOP_AFTER_END ? Descendants.WAIT : Descendants.KILL)
                .build();
        return new Cell(escape, moment, token, report, gate, engine.start(StartRequest.of("tester", spec)));
    }

    private static Duration gracePeriod(Escape escape, Escape.Moment moment) {
        return escape.outlastsTheGracePeriod() || moment == Escape.Moment.STOP_AFTER_END
                ? Duration.ofMillis(200)
                : Duration.ofSeconds(5);
    }

    private void check(Cell cell) throws Exception {
        JobId id = cell.job.id();
        if (cell.moment != Escape.Moment.EXIT_AT_ONCE) {
            awaitReady(id);
        }
        if (cell.moment != Escape.Moment.EXIT_AT_ONCE && cell.moment != Escape.Moment.TIMEOUT) {
            assertEscaped(cell);
        }
        Instant begin = Instant.now();
        switch (cell.moment) {
            case STOP -> engine.stop(id, null, "tester");
            case END -> Files.writeString(cell.gate, "go\n");
            case STOP_AFTER_END -> {
                Files.writeString(cell.gate, "go\n");
                Awaitility.await().until(() -> !EngineFixture.isAlive(cell.pid()));
                assertEquals(JobState.RUNNING, engine.get(id).state());
                engine.stop(id, null, "tester");
            }
            case EXIT_AT_ONCE, TIMEOUT -> {}
        }
        Job end = engine.await(id, Duration.ofSeconds(60));
        Duration took = Duration.between(begin, Instant.now());
        JobStatus.Ended ended = assertInstanceOf(JobStatus.Ended.class, end.status(), end::toString);
        assertEquals(List.of(), Holdings.processesWith(cell.token), "by /proc");
        assertEquals(List.of(), ended.survivors());
        assertEquals(expectedExit(cell), ended.exit());
        assertEquals(expectedCause(cell, ended.cause().graceExceeded()), ended.cause());
        assertEquals(expectedState(cell.moment), end.state());
        Duration bound = cell.moment == Escape.Moment.TIMEOUT ? BOUND.plus(TIMEOUT) : BOUND;
        assertTrue(took.compareTo(bound) < 0, "took " + took);
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        try (OutputReader reader = engine.output(id, OutputQuery.FOLLOW_ALL)) {
            reader.transferTo(output);
        }
        assertEquals(
                cell.moment == Escape.Moment.EXIT_AT_ONCE ? "" : "ready\n", output.toString(StandardCharsets.UTF_8));
    }

    /** Without this, a program that does not do what its name says would pass. The links of a chain come and go. */
    private static void assertEscaped(Cell cell) throws IOException {
        if (Files.exists(cell.report) && cell.escape != Escape.FORK_CHAIN) {
            List<Long> there = Holdings.processesWith(cell.token);
            for (String pid : Files.readAllLines(cell.report)) {
                assertTrue(there.contains(Long.parseLong(pid)), () -> pid + " is not among " + there);
            }
        }
    }

    private void awaitReady(JobId id) throws InterruptedException {
        try (OutputReader reader = engine.output(id, OutputQuery.FOLLOW_ALL)) {
            StringBuilder seen = new StringBuilder();
            while (seen.indexOf("ready") < 0) {
                OutputEvent event = reader.next();
                OutputEvent.Chunk chunk = assertInstanceOf(
                        OutputEvent.Chunk.class, event, () -> "ended before all had escaped: " + seen + event);
                seen.append(StandardCharsets.UTF_8.decode(chunk.bytes()));
            }
        }
    }

    private static ExitStatus expectedExit(Cell cell) {
        return switch (cell.moment) {
            case STOP, TIMEOUT -> cell.escape.exitWhenStopped();
            case END, STOP_AFTER_END -> new ExitStatus.Code(0);
            case EXIT_AT_ONCE -> new ExitStatus.Code(Escape.EXIT_AT_ONCE_CODE);
        };
    }

    private static Cause expectedCause(Cell cell, boolean graceExceeded) {
        return switch (cell.moment) {
            // Of those who are left some obey the signal and some do not.
            case STOP_AFTER_END -> new Cause(Cause.Kind.STOP_REQUEST, "tester", graceExceeded);
            case STOP -> new Cause(Cause.Kind.STOP_REQUEST, "tester", cell.escape.outlastsTheGracePeriod());
            case TIMEOUT -> new Cause(Cause.Kind.TIMEOUT, null, cell.escape.outlastsTheGracePeriod());
            case END, EXIT_AT_ONCE -> new Cause(Cause.Kind.OWN_ACCORD, null, false);
        };
    }

    private static JobState expectedState(Escape.Moment moment) {
        return switch (moment) {
            case STOP, STOP_AFTER_END -> JobState.STOPPED;
            case END -> JobState.SUCCEEDED;
            case EXIT_AT_ONCE, TIMEOUT -> JobState.FAILED;
        };
    }
}

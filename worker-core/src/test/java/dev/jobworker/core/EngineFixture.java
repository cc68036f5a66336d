package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A real engine on a temporary state directory, and the words that its tests use. */
@Timeout(120)
abstract class EngineFixture {
    static final Duration LONG = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    JobEngine engine;

    @BeforeEach
    void openEngine() throws IOException {
        engine = JobEngine.open(
                directory.resolve("state"),
                EngineOptions.DEFAULTS
                        .withSurvivePowerLoss(false)
                        .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO));
    }

    @AfterEach
    void closeEngine() {
        engine.close();
    }

    Job start(JobSpec spec) {
        return engine.start(StartRequest.of("tester", spec));
    }

    static JobSpec shell(String script) {
        return JobSpec.of("sh", "-c", script);
    }

    Job startShell(String script) {
        return start(shell(script));
    }

    Job awaitFinal(Job job) {
        try {
            Job end = engine.await(job.id(), LONG);
            assertTrue(end.state().isFinal(), () -> "not final: " + end);
            return end;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    Job runShell(String script) {
        return awaitFinal(startShell(script));
    }

    static JobStatus.Ended ended(Job job) {
        return assertInstanceOf(JobStatus.Ended.class, job.status());
    }

    static void assertExit(int code, Job job) {
        assertEquals(new ExitStatus.Code(code), ended(job).exit());
    }

    byte[] read(Job job, OutputQuery query) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputReader reader = engine.output(job.id(), query)) {
            reader.transferTo(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        return bytes.toByteArray();
    }

    String text(Job job, OutputView view) {
        return new String(
                read(job, new OutputQuery(view, new OutputQuery.From.Offset(0), true, Long.MAX_VALUE)),
                StandardCharsets.UTF_8);
    }

    /** Follows the output until it contains {@code expected}. */
    void awaitOutput(Job job, String expected) {
        awaitMatch(job, Pattern.quote(expected));
    }

    /** Reads a number that the job prints as {@code name=number;}. */
    int awaitNumber(Job job, String name) {
        return Integer.parseInt(awaitMatch(job, name + "=(\\d+);").group(1));
    }

    private Matcher awaitMatch(Job job, String regex) {
        Pattern pattern = Pattern.compile(regex);
        StringBuilder seen = new StringBuilder();
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            while (true) {
                Matcher matcher = pattern.matcher(seen.toString());
                if (matcher.find()) {
                    return matcher;
                }
                if (!(reader.next() instanceof OutputEvent.Chunk chunk)) {
                    throw new AssertionError("the output ended without '" + regex + "': " + seen);
                }
                seen.append(StandardCharsets.UTF_8.decode(chunk.bytes()));
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static <T extends Failure> T assertFails(Class<T> failure, Runnable call) {
        return assertInstanceOf(
                failure, assertThrows(JobException.class, call::run).failure());
    }

    /** Whether the process exists and is not a zombie. */
    static boolean isAlive(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException gone) {
            return false;
        }
    }

    /** Returns the parent of a process by /proc. */
    static Optional<Integer> parent(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return Optional.of(
                    Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ")[1]));
        } catch (IOException gone) {
            return Optional.empty();
        }
    }

    /** Returns all live processes whose environment names this job: a second witness beside the pids that a job prints. */
    static List<Long> processesOf(JobId id) throws IOException {
        List<Long> found = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : processes) {
                if (environment(process).contains("JOBWORKER_JOB_ID=" + id)) {
                    found.add(Long.parseLong(process.getFileName().toString()));
                }
            }
        }
        found.removeIf(pid -> !isAlive(pid));
        return found;
    }

    private static String environment(Path process) {
        try {
            return Files.readString(process.resolve("environ"), StandardCharsets.ISO_8859_1);
        } catch (IOException gone) {
            return "";
        }
    }

    static int pid(Job job) {
        return switch (job.status()) {
            case JobStatus.Running running -> running.pid();
            case JobStatus.Stopping stopping -> stopping.pid();
            case JobStatus.Ended _, JobStatus.Lost _ -> throw new AssertionError("ended: " + job);
        };
    }

    /** Returns the shim of a job: the parent of its main process. */
    static int shim(Job job) {
        return parent(pid(job)).orElseThrow();
    }

    Path folder(Job job) {
        return directory.resolve("state/jobs").resolve(job.id().toString());
    }

    static List<String> files(Path folder) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            List<String> names = new ArrayList<>();
            files.forEach(file -> names.add(file.getFileName().toString()));
            return names;
        }
    }
}

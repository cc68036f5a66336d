package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** G1, G2 and G11 when the disk, or what may be written to it, comes to its end. */
final class FullDiskTest extends EngineFixture {
    private static final byte[] LINE = "0123456789abcde\n".getBytes(StandardCharsets.US_ASCII);
    private static final long WRITTEN = 8L << 20;

    /** Whether to sync: of those who can mount, both. */
    static List<Boolean> syncOfRoot() {
        return TestJvm.ownUser() == 0 ? List.of(false, true) : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("syncOfRoot")
    void g11_s27_diskFull_jobsGoOnStartsAreRefusedAndADeletionMakesRoom(boolean sync) throws Exception {
        EngineOptions options = EngineOptions.DEFAULTS
                .withSurvivePowerLoss(sync)
                .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO);
        Path gate = fifo("gate");
        Path trace = directory.resolve("trace");
        String writer = "yes 0123456789abcde | head -c " + WRITTEN + "; echo written >> " + trace + "; read go < ";
        try (Tmpfs tiny = Tmpfs.mount(directory.resolve("tiny"), 2048);
                JobEngine full = JobEngine.open(tiny.path().resolve("state"), options)) {
            // On the other engine, whose disk has room: its followers see all of it.
            Job elsewhere = startShell(writer + gate + "; exit 4");
            Job small = full.start(StartRequest.of("tester", shell("echo small; read go < " + fifo("small"))));
            Job large = full.start(StartRequest.of("tester", shell(writer + fifo("large") + "; echo more; exit 3")));
            Digests.Read whole;
            try (OutputReader reader = engine.output(elsewhere.id(), OutputQuery.FOLLOW_ALL);
                    OutputReader cut = full.output(large.id(), OutputQuery.FOLLOW_ALL)) {
                // The job is not held up by a log that takes no more, and what is missing is counted while it runs.
                long kept = awaitTruncation(full, large, cut);
                Files.writeString(directory.resolve("large"), "go\n");
                Job end = full.await(large.id(), LONG);
                assertExit(3, end);
                assertEquals(kept, end.output().combinedBytes());
                assertEquals(WRITTEN + "more\n".length() - kept, end.output().truncatedBytes());
                assertEquals(new OutputEvent.End(OutputEvent.End.Reason.COMPLETE, kept, end), cut.next());
                assertEquals(
                        new Digests.Read(
                                0,
                                kept,
                                Digests.ofRepeated(LINE, 0, kept),
                                new OutputEvent.End(OutputEvent.End.Reason.COMPLETE, kept, end)),
                        read(full, large));
                Files.writeString(gate, "go\n");
                whole = Digests.read(reader, () -> {});
            }
            assertEquals(Digests.ofRepeated(LINE, 0, WRITTEN), whole.digest());
            assertExit(4, whole.last().job());
            assertEquals(0, whole.last().job().output().truncatedBytes());
            assertEquals(List.of("written", "written"), Files.readAllLines(trace));

            fill(tiny.path().resolve("filler"));
            StartRequest another = StartRequest.of("tester", shell("echo another; exit 2"));
            for (int i = 0; i < 20; i++) {
                assertFails(Failure.StorageFull.class, () -> full.start(another));
            }
            assertEquals(1, full.runningJobs());
            assertEquals(2, files(tiny.path().resolve("state/jobs")).size());
            // There is room for the end of every job that was started.
            Files.writeString(directory.resolve("small"), "go\n");
            Job smallEnd = full.await(small.id(), LONG);
            assertExit(0, smallEnd);
            assertTrue(Files.exists(tiny.path().resolve("state/jobs/" + small.id() + "/exit.json")));
            assertEquals("small\n".length(), read(full, smallEnd).end());
            full.delete(large.id());
            Job started = full.start(another);
            Job end = full.await(started.id(), LONG);
            assertExit(2, end);
            assertEquals("another\n".length(), end.output().stdoutBytes());
        }
    }

    /** Reads until the status tells that something was not kept, and the job has written all; returns how much was. */
    private static long awaitTruncation(JobEngine engine, Job job, OutputReader reader) throws InterruptedException {
        long seen = 0;
        Job now = engine.get(job.id());
        while (seen < now.output().combinedBytes()
                || now.output().combinedBytes() + now.output().truncatedBytes() < WRITTEN) {
            switch (reader.next(Duration.ofMillis(20))) {
                case OutputEvent.Chunk chunk -> seen += chunk.bytes().remaining();
                case OutputEvent.Idle _ -> {}
                case OutputEvent.End end -> throw new AssertionError(end);
            }
            now = engine.get(job.id());
        }
        assertEquals(JobState.RUNNING, now.state());
        assertTrue(seen > 0 && now.output().truncatedBytes() > 0, now.output()::toString);
        return seen;
    }

    private static Digests.Read read(JobEngine engine, Job job) throws InterruptedException {
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            return Digests.read(reader, () -> {});
        }
    }

    private static void fill(Path file) throws IOException {
        byte[] page = new byte[4096];
        try (OutputStream out = Files.newOutputStream(file)) {
            while (true) {
                try {
                    out.write(page);
                } catch (IOException full) {
                    assertEquals("No space left on device", full.getMessage());
                    return;
                }
            }
        }
    }

    /** What any user can bring about: the worker may write no file that is larger. */
    @Test
    void g11_s27_fileSizeLimitOfTheWorker_jobGoesOnAndTheRestIsCounted() throws Exception {
        Path own = Files.createDirectory(directory.resolve("limited"));
        long limit = 1 << 20;
        Path trace = directory.resolve("trace");
        try (TestJvm jvm = TestJvm.start(
                own,
                TestJvm.ownUser(),
                // The unit is 512 bytes.
                List.of("sh", "-c", "ulimit -f " + limit / 512 + "; exec \"$@\"", "sh"),
                OneJob.class,
                own.resolve("state").toString(),
                "yes 0123456789abcde | head -c " + WRITTEN + "; echo written > " + trace + "; exit 3")) {
            String id = jvm.lines().getFirst();
            try (JobEngine next = JobEngine.open(own.resolve("state"))) {
                Job end = next.get(JobId.parse(id).orElseThrow());
                assertExit(3, end);
                assertEquals(limit, end.output().combinedBytes());
                assertEquals(WRITTEN - limit, end.output().truncatedBytes());
                assertEquals(Digests.ofRepeated(LINE, 0, limit), read(next, end).digest());
            }
        }
        assertEquals("written\n", Files.readString(trace));
    }

    private Path fifo(String name) {
        Path path = directory.resolve(name);
        assertExit(0, awaitFinal(start(JobSpec.of("mkfifo", path.toString()))));
        return path;
    }
}

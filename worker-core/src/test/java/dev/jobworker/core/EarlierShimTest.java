package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** G7: jobs that an earlier worker started with its own helper, of protocol 1, are the jobs of this one. */
final class EarlierShimTest extends EngineFixture {
    private static final int PROTOCOL = 1;
    private static final int PROTOCOL_TAG = 1;
    /** The first tag that protocol 1 does not know. */
    private static final int STOP_SIGNAL_TAG = 15;

    private Path helper;

    @BeforeEach
    void installHelper() throws IOException {
        String machine = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
        helper = directory.resolve("job-shim-protocol-1");
        try (InputStream program = Objects.requireNonNull(
                EarlierShimTest.class.getResourceAsStream("protocol-1/job-shim-linux-" + machine))) {
            Files.copy(program, helper);
        }
        Files.setAttribute(helper, "unix:mode", 0700);
    }

    @Test
    void g7_s22_earlierShim_isAdoptedFollowedAndStopped() throws Exception {
        Path gate = fifo();
        engine.close();
        EarlierWorker earlier = new EarlierWorker();
        JobId id = earlier.start("echo before; read go < " + gate + "; echo after; exec sleep 300");
        JobId sibling = earlier.start("trap '' TERM; (setsid sleep 300 &) ; echo ready; while :; do sleep 300; done");
        earlier.leave();
        openEngine();
        Job job = engine.get(id);
        assertEquals(JobState.RUNNING, job.state());
        assertTrue(isAlive(pid(job)));
        assertEquals(2, engine.runningJobs());
        try (OutputReader reader = engine.output(id, OutputQuery.FOLLOW_ALL)) {
            assertEquals("before\n", next(reader));
            Files.writeString(gate, "go\n");
            assertEquals("after\n", next(reader));
            assertFails(Failure.InputClosed.class, () -> writeInput(id));
            engine.signal(id, Signal.parse("WINCH").orElseThrow());
            engine.stop(id, LONG, "tester");
            OutputEvent.End end = assertInstanceOf(OutputEvent.End.class, reader.next());
            assertEquals(OutputEvent.End.Reason.COMPLETE, end.reason());
            assertEquals(JobState.STOPPED, end.job().state());
        }
        Job end = awaitFinal(job);
        assertEquals(
                new Cause(Cause.Kind.STOP_REQUEST, "tester", false), ended(end).cause());
        assertEquals(new ExitStatus.Signaled(Signal.TERM, false), ended(end).exit());
        awaitOutput(engine.get(sibling), "ready");
        engine.stop(sibling, Duration.ofMillis(50), "tester");
        Job killed = awaitFinal(engine.get(sibling));
        assertEquals(
                new Cause(Cause.Kind.STOP_REQUEST, "tester", true),
                ended(killed).cause());
        assertEquals(List.of(), processesOf(sibling));
        assertExit(3, runShell("exit 3"));
        earlier.assertGone();
    }

    @Test
    void g7_s22_jobOfAnEarlierShim_endsWhileWatchedOrUnwatched_isFoundWithEverything() throws Exception {
        Path gate = fifo();
        engine.close();
        EarlierWorker earlier = new EarlierWorker();
        JobId unwatched = earlier.start("echo alone >&2; exit 4");
        JobId watched = earlier.start("read go < " + gate + "; echo done; kill -9 $$");
        JobId killed = earlier.start("echo kept; exec sleep 300");
        earlier.leave();
        openEngine();
        Job first = awaitFinal(engine.get(unwatched));
        assertExit(4, first);
        assertEquals("alone\n", text(first, OutputView.STDERR));
        Files.writeString(gate, "go\n");
        Job second = awaitFinal(engine.get(watched));
        assertEquals(new ExitStatus.Signaled(Signal.KILL, false), ended(second).exit());
        assertEquals(Cause.Kind.OWN_ACCORD, ended(second).cause().kind());
        assertEquals("done\n", text(second, OutputView.COMBINED));
        assertTrue(ended(second).usage().peakMemoryBytes() > 0);
        assertEquals(new InputInfo(0, false), second.input());
        awaitOutput(engine.get(killed), "kept");
        new ProcessBuilder("kill", "-9", Integer.toString(shim(engine.get(killed))))
                .start()
                .waitFor();
        assertEquals(JobState.LOST, awaitFinal(engine.get(killed)).state());
        assertEquals("kept\n", text(engine.get(killed), OutputView.COMBINED));
        assertEquals(List.of(), processesOf(killed));
        earlier.assertGone();
    }

    private void writeInput(JobId id) {
        try {
            engine.writeInput(id, 0L, ByteBuffer.wrap(new byte[] {'x'}), true);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static String next(OutputReader reader) throws InterruptedException {
        OutputEvent.Chunk chunk = assertInstanceOf(OutputEvent.Chunk.class, reader.next());
        return StandardCharsets.UTF_8.decode(chunk.bytes()).toString();
    }

    private Path fifo() {
        Path path = directory.resolve("gate");
        assertExit(0, awaitFinal(start(JobSpec.of("mkfifo", path.toString()))));
        return path;
    }

    /** Starts jobs as the worker of that time did, on the state directory of the fixture. */
    private final class EarlierWorker {
        private final Process launcher;
        private long startId;

        EarlierWorker() throws IOException {
            launcher = new ProcessBuilder(helper.toString(), "launcher")
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        }

        JobId start(String script) throws IOException {
            JobId id = JobId.create(Instant.now());
            JobSpec spec = shell(script);
            JobRecord record = new JobRecord(
                    JobRecord.VERSION,
                    "tester",
                    UUID.randomUUID(),
                    "digest",
                    Instant.now(),
                    Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip(),
                    spec);
            JobFolder folder =
                    JobFolder.create(directory.resolve("state/jobs"), id, record, JobInput.EMPTY, false, _ -> {});
            Path json = folder.path().resolve("job.json");
            Files.writeString(json, withoutLaterFields(Files.readString(json)));
            byte[] frame = StartFrame.encode(
                    ++startId, id, folder, spec, 1 << 20, EngineOptions.DEFAULTS.withSurvivePowerLoss(false));
            launcher.getOutputStream().write(ofProtocol1(frame));
            launcher.getOutputStream().flush();
            ByteBuffer reply =
                    ByteBuffer.wrap(launcher.getInputStream().readNBytes(32)).order(ByteOrder.LITTLE_ENDIAN);
            assertEquals(startId, reply.getLong());
            assertTrue(reply.getInt() > 0, () -> "stage " + reply.getInt() + ", errno " + reply.getInt());
            return id;
        }

        private static String withoutLaterFields(String json) {
            String earlier = json;
            for (String field : List.of(
                    "\"stopSignal\":\\{[^}]*\\}|\"stopSignal\":[^,}]*",
                    "\"descendants\":\"[A-Z]*\"",
                    "\"streamInput\":(true|false)")) {
                earlier = earlier.replaceFirst(",(" + field + ")", "");
            }
            assertTrue(
                    !earlier.contains("stopSignal")
                            && !earlier.contains("descendants")
                            && !earlier.contains("streamInput"),
                    earlier);
            return earlier;
        }

        /** What protocol 2 has added is left away; the rest has not changed. */
        private static byte[] ofProtocol1(byte[] frame) {
            ByteBuffer fields = ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN);
            fields.getInt();
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            while (fields.hasRemaining()) {
                int begin = fields.position();
                int tag = fields.get();
                int length = fields.getInt();
                if (tag == PROTOCOL_TAG) {
                    fields.putInt(fields.position(), PROTOCOL);
                }
                fields.position(fields.position() + length);
                if (tag != STOP_SIGNAL_TAG) {
                    body.write(frame, begin, fields.position() - begin);
                }
            }
            return StartFrame.littleEndian(4 + body.size())
                    .putInt(body.size())
                    .put(body.toByteArray())
                    .array();
        }

        /** The worker goes; the launcher stays as long as its jobs. */
        void leave() throws IOException {
            launcher.getOutputStream().close();
        }

        void assertGone() throws InterruptedException {
            assertTrue(launcher.waitFor(60, TimeUnit.SECONDS));
            assertEquals(0, launcher.exitValue());
        }
    }
}

package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Standard input that is streamed while the job runs. */
final class InputTest extends EngineFixture {
    private Job startStreamed(String script) {
        return start(JobSpec.builder("sh", "-c", script).streamInput(true).build());
    }

    private Job write(Job job, long offset, String text, boolean end) throws InterruptedException {
        return engine.writeInput(job.id(), offset, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), end);
    }

    @Test
    void g1_inputOfManyMegabytes_arrivesOnceInOrder() throws Exception {
        byte[] data = new byte[5_000_003];
        new Random(1).nextBytes(data);
        Job job = startStreamed("cat");
        Job after = engine.writeInput(job.id(), 0L, ByteBuffer.wrap(data, 0, 2_000_000), false);
        assertEquals(new InputInfo(2_000_000, true), after.input());
        after = engine.writeInput(
                job.id(), 2_000_000L, ByteBuffer.wrap(data, 2_000_000, data.length - 2_000_000), true);
        assertEquals(new InputInfo(data.length, false), after.input());
        assertExit(0, awaitFinal(job));
        assertArrayEquals(data, read(job, OutputQuery.FOLLOW_ALL));
        assertEquals(new InputInfo(data.length, false), engine.get(job.id()).input());
    }

    @Test
    void input_repeated_isTakenOnce() throws Exception {
        Job job = startStreamed("cat");
        write(job, 0, "abc", false);
        write(job, 0, "abc", false);
        engine.writeInput(job.id(), null, ByteBuffer.wrap(new byte[] {'d'}), false);
        write(job, 1, "bcdef", false);
        assertEquals(6, write(job, 6, "", true).input().bytes());
        assertEquals(6, write(job, 3, "def", true).input().bytes());
        assertEquals("abcdef", text(job, OutputView.COMBINED));
    }

    @Test
    void input_beyondWhatIsThere_isRefused() throws Exception {
        Job job = startStreamed("cat");
        write(job, 0, "ab", false);
        assertEquals(
                new Failure.OffsetOutOfRange(3, 2),
                assertFails(Failure.OffsetOutOfRange.class, () -> unchecked(() -> write(job, 3, "x", false))));
        assertFails(Failure.Invalid.class, () -> unchecked(() -> write(job, -1, "x", false)));
    }

    @Test
    void input_ofAJobThatTakesNone_isRefused() throws Exception {
        Job job = startShell("cat; exec sleep 300");
        assertFails(Failure.InputClosed.class, () -> unchecked(() -> write(job, 0, "x", false)));
        assertFails(Failure.InputClosed.class, () -> unchecked(() -> write(job, 0, "", true)));
        Job ended = startStreamed("exit 0");
        awaitFinal(ended);
        assertFails(Failure.InputClosed.class, () -> unchecked(() -> write(ended, 0, "x", false)));
        assertFails(
                Failure.Invalid.class,
                () -> JobSpec.builder("cat")
                        .streamInput(true)
                        .input(JobInput.of(new byte[] {1}))
                        .build());
    }

    @Test
    void input_theJobClosesIt_writerIsToldAndNobodyHangs() throws Exception {
        Job job = startStreamed("head -c 5; exec <&-; exec sleep 300");
        assertFails(
                Failure.InputClosed.class,
                () -> unchecked(() -> engine.writeInput(job.id(), 0L, ByteBuffer.allocate(1 << 20), false)));
        assertEquals(JobState.RUNNING, engine.get(job.id()).state());
    }

    @Test
    void input_jobDoesNotRead_writerWaitsAndAStopEndsIt() throws Exception {
        Job job = startStreamed("echo ready; exec sleep 300");
        awaitOutput(job, "ready");
        CompletableFuture<Job> writing = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try {
                writing.complete(engine.writeInput(job.id(), 0L, ByteBuffer.allocate(1 << 20), true));
            } catch (InterruptedException | RuntimeException e) {
                writing.completeExceptionally(e);
            }
        });
        // A pipe takes some 64 KiB: then the writer waits, and orders pass it.
        Awaitility.await().until(() -> engine.get(job.id()).input().bytes() >= 32_768);
        assertFalse(writing.isDone());
        engine.stop(job.id(), null, "tester");
        Throwable failure = assertThrows(ExecutionException.class, writing::get).getCause();
        assertInstanceOf(
                Failure.InputClosed.class,
                assertInstanceOf(JobException.class, failure).failure());
        assertEquals(JobState.STOPPED, awaitFinal(job).state());
    }

    @Test
    void input_interruptedWriter_leavesTheRestToARepetition() throws Exception {
        byte[] data = new byte[300_000];
        new Random(2).nextBytes(data);
        Path gate = directory.resolve("gate");
        runShell("mkfifo " + gate);
        Job job = startStreamed("read go < " + gate + "; cat");
        Thread writer = Thread.ofVirtual().unstarted(() -> {
            try {
                engine.writeInput(job.id(), 0L, ByteBuffer.wrap(data), true);
            } catch (InterruptedException expected) {
                Thread.currentThread().interrupt();
            }
        });
        writer.start();
        Awaitility.await().until(() -> engine.get(job.id()).input().bytes() > 0);
        writer.interrupt();
        writer.join();
        Files.writeString(gate, "go\n");
        Job after = engine.writeInput(job.id(), 0L, ByteBuffer.wrap(data), true);
        assertEquals(data.length, after.input().bytes());
        assertArrayEquals(data, read(job, OutputQuery.FOLLOW_ALL));
    }

    @Test
    void g1_inputAfterAnInterruptedWriter_comesAfterWhatThatOneLeft() throws Exception {
        byte[] left = new byte[300_000];
        Arrays.fill(left, (byte) 'a');
        Path gate = directory.resolve("gate");
        runShell("mkfifo " + gate);
        Job job = startStreamed("read go < " + gate + "; cat");
        Thread first = Thread.ofVirtual().unstarted(() -> {
            try {
                engine.writeInput(job.id(), null, ByteBuffer.wrap(left), true);
            } catch (InterruptedException expected) {
                Thread.currentThread().interrupt();
            }
        });
        first.start();
        Awaitility.await().until(() -> engine.get(job.id()).input().bytes() == 64 << 10);
        first.interrupt();
        first.join();
        CompletableFuture<Job> second = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try {
                second.complete(engine.writeInput(job.id(), null, ByteBuffer.wrap(new byte[] {'b'}), true));
            } catch (InterruptedException | RuntimeException e) {
                second.completeExceptionally(e);
            }
        });
        Files.writeString(gate, "go\n");
        byte[] output = read(job, OutputQuery.FOLLOW_ALL);
        assertEquals(output.length, second.join().input().bytes());
        assertTrue(
                new String(output, StandardCharsets.UTF_8).matches("a{65536,131072}+b"), "not after it, or not at all");
    }

    @Test
    void input_atAnOffsetPastAllNumbers_isOutOfRange() {
        Job job = startStreamed("cat");
        assertFails(
                Failure.OffsetOutOfRange.class,
                () -> unchecked(() -> engine.writeInput(job.id(), Long.MAX_VALUE, ByteBuffer.allocate(1), false)));
    }

    @Test
    void g7_engineReopened_inputGoesOnWhereItWas() throws Exception {
        UUID requestId = UUID.randomUUID();
        JobSpec spec = JobSpec.builder("cat").streamInput(true).build();
        Job job;
        try (JobEngine leaving = JobEngine.open(directory.resolve("other"))) {
            job = leaving.start(new StartRequest("tester", requestId, spec, Integer.MAX_VALUE));
            leaving.writeInput(job.id(), 0L, ByteBuffer.wrap("one ".getBytes(StandardCharsets.UTF_8)), false);
        }
        try (JobEngine next = JobEngine.open(directory.resolve("other"))) {
            assertEquals(new InputInfo(4, true), next.get(job.id()).input());
            next.writeInput(job.id(), 0L, ByteBuffer.wrap("one two".getBytes(StandardCharsets.UTF_8)), true);
            assertExit(0, next.await(job.id(), LONG));
            assertEquals(7, next.get(job.id()).output().combinedBytes());
        }
    }

    @Test
    void connectionTakenAway_inputAndStopStillArrive() throws Exception {
        Job job = startStreamed("cat");
        write(job, 0, "before ", false);
        try (SocketChannel thief = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            thief.connect(UnixDomainSocketAddress.of(folder(job).resolve("shim.sock")));
            ByteBuffer status = ByteBuffer.allocate(64);
            while (status.hasRemaining() && thief.read(status) >= 0) {}
            assertEquals(12, write(job, 7, "after", false).input().bytes());
        }
        awaitOutput(job, "before after");
        engine.stop(job.id(), null, "tester");
        assertEquals(JobState.STOPPED, awaitFinal(job).state());
        assertEquals("before after", text(job, OutputView.COMBINED));
    }

    private interface Interruptible {
        Object run() throws InterruptedException;
    }

    private static void unchecked(Interruptible call) {
        try {
            call.run();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}

package dev.jobworker.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.InputInfo;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobState;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Standard input that is written while the job runs. */
abstract class InputContract extends OutputContract {
    private static final int MANY_BYTES = 5_000_003;
    /** More than a pipe, the shim and every window on the way take of a job that does not read. */
    private static final int TOO_MUCH = 16 << 20;

    private static Job write(JobWorker worker, JobId id, @Nullable Long offset, String text, boolean end)
            throws InterruptedException {
        return worker.writeInput(id, offset, ByteBuffer.wrap(text.getBytes(UTF_8)), end);
    }

    @ParameterizedTest
    @ValueSource(ints = {MANY_BYTES, 1_000_000, 70_000})
    void g1_inputOfManyBytes_arrivesOnceInOrder(int pieceBytes) throws Exception {
        byte[] bytes = new byte[MANY_BYTES];
        new Random(pieceBytes).nextBytes(bytes);
        JobId id = TestServer.startStreamed(alice(), "cat");

        for (int offset = 0; offset < bytes.length; offset += pieceBytes) {
            int size = Math.min(pieceBytes, bytes.length - offset);
            ByteBuffer piece = ByteBuffer.wrap(bytes, offset, size);
            Job after = alice().writeInput(id, (long) offset, piece, offset + size == bytes.length);
            assertEquals(new InputInfo(offset + size, offset + size < bytes.length), after.input());
            assertEquals(size, piece.remaining());
        }

        assertArrayEquals(bytes, read(alice(), id, OutputQuery.FOLLOW_ALL).bytes());
        Job ended = finish(alice(), id);
        assertEquals(JobState.SUCCEEDED, ended.state());
        assertEquals(new InputInfo(MANY_BYTES, false), ended.input());
    }

    @Test
    void g2_inputsThatNobodyReads_leaveOtherCallsAlone() throws Exception {
        List<JobId> jobs = new ArrayList<>();
        List<FutureTask<Job>> writing = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            JobId id = TestServer.startStreamed(alice(), "exec sleep 100");
            FutureTask<Job> write =
                    new FutureTask<>(() -> alice().writeInput(id, null, ByteBuffer.allocate(TOO_MUCH), true));
            Thread.ofVirtual().start(write);
            Awaitility.await().until(() -> alice().get(id).input().bytes() > 0);
            jobs.add(id);
            writing.add(write);
        }
        for (JobId id : jobs) {
            assertFalse(writing.getFirst().isDone());
            alice().stop(id, Duration.ZERO);
            WorkerException failure = assertInstanceOf(
                    WorkerException.class,
                    assertThrows(ExecutionException.class, writing.removeFirst()::get)
                            .getCause());
            assertEquals(Reason.INPUT_CLOSED, failure.reason());
        }
    }

    @Test
    void writeInput_ofADirectOrReadOnlyBuffer_takesItsBytes() throws Exception {
        JobId id = TestServer.startStreamed(alice(), "cat");
        ByteBuffer direct =
                ByteBuffer.allocateDirect(10).put("..one..".getBytes(UTF_8)).flip();

        alice().writeInput(id, null, direct.slice(2, 3), false);
        alice().writeInput(id, null, direct.slice(2, 3).asReadOnlyBuffer(), true);

        assertEquals("oneone", read(alice(), id, OutputQuery.FOLLOW_ALL).text());
    }

    @Test
    void writeInput_repeatedWithItsOffset_isTakenOnce() throws Exception {
        JobId id = TestServer.startStreamed(alice(), "cat");

        write(alice(), id, 0L, "abc", false);
        write(alice(), id, 0L, "abc", false);
        write(alice(), id, null, "d", false);
        write(alice(), id, 1L, "bcdef", false);
        assertEquals(new InputInfo(6, false), write(alice(), id, 6L, "", true).input());
        assertEquals(
                new InputInfo(6, false), write(alice(), id, 3L, "def", true).input());

        assertEquals("abcdef", read(alice(), id, OutputQuery.FOLLOW_ALL).text());
    }

    @Test
    void writeInput_withoutAnEnd_leavesTheInputOpen() throws Exception {
        JobId id = TestServer.startStreamed(alice(), "cat");
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            assertEquals(
                    new InputInfo(4, true),
                    write(alice(), id, null, "one\n", false).input());
            readUntil(reader, "one");
            assertEquals(
                    new InputInfo(4, true), write(alice(), id, null, "", false).input());
            write(alice(), id, null, "two\n", true);
            assertEquals("two\n", drain(reader).text());
        }
    }

    @Test
    void writeInput_offsetBeyondWhatIsThere_isRefused() throws Exception {
        JobId id = TestServer.startStreamed(alice(), "cat");
        write(alice(), id, null, "ab", false);

        WorkerException refused = fails(Reason.OFFSET_OUT_OF_RANGE, () -> write(alice(), id, 3L, "x", false));
        assertEquals("2", refused.details().get("size"));
        WorkerException negative = fails(Reason.INVALID_FIELD, () -> write(alice(), id, -1L, "x", false));
        assertEquals("offset", negative.details().get("field"));

        write(alice(), id, 2L, "c", true);
        assertEquals("abc", read(alice(), id, OutputQuery.FOLLOW_ALL).text());
    }

    @Test
    void writeInput_whereNoneIsTaken_isRefused() throws Exception {
        JobId without = shell(alice(), "cat").id();
        fails(Reason.INPUT_CLOSED, () -> write(alice(), without, null, "", true));

        JobId ended = TestServer.startStreamed(alice(), "exit 0");
        finish(alice(), ended);
        fails(Reason.INPUT_CLOSED, () -> write(alice(), ended, 0L, "x", false));

        JobId closed = TestServer.startStreamed(alice(), "cat; exec sleep 300");
        write(alice(), closed, 0L, "x", true);
        fails(Reason.INPUT_CLOSED, () -> write(alice(), closed, 1L, "y", false));
        alice().stop(closed, Duration.ZERO);
    }

    @Test
    void writeInput_whenTheJobClosesIts_isRefusedInTheMiddle() throws Exception {
        JobId id = TestServer.startStreamed(alice(), "head -c 5; exec <&-; exec sleep 300");

        fails(Reason.INPUT_CLOSED, () -> alice().writeInput(id, 0L, ByteBuffer.allocate(TOO_MUCH), true));

        assertEquals(JobState.RUNNING, alice().get(id).state());
        alice().stop(id, Duration.ZERO);
    }

    @Test
    void writeInput_intoAnothersRunningJob_isForNobody() throws Exception {
        JobId id = TestServer.startStreamed(worker("bob"), "cat");

        for (String other : new String[] {"alice", "otto", "anna"}) {
            fails(Reason.JOB_NOT_FOUND, () -> write(worker(other), id, null, "x", true));
        }
        fails(Reason.PERMISSION_DENIED, () -> write(worker("vera"), id, null, "x", true));

        write(worker("bob"), id, 0L, "mine", true);
        assertEquals("mine", read(worker("bob"), id, OutputQuery.FOLLOW_ALL).text());
    }

    @Test
    void writeInput_jobDoesNotRead_holdsTheWriterUntilItIsStopped() throws Exception {
        JobId id = TestServer.startStreamed(alice(), "exec sleep 300");
        FutureTask<Job> writing = inThread(() -> alice().writeInput(id, 0L, ByteBuffer.allocate(TOO_MUCH), true));
        Awaitility.await().until(() -> alice().get(id).input().bytes() > 32_000);
        assertFalse(writing.isDone());

        alice().stop(id, Duration.ZERO);

        ExecutionException failure = assertThrows(ExecutionException.class, writing::get);
        assertEquals(
                Reason.INPUT_CLOSED,
                assertInstanceOf(WorkerException.class, failure.getCause()).reason());
        assertEquals(JobState.STOPPED, finish(alice(), id).state());
    }

    @Test
    void writeInput_interrupted_endsAndTheRestIsWrittenByARepetition() throws Exception {
        byte[] bytes = new byte[1_000_000];
        new Random(3).nextBytes(bytes);
        Path gate = fifo("input-gate");
        JobId id = TestServer.startStreamed(alice(), "read go <" + gate + "; cat");
        CountDownLatch interrupted = new CountDownLatch(1);
        Thread writer = Thread.ofVirtual().start(() -> {
            try {
                alice().writeInput(id, 0L, ByteBuffer.wrap(bytes), true);
            } catch (InterruptedException expected) {
                interrupted.countDown();
            }
        });
        Awaitility.await().until(() -> alice().get(id).input().bytes() > 0);

        writer.interrupt();
        interrupted.await();
        Files.writeString(gate, "go\n");
        Job after = alice().writeInput(id, 0L, ByteBuffer.wrap(bytes), true);

        assertEquals(new InputInfo(bytes.length, false), after.input());
        assertArrayEquals(bytes, read(alice(), id, OutputQuery.FOLLOW_ALL).bytes());
    }

    @Test
    void writeInput_overTheLimitOfStreams_isRefusedUntilOneIsOver() throws Exception {
        JobWorker otto = worker("otto");
        JobId id = TestServer.startStreamed(otto, "exec sleep 300");
        FutureTask<Job> writing = inThread(() -> otto.writeInput(id, 0L, ByteBuffer.allocate(TOO_MUCH), true));
        Awaitility.await().until(() -> otto.get(id).input().bytes() > 32_000);
        try (OutputReader reader = otto.output(id, OutputQuery.FOLLOW_ALL)) {
            reader.next(Duration.ZERO);

            WorkerException refused = fails(Reason.QUOTA_EXCEEDED, () -> write(otto, id, 0L, "x", false));
            assertEquals("streams", refused.details().get("limit"));
        }
        otto.stop(id, Duration.ZERO);
        assertThrows(ExecutionException.class, writing::get);
        finish(otto, id);
    }
}

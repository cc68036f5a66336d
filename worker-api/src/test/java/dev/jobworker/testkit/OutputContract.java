package dev.jobworker.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobState;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputEvent.End;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputQuery.From;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.OutputView;
import dev.jobworker.core.StdStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Output from its first byte to its end. */
abstract class OutputContract extends LifecycleContract {
    private static final int BINARY_BYTES = 2_500_000;

    @Test
    void output_ofARunningJob_comesAsItIsWritten() throws Exception {
        Path fifo = fifo("live");
        JobId id = start(alice(), "cat", fifo.toString()).id();
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            try (OutputStream job = Files.newOutputStream(fifo)) {
                for (String word : List.of("one\n", "two\n", "no newline")) {
                    job.write(word.getBytes(UTF_8));
                    OutputEvent.Chunk chunk = assertInstanceOf(OutputEvent.Chunk.class, reader.next());
                    assertEquals(word, UTF_8.decode(chunk.bytes()).toString());
                    assertEquals(StdStream.STDOUT, chunk.stream());
                    assertTrue(
                            Duration.between(chunk.time(), Instant.now()).abs().toMinutes() < 5, chunk::toString);
                }
            }
            End end = assertInstanceOf(End.class, reader.next());
            assertEquals(End.Reason.COMPLETE, end.reason());
            assertEquals("one\ntwo\nno newline".length(), end.nextOffset());
            assertEquals(JobState.SUCCEEDED, end.job().state());
            assertEquals(end.job(), alice().get(id));
        }
    }

    @Test
    void g2_outputsThatAreNotReadOn_leaveOtherCallsAlone() throws Exception {
        JobId id = run(alice(), "head -c 60000000 /dev/zero").id();
        List<OutputReader> readers = new ArrayList<>();
        try {
            for (int i = 0; i < 12; i++) {
                OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL);
                readers.add(reader);
                assertInstanceOf(OutputEvent.Chunk.class, reader.next());
                assertEquals(60_000_000, alice().get(id).output().combinedBytes());
            }
        } finally {
            readers.forEach(OutputReader::close);
        }
    }

    @Test
    void output_afterTheEnd_isAllOfIt() throws Exception {
        Job job = run(alice(), "echo one; echo two; printf three");

        Output output = read(alice(), job.id(), OutputQuery.FOLLOW_ALL);

        assertEquals("one\ntwo\nthree", output.text());
        assertEquals(new End(End.Reason.COMPLETE, 13, job), output.end());
        assertEquals(
                output.text(), read(alice(), job.id(), from(new From.Offset(0))).text());
    }

    @Test
    void output_binary_isByteExact() throws Exception {
        byte[] bytes = new byte[BINARY_BYTES];
        new Random(42).nextBytes(bytes);
        JobSpec spec = JobSpec.builder("cat").input(JobInput.of(bytes)).build();

        JobId id = alice().start(UUID.randomUUID(), spec).id();

        assertArrayEquals(bytes, read(alice(), id, OutputQuery.FOLLOW_ALL).bytes());
        assertArrayEquals(bytes, read(alice(), id, OutputQuery.FOLLOW_ALL).bytes());
    }

    @ParameterizedTest
    @CsvSource({"COMBINED, out err end", "STDOUT, out end", "STDERR, err"})
    void output_views_haveTheirOwnBytesAndOffsets(OutputView view, String words) throws Exception {
        JobId id = shell(alice(), "echo out; echo err >&2; echo end").id();
        String text = words.replace(' ', '\n') + "\n";

        Output output = read(alice(), id, query(view, new From.Offset(0), true));

        assertEquals(text.length(), output.end().nextOffset());
        assertEquals(text.length(), output.end().job().output().bytes(view));
        if (view != OutputView.COMBINED) {
            assertEquals(text, output.text());
        }
        assertEquals(
                output.text().substring(2),
                read(alice(), id, query(view, new From.Offset(2), true)).text());
    }

    @Test
    void output_combined_namesTheStreamOfEachChunk() throws Exception {
        JobId id = run(alice(), "echo out; echo err >&2").id();
        StringBuilder out = new StringBuilder();
        StringBuilder err = new StringBuilder();
        Set<StdStream> streams = EnumSet.noneOf(StdStream.class);
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            while (reader.next() instanceof OutputEvent.Chunk chunk) {
                streams.add(chunk.stream());
                (chunk.stream() == StdStream.STDOUT ? out : err).append(UTF_8.decode(chunk.bytes()));
            }
        }

        assertEquals("out\n", out.toString());
        assertEquals("err\n", err.toString());
        assertEquals(EnumSet.allOf(StdStream.class), streams);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5, 15, 16, Integer.MAX_VALUE})
    void output_tailBytes_areTheLastOnes(int count) throws Exception {
        String all = "ok\none\ntwo\nlast";
        JobId id = run(alice(), "printf 'ok\\none\\ntwo\\nlast'").id();

        Output output = read(alice(), id, from(new From.TailBytes(count)));

        assertEquals(all.substring(Math.max(0, all.length() - count)), output.text());
        assertEquals(all.length(), output.end().nextOffset());
    }

    @Test
    void output_tailLines_areTheLastOnes() throws Exception {
        JobId unfinished = run(alice(), "printf 'ok\\none\\ntwo\\nlast'").id();
        JobId finished = run(alice(), "printf 'ok\\none\\ntwo\\n'").id();

        assertEquals("", tailLines(unfinished, 0));
        assertEquals("last", tailLines(unfinished, 1));
        assertEquals("two\nlast", tailLines(unfinished, 2));
        assertEquals("ok\none\ntwo\nlast", tailLines(unfinished, 100));
        assertEquals("two\n", tailLines(finished, 1));
        assertEquals("one\ntwo\n", tailLines(finished, 2));
        assertEquals("ok\none\ntwo\n", tailLines(finished, Long.MAX_VALUE));
    }

    private String tailLines(JobId id, long count) throws InterruptedException {
        return read(alice(), id, from(new From.TailLines(count))).text();
    }

    @Test
    void output_withoutFollow_endsWhereTheJobIs() throws Exception {
        Path fifo = fifo("caught-up");
        JobId id = start(alice(), "cat", fifo.toString()).id();
        try (OutputStream job = Files.newOutputStream(fifo)) {
            job.write("so far".getBytes(UTF_8));
            try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
                readUntil(reader, "so far");
            }

            Output output = read(alice(), id, from(new From.Offset(3)));

            assertEquals("far", output.text());
            assertEquals(End.Reason.CAUGHT_UP, output.end().reason());
            assertEquals(6, output.end().nextOffset());
            assertEquals(JobState.RUNNING, output.end().job().state());
        }
        assertEquals(
                End.Reason.COMPLETE,
                read(alice(), id, OutputQuery.FOLLOW_ALL).end().reason());
    }

    @Test
    void output_limit_endsThere() throws Exception {
        JobId id = run(alice(), "printf 0123456789").id();

        Output output = read(alice(), id, new OutputQuery(OutputView.COMBINED, new From.Offset(2), true, 5));

        assertEquals("23456", output.text());
        assertEquals(End.Reason.LIMIT, output.end().reason());
        assertEquals(7, output.end().nextOffset());
        assertEquals(
                "789",
                read(alice(), id, from(new From.Offset(output.end().nextOffset())))
                        .text());
        assertEquals(
                "",
                read(alice(), id, new OutputQuery(OutputView.COMBINED, new From.Offset(0), true, 0))
                        .text());
    }

    @ParameterizedTest
    @EnumSource(OutputView.class)
    void output_offsetAtTheSize_isLegalAndBeyondIsNot(OutputView view) throws Exception {
        JobId id = run(alice(), "printf 12345; printf 12345 >&2").id();
        long size = view == OutputView.COMBINED ? 10 : 5;

        Output atSize = read(alice(), id, query(view, new From.Offset(size), true));

        assertEquals(0, atSize.bytes().length);
        assertEquals(End.Reason.COMPLETE, atSize.end().reason());
        assertEquals(size, atSize.end().nextOffset());
        fails(Reason.OFFSET_OUT_OF_RANGE, () -> first(alice(), id, query(view, new From.Offset(size + 1), false)));
        fails(Reason.OFFSET_OUT_OF_RANGE, () -> first(alice(), id, query(view, new From.Offset(Long.MAX_VALUE), true)));
    }

    @Test
    void output_offsetBeyondTheSizeOfARunningJob_isRefused() {
        JobId id = start(alice(), "sleep", "300").id();

        fails(Reason.OFFSET_OUT_OF_RANGE, () -> first(alice(), id, OutputQuery.FOLLOW_ALL.withOffset(1)));

        alice().stop(id, Duration.ZERO);
    }

    @Test
    void output_manyFollowers_allSeeTheSameBytes() throws Exception {
        JobId id = shell(alice(), "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done")
                .id();
        List<FutureTask<Output>> followers = new ArrayList<>();
        for (JobWorker worker : List.of(alice(), alice(), worker("vera"), worker("anna"))) {
            followers.add(inThread(() -> read(worker, id, OutputQuery.FOLLOW_ALL)));
        }

        byte[] all = read(alice(), id, OutputQuery.FOLLOW_ALL).bytes();

        assertTrue(new String(all, UTF_8).endsWith("line 1999\n"));
        for (FutureTask<Output> follower : followers) {
            assertArrayEquals(all, follower.get().bytes());
        }
    }

    @Test
    void next_duringSilence_isIdleAtTheSamePlace() throws Exception {
        JobId id = shell(alice(), "printf abc; exec sleep 300").id();
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            readUntil(reader, "abc");

            assertEquals(new OutputEvent.Idle(3), reader.next(Duration.ofMillis(50)));
            assertEquals(new OutputEvent.Idle(3), reader.next(Duration.ZERO));

            alice().stop(id, Duration.ZERO);
            assertEquals(End.Reason.COMPLETE, drain(reader).end().reason());
        }
    }

    @Test
    void close_whileAnotherThreadWaits_endsItsWait() throws Exception {
        JobId id = start(alice(), "sleep", "300").id();
        OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL);
        FutureTask<OutputEvent> waiting = inThread(reader::next);

        reader.close();
        reader.close();

        ExecutionException ended = assertThrows(ExecutionException.class, () -> waiting.get(20, TimeUnit.SECONDS));
        assertInstanceOf(RuntimeException.class, ended.getCause());
        alice().stop(id, Duration.ZERO);
    }

    @Test
    void next_interrupted_throwsAndTheReaderStaysUsable() throws Exception {
        Path fifo = fifo("interrupted");
        JobId id = start(alice(), "cat", fifo.toString()).id();
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL);
                OutputStream job = Files.newOutputStream(fifo)) {
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, reader::next);

            job.write("still here".getBytes(UTF_8));
            readUntil(reader, "still here");
        }
    }

    @Test
    void output_ofASlowReader_delaysNobody() throws Exception {
        JobSpec spec = JobSpec.builder("cat")
                .input(JobInput.of(new byte[BINARY_BYTES]))
                .build();
        JobId id = alice().start(UUID.randomUUID(), spec).id();
        try (OutputReader neverRead = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            assertEquals(BINARY_BYTES, read(alice(), id, OutputQuery.FOLLOW_ALL).bytes().length);
            assertTrue(finish(alice(), id).state().isFinal());

            assertEquals(BINARY_BYTES, drain(neverRead).bytes().length);
        }
    }

    static <T> FutureTask<T> inThread(Callable<T> work) {
        FutureTask<T> task = new FutureTask<>(work);
        Thread.ofVirtual().start(task);
        return task;
    }
}

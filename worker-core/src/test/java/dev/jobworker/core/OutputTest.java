package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** G1, G2 and G4: what readers of output get. */
final class OutputTest extends EngineFixture {

    @Test
    void g1_s23_binaryOutput_everyFollowerGetsEveryByte() throws Exception {
        byte[] bytes = new byte[3_000_000];
        new Random(42).nextBytes(bytes);
        Files.write(directory.resolve("in"), bytes);
        Job job = startShell("read go < " + fifo("gate") + "; cat " + directory.resolve("in"));
        try (ExecutorService readers = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<byte[]>> results = new ArrayList<>();
            for (int i = 0; i < 16; i++) {
                results.add(readers.submit(() -> read(job, OutputQuery.FOLLOW_ALL)));
            }
            Files.writeString(directory.resolve("gate"), "go\n");
            for (Future<byte[]> result : results) {
                assertArrayEquals(bytes, result.get());
            }
        }
        assertArrayEquals(bytes, read(job, OutputQuery.FOLLOW_ALL));
        assertExit(0, awaitFinal(job));
    }

    @Test
    void g1_s23_bytesOfAnyKind_arriveAsTheyAre() {
        Job job = runShell("printf '\\000\\377\\303'; printf '\\251 no final newline'");
        assertArrayEquals(
                new byte[] {
                    0,
                    (byte) 0xff,
                    (byte) 0xc3,
                    (byte) 0xa9,
                    ' ',
                    'n',
                    'o',
                    ' ',
                    'f',
                    'i',
                    'n',
                    'a',
                    'l',
                    ' ',
                    'n',
                    'e',
                    'w',
                    'l',
                    'i',
                    'n',
                    'e'
                },
                read(job, OutputQuery.FOLLOW_ALL));
    }

    @Test
    void g1_twoStreams_viewsAndTagsAgree() throws InterruptedException {
        Job job = runShell("i=0; while [ $i -lt 300 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done");
        StringBuilder out = new StringBuilder();
        StringBuilder err = new StringBuilder();
        long expected = 0;
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            while (reader.next() instanceof OutputEvent.Chunk chunk) {
                assertEquals(expected, chunk.offset());
                expected += chunk.bytes().remaining();
                (chunk.stream() == StdStream.STDOUT ? out : err).append(StandardCharsets.UTF_8.decode(chunk.bytes()));
            }
        }
        assertEquals(text(job, OutputView.STDOUT), out.toString());
        assertEquals(text(job, OutputView.STDERR), err.toString());
        assertTrue(out.toString().startsWith("out0\nout1\n"));
        assertTrue(err.toString().endsWith("err299\n"));
        assertEquals(job.output().combinedBytes(), expected);
    }

    @ParameterizedTest
    @CsvSource({"COMBINED", "STDOUT", "STDERR"})
    void g1_anyOffset_givesTheSuffix(OutputView view) {
        Job job = runShell("for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done");
        byte[] all = read(job, new OutputQuery(view, new OutputQuery.From.Offset(0), false, Long.MAX_VALUE));
        assertEquals(job.output().bytes(view), all.length);
        for (int offset = 0; offset <= all.length; offset++) {
            for (int limit = 0; limit <= all.length; limit += 5) {
                byte[] part = read(job, new OutputQuery(view, new OutputQuery.From.Offset(offset), false, limit));
                byte[] expected = java.util.Arrays.copyOfRange(all, offset, Math.min(all.length, offset + limit));
                assertArrayEquals(expected, part);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0,''", "1,'c'", "2,'b,c'", "3,'a,b,c'", "9,'a,b,c'"})
    void tailLines_unfinishedLastLine_countsAsOne(long count, String expected) {
        Job job = runShell("printf 'a\\nb\\nc'");
        assertEquals(expected.replace(",", "\n"), tail(job, new OutputQuery.From.TailLines(count)));
    }

    @ParameterizedTest
    @CsvSource({"0,''", "1,'c,'", "2,'b,c,'", "3,'a,b,c,'", "9,'a,b,c,'"})
    void tailLines_finishedLastLine_isTheLast(long count, String expected) {
        Job job = runShell("printf 'a\\nb\\nc\\n'");
        assertEquals(expected.replace(",", "\n"), tail(job, new OutputQuery.From.TailLines(count)));
    }

    @Test
    void tailLines_linesLongerThanABlock_areFound() {
        Job job = runShell("head -c 700000 /dev/zero; echo; echo last");
        assertEquals("last\n", tail(job, new OutputQuery.From.TailLines(1)));
        assertEquals(700_006, tail(job, new OutputQuery.From.TailLines(2)).length());
    }

    @Test
    void tailBytes_moreThanThereIs_givesAll() {
        Job job = runShell("printf abc");
        assertEquals("bc", tail(job, new OutputQuery.From.TailBytes(2)));
        assertEquals("abc", tail(job, new OutputQuery.From.TailBytes(100)));
    }

    private String tail(Job job, OutputQuery.From from) {
        return new String(
                read(job, new OutputQuery(OutputView.COMBINED, from, false, Long.MAX_VALUE)), StandardCharsets.UTF_8);
    }

    @Test
    void offset_afterTheEnd_isRefusedEvenWhileRunning() {
        Job job = startShell("printf abc; exec sleep 300");
        awaitOutput(job, "abc");
        OutputQuery atEnd = OutputQuery.FOLLOW_ALL.withOffset(3);
        engine.output(job.id(), atEnd).close();
        Failure.OffsetOutOfRange failure =
                assertFails(Failure.OffsetOutOfRange.class, () -> engine.output(job.id(), atEnd.withOffset(4)));
        assertEquals(3, failure.size());
        assertFails(Failure.Invalid.class, () -> atEnd.withOffset(-1));
    }

    @Test
    void noFollow_runningJob_endsCaughtUp() throws InterruptedException {
        Job job = startShell("printf abc; exec sleep 300");
        awaitOutput(job, "abc");
        OutputQuery query = new OutputQuery(OutputView.COMBINED, new OutputQuery.From.Offset(0), false, Long.MAX_VALUE);
        try (OutputReader reader = engine.output(job.id(), query)) {
            assertEquals(
                    3,
                    assertInstanceOf(OutputEvent.Chunk.class, reader.next())
                            .bytes()
                            .remaining());
            OutputEvent.End end = assertInstanceOf(OutputEvent.End.class, reader.next());
            assertEquals(OutputEvent.End.Reason.CAUGHT_UP, end.reason());
            assertEquals(3, end.nextOffset());
        }
    }

    @Test
    void limit_ofTheReader_endsWithLimit() throws InterruptedException {
        Job job = runShell("printf abcdef");
        OutputQuery query = new OutputQuery(OutputView.COMBINED, new OutputQuery.From.Offset(1), true, 3);
        try (OutputReader reader = engine.output(job.id(), query)) {
            assertInstanceOf(OutputEvent.Chunk.class, reader.next());
            OutputEvent.End end = assertInstanceOf(OutputEvent.End.class, reader.next());
            assertEquals(OutputEvent.End.Reason.LIMIT, end.reason());
            assertEquals(4, end.nextOffset());
        }
    }

    @Test
    void g2_s25_readerThatNeverReads_delaysNobody() throws InterruptedException {
        Job job = startShell("read go < " + fifo("gate") + "; head -c 20000000 /dev/zero");
        try (OutputReader idle = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            openGate("gate");
            assertEquals(20_000_000, read(job, OutputQuery.FOLLOW_ALL).length);
            assertExit(0, awaitFinal(job));
            assertEquals(
                    0, assertInstanceOf(OutputEvent.Chunk.class, idle.next()).offset());
        }
    }

    @Test
    void g4_endOfOutput_comesWithAFinalStatusAndAllBytes() throws InterruptedException {
        for (int i = 0; i < 200; i++) {
            Job job = start(JobSpec.of("echo", "line"));
            try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
                assertEquals(
                        5,
                        assertInstanceOf(OutputEvent.Chunk.class, reader.next())
                                .bytes()
                                .remaining());
                OutputEvent.End end = assertInstanceOf(OutputEvent.End.class, reader.next());
                assertEquals(OutputEvent.End.Reason.COMPLETE, end.reason());
                assertEquals(JobState.SUCCEEDED, end.job().state());
                assertEquals(JobState.SUCCEEDED, engine.get(job.id()).state());
            }
        }
    }

    @Test
    void g4_finalStatus_comesAfterAllBytes() {
        for (int i = 0; i < 200; i++) {
            Job job = runShell("echo one; echo two >&2");
            assertEquals(8, job.output().combinedBytes());
            assertTrue(job.output().complete());
            assertEquals("one\n", text(job, OutputView.STDOUT));
        }
    }

    @Test
    void close_byAnotherThread_endsAWaitingReader() throws Exception {
        Job job = startShell("exec sleep 300");
        OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL);
        CountDownLatch begun = new CountDownLatch(1);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Failure> waiting = threads.submit(() -> {
                begun.countDown();
                return assertFails(Failure.Closed.class, () -> {
                    try {
                        reader.next();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
            });
            assertTrue(begun.await(10, TimeUnit.SECONDS));
            reader.close();
            waiting.get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void interrupt_ofAWaitingReader_leavesItUsable() throws Exception {
        Job job = startShell("read go < " + fifo("gate") + "; echo late");
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, reader::next);
            openGate("gate");
            OutputEvent.Chunk chunk = assertInstanceOf(OutputEvent.Chunk.class, reader.next());
            assertEquals("late\n", StandardCharsets.UTF_8.decode(chunk.bytes()).toString());
        }
    }

    @Test
    void interrupt_whileThereIsOutput_losesNothing() throws Exception {
        Job job = runShell("head -c 3000000 /dev/zero");
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            long seen = 0;
            boolean ended = false;
            for (int turn = 0; !ended; turn++) {
                if (turn % 2 == 0) {
                    Thread.currentThread().interrupt();
                }
                try {
                    switch (reader.next()) {
                        case OutputEvent.Chunk chunk -> {
                            assertEquals(seen, chunk.offset());
                            seen += chunk.bytes().remaining();
                        }
                        case OutputEvent.Idle _ -> {}
                        case OutputEvent.End _ -> ended = true;
                    }
                } catch (InterruptedException expected) {
                    assertFalse(Thread.currentThread().isInterrupted());
                }
            }
            Thread.interrupted();
            assertEquals(3_000_000, seen);
        }
    }

    @Test
    void maxWait_inSilence_isIdle() throws InterruptedException {
        Job job = startShell("exec sleep 300");
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            assertEquals(new OutputEvent.Idle(0), reader.next(Duration.ofMillis(5)));
        }
    }

    @Test
    void g11_s26_outputLimit_truncate_keepsTheHeadAndCountsTheRest() {
        JobSpec spec = JobSpec.builder("sh", "-c", "head -c 300000 /dev/zero; echo done >&2")
                .output(new OutputPolicy(1000L, OutputPolicy.AtLimit.TRUNCATE, false))
                .build();
        Job job = awaitFinal(start(spec));
        assertExit(0, job);
        assertEquals(1000, job.output().combinedBytes());
        assertEquals(300_005 - 1000, job.output().truncatedBytes());
        assertEquals(1000, read(job, OutputQuery.FOLLOW_ALL).length);
    }

    @Test
    void g11_s26_outputLimit_kill_endsTheJob() {
        JobSpec spec = JobSpec.builder("sh", "-c", "while :; do echo more; done")
                .output(new OutputPolicy(1000L, OutputPolicy.AtLimit.KILL, false))
                .gracePeriod(Duration.ZERO)
                .build();
        Job job = awaitFinal(start(spec));
        assertEquals(JobState.FAILED, job.state());
        assertEquals(Cause.Kind.OUTPUT_LIMIT, ended(job).cause().kind());
        assertEquals(1000, job.output().combinedBytes());
    }

    private static JobSpec.Builder tailed(long limit, String script) {
        return JobSpec.builder("sh", "-c", script)
                .output(new OutputPolicy(limit, OutputPolicy.AtLimit.KEEP_TAIL, false));
    }

    private String tail(Job job, OutputView view) {
        return new String(
                read(job, new OutputQuery(view, new OutputQuery.From.TailBytes(Long.MAX_VALUE), true, Long.MAX_VALUE)),
                StandardCharsets.UTF_8);
    }

    @Test
    void g11_s26_outputLimit_keepTail_offsetsStayAndTheHeadIsTypedAsGone() {
        long limit = OutputPolicy.MIN_TAIL_BYTES;
        Job started = start(tailed(limit, "seq -w 100000; read go < " + fifo("gate") + "; echo last >&2")
                .build());
        // Two pipes have no order: the last line is written when all before it has been read.
        Awaitility.await().until(() -> engine.get(started.id()).output().stdoutBytes() == 700_000);
        openGate("gate");
        Job job = awaitFinal(started);
        assertExit(0, job);
        long size = 700_005;
        OutputInfo output = job.output();
        assertEquals(size, output.combinedBytes());
        assertEquals(output.truncatedBytes(), output.earliestOffset());
        long kept = size - output.earliestOffset();
        assertTrue(kept >= limit / 2 && kept <= limit, () -> output.toString());
        String all =
                IntStream.rangeClosed(1, 100_000).mapToObj("%06d\n"::formatted).collect(Collectors.joining());
        assertEquals((all + "last\n").substring((int) output.earliestOffset()), tail(job, OutputView.COMBINED));
        assertEquals("last\n", tail(job, OutputView.STDERR));
        String stdout = tail(job, OutputView.STDOUT);
        assertEquals(all.substring(all.length() - stdout.length()), stdout);
        Failure.OutputTruncated gone = assertFails(
                Failure.OutputTruncated.class,
                () -> engine.output(job.id(), OutputQuery.FOLLOW_ALL).close());
        assertEquals(new Failure.OutputTruncated(0, output.earliestOffset()), gone);
        byte[] rest = read(job, OutputQuery.FOLLOW_ALL.withOffset(output.earliestOffset()));
        assertEquals(kept, rest.length);
        assertEquals(
                "100000\nlast\n",
                new String(
                        read(
                                job,
                                new OutputQuery(
                                        OutputView.COMBINED, new OutputQuery.From.TailLines(2), true, Long.MAX_VALUE)),
                        StandardCharsets.UTF_8));
    }

    @Test
    void outputLimit_keepTail_shorterThanTheLimit_isAllThere() {
        Job job = awaitFinal(start(tailed(100_000, "echo out; echo err >&2").build()));
        assertEquals("out\nerr\n", text(job, OutputView.COMBINED));
        assertEquals("err\n", text(job, OutputView.STDERR));
        assertEquals(0, job.output().earliestOffset());
    }

    /** G1 under a moving head: what a follower gets is right, and when it fell behind it is told so. */
    @Test
    void g1_s26_keepTail_followersOfAFastJobGetTrueBytesOrATypedError() throws Exception {
        Job job = start(tailed(OutputPolicy.MIN_TAIL_BYTES, "seq -w 9999999").build());
        int fellBehind = 0;
        int delivered = 0;
        while (!engine.get(job.id()).state().isFinal()) {
            try (OutputReader reader = engine.output(
                    job.id(),
                    new OutputQuery(OutputView.COMBINED, new OutputQuery.From.TailBytes(20_000), true, 200_000))) {
                while (reader.next() instanceof OutputEvent.Chunk chunk) {
                    for (int i = 0; i < chunk.bytes().limit(); i += 97) {
                        long offset = chunk.offset() + i;
                        assertEquals(
                                "%07d\n".formatted(offset / 8 + 1).charAt((int) (offset % 8)),
                                (char) chunk.bytes().get(i),
                                () -> "at " + offset);
                    }
                    delivered++;
                }
            } catch (JobException e) {
                assertInstanceOf(Failure.OutputTruncated.class, e.failure());
                fellBehind++;
            }
        }
        assertTrue(delivered > 0);
        Job end = awaitFinal(job);
        assertEquals(9_999_999L * 8, end.output().combinedBytes());
        assertTrue(tail(end, OutputView.COMBINED).endsWith("9999999\n"), "fell behind " + fellBehind + " times");
    }

    @Test
    void outputLimit_keepTail_underTheLeast_isRefused() {
        assertFails(Failure.Invalid.class, () -> tailed(65_535, "true").build());
    }

    @Test
    void outputLimit_moreThanTheEngineAllows_isRefused() {
        JobSpec spec = JobSpec.builder("true")
                .output(new OutputPolicy(Long.MAX_VALUE, OutputPolicy.AtLimit.TRUNCATE, false))
                .build();
        assertFails(Failure.Invalid.class, () -> start(spec));
    }

    @Test
    void merge_bothStreams_oneOrder() {
        JobSpec spec = JobSpec.builder("sh", "-c", "for i in 1 2 3; do echo o$i; echo e$i >&2; done")
                .output(new OutputPolicy(null, OutputPolicy.AtLimit.TRUNCATE, true))
                .build();
        Job job = awaitFinal(start(spec));
        assertEquals("o1\ne1\no2\ne2\no3\ne3\n", text(job, OutputView.COMBINED));
        assertEquals(0, job.output().stderrBytes());
    }

    @Test
    void g1_s24_devStdout_openedByTheJob_keepsEarlierOutput() {
        Job job = runShell(
                "echo first; echo second > /dev/stdout; echo third > /dev/stderr; dd if=/dev/zero bs=1 count=1 of=/dev/stdout 2>/dev/null");
        assertEquals("first\nsecond\n\0", text(job, OutputView.STDOUT));
        assertEquals("third\n", text(job, OutputView.STDERR));
    }

    @Test
    void transferTo_givesTheEnd() throws Exception {
        Job job = runShell("echo hello");
        try (OutputReader reader = engine.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            OutputEvent.End end = reader.transferTo(bytes);
            assertEquals(OutputEvent.End.Reason.COMPLETE, end.reason());
            assertEquals("hello\n", bytes.toString(StandardCharsets.UTF_8));
        }
    }

    private String fifo(String name) {
        String path = directory.resolve(name).toString();
        assertExit(0, awaitFinal(start(JobSpec.of("mkfifo", path))));
        return path;
    }

    private void openGate(String name) {
        try {
            Files.writeString(directory.resolve(name), "go\n");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}

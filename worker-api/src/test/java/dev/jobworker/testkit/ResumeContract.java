package dev.jobworker.testkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.ResumingWriter;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.InputInfo;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputQuery.From;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.OutputView;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.FutureTask;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G1 over broken connections: every byte once, in order. */
@Timeout(120)
public abstract class ResumeContract {
    protected abstract Transport transport();

    @TempDir
    Path directory;

    private final List<String> notices = Collections.synchronizedList(new ArrayList<>());
    private TestServer server;
    private JobWorker alice;

    @BeforeEach
    void start() {
        server = new TestServer(directory, transport());
        alice = server.client("alice");
    }

    @AfterEach
    void stop() throws Exception {
        server.close();
    }

    @Test
    void g1_s29_connectionCutHundredTimes_outputHasTheSameDigest() throws Exception {
        Random random = new Random(29);
        Path copy = directory.resolve("copy");
        Job job = TestServer.start(alice, "head -c 50000000 /dev/urandom | tee " + copy);
        try (TcpProxy proxy = TcpProxy.cutting(server.port(), () -> 10_000 + random.nextLong(800_000))) {
            JobWorker client = server.client("alice", proxy.port(), notices, TestServer.QUICK);
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            OutputEvent.End end = transfer(client, job, OutputQuery.FOLLOW_ALL, digest);
            assertEquals(OutputEvent.End.Reason.COMPLETE, end.reason());
            assertEquals(50_000_000, end.nextOffset());
            assertEquals(sha256(Files.readAllBytes(copy)), HexFormat.of().formatHex(digest.digest()));
            assertTrue(proxy.cuts() >= 100, proxy.cuts() + " cuts");
        }
    }

    @Test
    void output_ofOneStreamWithLimit_connectionCut_endsAtLimit() throws Exception {
        Random random = new Random(30);
        Job job = TestServer.start(alice, "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2");
        alice.await(job.id(), JobWorker.MAX_WAIT);
        try (TcpProxy proxy = TcpProxy.cutting(server.port(), () -> 300_000 + random.nextLong(300_000))) {
            JobWorker client = server.client("alice", proxy.port(), notices, TestServer.QUICK);
            OutputQuery query = new OutputQuery(OutputView.STDERR, new From.TailBytes(2_500_000), false, 2_000_000);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (OutputReader output = client.output(job.id(), query)) {
                OutputEvent.End end = output.transferTo(bytes);
                assertEquals(OutputEvent.End.Reason.LIMIT, end.reason());
                assertEquals(2_500_000, end.nextOffset());
            }
            assertEquals(2_000_000, bytes.size());
            assertTrue(proxy.cuts() >= 2, proxy.cuts() + " cuts");
        }
    }

    @Test
    void output_serverRestarted_goesOnAndSaysSo() throws Exception {
        Path go = directory.resolve("go");
        Job job = TestServer.start(alice, "mkfifo " + go + "; echo one; read x < " + go + "; echo two");
        JobWorker client = server.client("alice", server.port(), notices, TestServer.QUICK);
        try (OutputReader output = client.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            assertEquals("one\n", text(output.next()));
            server.server().close();
            server.restart();
            Files.writeString(go, "\n");
            assertEquals("two\n", text(output.next()));
            assertInstanceOf(OutputEvent.End.class, output.next());
        }
        assertEquals(1, notices.size(), notices.toString());
        assertTrue(notices.getFirst().contains("resuming at byte 4"), notices.toString());
    }

    @Test
    void tail_connectionCutBeforeAnyByte_resumesWhereItBegan() throws Exception {
        Path go = directory.resolve("go");
        Job job = TestServer.start(alice, "mkfifo " + go + "; echo old; read x < " + go + "; echo new");
        try (OutputReader watch = alice.output(job.id(), OutputQuery.FOLLOW_ALL);
                TcpProxy proxy = TcpProxy.cutting(server.port(), () -> Long.MAX_VALUE)) {
            assertEquals("old\n", text(watch.next()));
            JobWorker client = server.client("alice", proxy.port(), notices, TestServer.QUICK);
            OutputQuery nothingOld = new OutputQuery(OutputView.COMBINED, new From.TailLines(0), true, Long.MAX_VALUE);
            try (OutputReader output = client.output(job.id(), nothingOld)) {
                assertEquals(new OutputEvent.Idle(4), output.next(Duration.ZERO));
                proxy.cutAll();
                Files.writeString(go, "\n");
                assertEquals("new\n", text(watch.next()));
                assertEquals("new\n", text(output.next()));
            }
        }
    }

    @Test
    void next_serverGoneForLong_failsWithTheCause() throws Exception {
        Job job = TestServer.start(alice, "echo one; sleep 100");
        Retry impatient =
                new Retry(Duration.ofMillis(2), Duration.ofMillis(20), Duration.ofSeconds(45), Duration.ofMillis(300));
        JobWorker client = server.client("alice", server.port(), notices, impatient);
        try (OutputReader output = client.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            assertEquals("one\n", text(output.next()));
            server.server().close();
            WorkerException failure = assertThrows(WorkerException.class, output::next);
            assertEquals(Reason.CONNECTION_FAILED, failure.reason());
            assertTrue(failure.getMessage().contains("Connection refused"), failure.getMessage());
        }
    }

    @Test
    void next_whileServerIsGone_waitsNoLongerThanAsked() throws Exception {
        Job job = TestServer.start(alice, "echo one; sleep 100");
        try (OutputReader output = alice.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            assertEquals("one\n", text(output.next()));
            server.server().close();
            assertEquals(new OutputEvent.Idle(4), output.next(Duration.ofMillis(100)));
        }
    }

    @Test
    void next_silentConnection_isTakenForBroken() throws Exception {
        Job job = TestServer.start(alice, "echo one; sleep 100");
        Retry alert =
                new Retry(Duration.ofMillis(2), Duration.ofMillis(20), Duration.ofMillis(200), Duration.ofMillis(600));
        JobWorker client = server.client("alice", server.port(), notices, alert);
        try (OutputReader output = client.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            assertEquals("one\n", text(output.next()));
            WorkerException failure = assertThrows(WorkerException.class, output::next);
            assertEquals(Reason.CONNECTION_FAILED, failure.reason());
            assertTrue(failure.getMessage().contains("nothing came"), failure.getMessage());
        }
    }

    @Test
    void next_errorOfTheContract_isNotRetried() throws Exception {
        Job job = TestServer.start(alice, "echo one");
        OutputQuery tooFar = OutputQuery.FOLLOW_ALL.withOffset(100);
        alice.await(job.id(), JobWorker.MAX_WAIT);
        try (OutputReader output = alice.output(job.id(), tooFar)) {
            WorkerException failure = assertThrows(WorkerException.class, output::next);
            assertEquals(Reason.OFFSET_OUT_OF_RANGE, failure.reason());
        }
    }

    @Test
    void close_byAnotherThread_endsWaitingNext() throws Exception {
        Job job = TestServer.start(alice, "sleep 100");
        OutputReader output = alice.output(job.id(), OutputQuery.FOLLOW_ALL);
        assertInstanceOf(OutputEvent.Idle.class, output.next(Duration.ZERO));
        Thread closer = Thread.ofVirtual().start(output::close);
        assertThrows(WorkerException.class, output::next);
        closer.join();
        assertThrows(WorkerException.class, output::next);
    }

    @Test
    void next_interrupted_readerStaysUsable() throws Exception {
        Path go = directory.resolve("go");
        Job job = TestServer.start(alice, "mkfifo " + go + "; echo one; read x < " + go + "; echo two");
        try (OutputReader output = alice.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            assertEquals("one\n", text(output.next()));
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, output::next);
            Files.writeString(go, "\n");
            assertEquals("two\n", text(output.next()));
        }
    }

    @Test
    void output_binary_isExact() throws Exception {
        Path copy = directory.resolve("copy");
        Job job = TestServer.start(alice, "head -c 3000001 /dev/urandom | tee " + copy);
        byte[] output = TestServer.read(alice, job);
        assertArrayEquals(Files.readAllBytes(copy), output);
    }

    @Test
    void input_connectionCutAgainAndAgain_arrivesOnceInOrder() throws Exception {
        Random random = new Random(31);
        byte[] bytes = new byte[10_000_000];
        random.nextBytes(bytes);
        Job job = streamed("exec sha256sum");
        try (TcpProxy proxy = TcpProxy.cutting(server.port(), () -> 5_000 + random.nextLong(5_000))) {
            JobWorker client = server.client("alice", proxy.port(), notices, TestServer.QUICK);
            ResumingWriter writer = new ResumingWriter(client, job.id(), 0, notices::add, TestServer.QUICK);
            int piece = 25_000;
            for (int offset = 0; offset < bytes.length; offset += piece) {
                writer.write(ByteBuffer.wrap(bytes, offset, piece), offset + piece == bytes.length);
            }
            assertTrue(proxy.cuts() >= 5, proxy.cuts() + " cuts");
        }
        assertEquals(sha256(bytes) + "  -\n", new String(TestServer.read(alice, job), StandardCharsets.UTF_8));
    }

    @Test
    void input_serverRestartedWhileTheJobDoesNotRead_goesOnAndSaysSo() throws Exception {
        Path gate = directory.resolve("gate");
        Job job = streamed("mkfifo " + gate + "; echo ready; read x < " + gate + "; exec sha256sum");
        byte[] bytes = new byte[1_000_000];
        JobWorker client = server.client("alice", server.port(), notices, TestServer.QUICK);
        ResumingWriter writer = new ResumingWriter(client, job.id(), 0, notices::add, TestServer.QUICK);
        FutureTask<Job> writing = new FutureTask<>(() -> writer.write(ByteBuffer.wrap(bytes), true));
        Thread.ofVirtual().start(writing);
        Awaitility.await().until(() -> server.local().get(job.id()).input().bytes() > 32_000 && Files.exists(gate));
        server.server().close();
        server.restart();
        Files.writeString(gate, "\n");
        assertEquals(new InputInfo(bytes.length, false), writing.get().input());
        assertEquals(
                "ready\n" + sha256(bytes) + "  -\n",
                new String(TestServer.read(server.local(), job), StandardCharsets.UTF_8));
        assertEquals(1, notices.size(), notices.toString());
        assertTrue(notices.getFirst().contains("resuming at byte 0"), notices.toString());
    }

    @Test
    void input_errorOfTheContract_isNotRetried() {
        Job job = streamed("exec cat");
        ResumingWriter writer = new ResumingWriter(alice, job.id(), 7, notices::add, TestServer.QUICK);
        WorkerException failure =
                assertThrows(WorkerException.class, () -> writer.write(ByteBuffer.allocate(1), false));
        assertEquals(Reason.OFFSET_OUT_OF_RANGE, failure.reason());
        assertEquals(List.of(), notices);
    }

    private Job streamed(String script) {
        return alice.start(
                UUID.randomUUID(),
                JobSpec.builder("/bin/sh", "-c", script).streamInput(true).build());
    }

    private static OutputEvent.End transfer(JobWorker worker, Job job, OutputQuery query, MessageDigest digest)
            throws Exception {
        try (OutputReader output = worker.output(job.id(), query)) {
            while (true) {
                switch (output.next()) {
                    case OutputEvent.Chunk chunk -> digest.update(chunk.bytes());
                    case OutputEvent.Idle _ -> {}
                    case OutputEvent.End end -> {
                        return end;
                    }
                }
            }
        }
    }

    private static String text(OutputEvent event) {
        return StandardCharsets.UTF_8
                .decode(assertInstanceOf(OutputEvent.Chunk.class, event).bytes())
                .toString();
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }
}

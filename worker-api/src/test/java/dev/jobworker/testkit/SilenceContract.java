package dev.jobworker.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.Job;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G1 over silence: a job that says nothing for long is no broken connection, and what it says then arrives. */
@Timeout(60)
public abstract class SilenceContract {
    /** How long a connection may be idle for either end. */
    protected static final Duration IDLE = Duration.ofSeconds(1);

    /** What keeps it from being idle. */
    protected static final Duration HEARTBEAT = IDLE.dividedBy(5);

    /** Returns a transport whose server has this idle timeout, if it has any, and sends these heartbeats. */
    protected abstract Transport transport();

    @TempDir
    Path directory;

    @Test
    void g1_s28_followOfASilentJob_outlivesThreeIdleTimeouts() throws Exception {
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        Retry impatient = new Retry(Duration.ofMillis(2), Duration.ofMillis(50), IDLE, Duration.ofSeconds(20));
        Path go = directory.resolve("go");
        try (TestServer server = new TestServer(directory, transport());
                TcpProxy proxy = TcpProxy.cutting(server.port(), () -> Long.MAX_VALUE)) {
            JobWorker client = server.client("alice", proxy.port(), notices, impatient);
            Job job = TestServer.start(client, "mkfifo " + go + "; echo one; read x < " + go + "; echo two");
            try (OutputReader output = client.output(job.id(), OutputQuery.FOLLOW_ALL)) {
                assertEquals("one\n", text(output.next()));
                Instant begin = Instant.now();
                assertEquals(new OutputEvent.Idle(4), silence(output, IDLE.multipliedBy(3)));
                assertTrue(Duration.between(begin, Instant.now()).compareTo(IDLE.multipliedBy(3)) >= 0);
                Files.writeString(go, "\n");
                assertEquals("two\n", text(output.next()));
                assertInstanceOf(OutputEvent.End.class, output.next());
            }
            assertEquals(List.of(), notices, "it was one connection");
        }
    }

    /** Waits out the time with {@link OutputReader#next}, which heartbeats may end early. */
    private static OutputEvent silence(OutputReader output, Duration time) throws InterruptedException {
        long end = System.nanoTime() + time.toNanos();
        OutputEvent event;
        do {
            event = output.next(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
        } while (event instanceof OutputEvent.Idle && System.nanoTime() < end);
        return event;
    }

    private static String text(OutputEvent event) {
        return StandardCharsets.UTF_8
                .decode(assertInstanceOf(OutputEvent.Chunk.class, event).bytes())
                .toString();
    }
}

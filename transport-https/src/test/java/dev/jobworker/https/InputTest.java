package dev.jobworker.https;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.core.InputInfo;
import dev.jobworker.core.JobId;
import dev.jobworker.testkit.TestPki;
import dev.jobworker.testkit.TestServer;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bodies that become input, as this module's client does not send them. */
@Timeout(60)
class InputTest {
    private static final String BYTES = "Content-Type: application/octet-stream";
    private static final Duration RECEPTION = Duration.ofMillis(300);
    private static final Duration IDLE = Duration.ofSeconds(2);

    @TempDir
    Path directory;

    private HttpsTestServer server;
    private JobWorker alice;

    @BeforeEach
    void start() {
        server = new HttpsTestServer(
                directory,
                HttpsTransport.of(HttpClient.Version.HTTP_1_1)
                        .withReception(RECEPTION)
                        .withTimeouts(Duration.ofSeconds(10), IDLE));
        alice = server.client("alice");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private JobId streamed(String script) {
        return TestServer.startStreamed(alice, script);
    }

    private String output(JobId id) throws Exception {
        return new String(TestServer.read(alice, alice.get(id)), UTF_8);
    }

    /** Sends the head of a request whose body comes in chunks. */
    private static HttpSocket begin(HttpSocket socket, JobId id, String query, String... headers) throws IOException {
        return socket.send("POST /v1/jobs/" + id + "/input" + query + " HTTP/1.1\r\nHost: localhost\r\n"
                + String.join("\r\n", headers) + "\r\nTransfer-Encoding: chunked\r\n\r\n");
    }

    private static HttpSocket chunk(HttpSocket socket, byte[] bytes) throws IOException {
        return socket.send(Integer.toHexString(bytes.length) + "\r\n")
                .send(bytes)
                .send("\r\n");
    }

    private static void awaitLongerThan(Duration time) {
        long start = System.nanoTime();
        await().until(() -> System.nanoTime() - start > time.multipliedBy(2).toNanos());
    }

    @Test
    void body_inPieces_comesAsItIsSentAndTakesItsTime() throws Exception {
        JobId id = streamed("cat");
        try (HttpSocket socket = server.connect("alice")) {
            chunk(begin(socket, id, "?end=true", BYTES), "one ".getBytes(US_ASCII));
            await().until(() -> alice.get(id).input().bytes() == 4);
            awaitLongerThan(RECEPTION);
            chunk(socket, "two".getBytes(US_ASCII)).send("0\r\n\r\n");
            HttpSocket.Answer answer = socket.read();
            assertEquals(200, answer.status());
            assertTrue(answer.body().contains("\"input\":{\"bytes\":7,\"open\":false}"), answer.body());
        }
        assertEquals("one two", output(id));
    }

    @Test
    void body_withoutEnd_leavesTheInputOpen() throws Exception {
        JobId id = streamed("cat");
        try (HttpSocket socket = server.connect("alice")) {
            String target = "/v1/jobs/" + id + "/input";
            socket.post(target + "?offset=0", "application/octet-stream", "abc");
            assertTrue(socket.read().body().contains("\"input\":{\"bytes\":3,\"open\":true}"));
            socket.post(target + "?offset=1&end=true", "application/octet-stream", "bcd");
            assertTrue(socket.read().body().contains("\"input\":{\"bytes\":4,\"open\":false}"));
        }
        assertEquals("abcd", output(id));
    }

    /** Neither the time for bodies nor the idle timeout is for a job that takes its own. */
    @Test
    void job_thatDoesNotRead_holdsTheClientAsLongAsItLikes() throws Exception {
        Path gate = directory.resolve("gate");
        JobId id = streamed("mkfifo " + gate + "; read go <" + gate + "; exec wc -c");
        byte[] bytes = new byte[8 << 20];
        try (HttpSocket socket = server.connect("alice")) {
            begin(socket, id, "?end=true", BYTES);
            Thread sending = Thread.ofVirtual().start(() -> {
                try {
                    chunk(socket, bytes).send("0\r\n\r\n");
                } catch (IOException cut) {
                    // Then there is no answer to read.
                }
            });
            try {
                await().until(() -> alice.get(id).input().bytes() > 32_000 && Files.exists(gate));
                awaitLongerThan(IDLE);
                assertTrue(alice.get(id).input().bytes() < 1 << 20);
                Files.writeString(gate, "go\n");
                assertEquals(200, socket.read().status());
                assertEquals(bytes.length + "\n", output(id));
            } finally {
                alice.stop(id, Duration.ZERO); // a socket is not closed while somebody writes
                sending.join();
            }
        }
    }

    @Test
    void client_thatSendsNothing_isCutByTheIdleTimeoutAndTheInputStaysOpen() throws Exception {
        JobId id = streamed("cat");
        try (HttpSocket socket = server.connect("alice")) {
            chunk(begin(socket, id, "?end=true", BYTES), "one".getBytes(US_ASCII));
            assertEquals(400, socket.read().status());
        }
        await().until(() -> server.server().waitingCalls() == 0);
        assertEquals(new InputInfo(3, true), alice.get(id).input());
    }

    @Test
    void client_thatGoesAway_leavesTheInputOpen() throws Exception {
        JobId id = streamed("cat");
        try (HttpSocket socket = server.connect("alice")) {
            chunk(begin(socket, id, "?end=true", BYTES), "one".getBytes(US_ASCII));
            await().until(() -> alice.get(id).input().bytes() == 3);
        }
        await().until(() -> server.server().waitingCalls() == 0);
        assertEquals(new InputInfo(3, true), alice.get(id).input());
    }

    @Test
    void job_thatReadsNoMore_isToldThoughTheClientStillSends() throws Exception {
        JobId id = streamed("head -c 5; exec <&-; exec sleep 300");
        try (HttpSocket socket = server.connect("alice")) {
            begin(socket, id, "", BYTES);
            for (int i = 0; i < 100; i++) {
                chunk(socket, new byte[100_000]);
            }
            HttpSocket.Answer answer = socket.read();
            assertEquals(409, answer.status());
            assertTrue(answer.body().contains("\"reason\":\"INPUT_CLOSED\""), answer.body());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "'', 'Content-Type: text/plain', 415",
        "'', 'X-Nothing: 1', 415",
        "'', 'Content-Type: application/octet-stream\r\nContent-Encoding: gzip', 415",
        "?offset=-1, 'Content-Type: application/octet-stream', 400",
        "?offset=x, 'Content-Type: application/octet-stream', 400",
        "?offset=1, 'Content-Type: application/octet-stream', 416",
        "?end=yes, 'Content-Type: application/octet-stream', 400",
        "?end=true&end=true, 'Content-Type: application/octet-stream', 400",
        "?data=x, 'Content-Type: application/octet-stream', 400",
    })
    void badRequest_isRefusedAndWritesNothing(String query, String headers, int status) throws Exception {
        JobId id = streamed("cat");
        try (HttpSocket socket = server.connect("alice")) {
            chunk(begin(socket, id, query, headers), new byte[] {1}).send("0\r\n\r\n");
            assertEquals(status, socket.read().status());
        }
        assertEquals(new InputInfo(0, true), alice.get(id).input());
    }

    @Test
    void shutdown_endsRequestsThatWaitForTheClientOrTheJob() throws Exception {
        JobId idleJob = streamed("cat");
        JobId heldJob = streamed("exec sleep 300");
        try (HttpSocket idle = server.connect("alice");
                HttpSocket held = server.connect("alice")) {
            chunk(begin(idle, idleJob, "", BYTES), new byte[1]);
            chunk(begin(held, heldJob, "", BYTES), new byte[200_000]);
            await().until(() -> alice.get(idleJob).input().bytes() == 1
                    && alice.get(heldJob).input().bytes() > 32_000);
            Thread closing = Thread.ofVirtual().start(() -> server.server().close());
            for (HttpSocket socket : new HttpSocket[] {idle, held}) {
                HttpSocket.Answer answer = socket.read();
                assertEquals(503, answer.status());
                assertTrue(answer.body().contains("SERVER_SHUTTING_DOWN"), answer.body());
            }
            closing.join();
        }
    }

    @Test
    void certificate_atItsEnd_endsRequestsThatWaitForTheClientOrTheJob() throws Exception {
        JobId idleJob = streamed("cat");
        JobId heldJob = streamed("exec sleep 300");
        var brief = server.pki()
                .leaf("brief")
                .uris(TestPki.spiffeId("alice"))
                .valid(Instant.now().minusSeconds(60), Instant.now().plusMillis(1800))
                .issue();
        try (HttpSocket idle = new HttpSocket(server.port(), brief.credentials());
                HttpSocket held = new HttpSocket(server.port(), brief.credentials())) {
            chunk(begin(idle, idleJob, "", BYTES), new byte[1]);
            chunk(begin(held, heldJob, "", BYTES), new byte[200_000]);
            for (HttpSocket socket : new HttpSocket[] {idle, held}) {
                HttpSocket.Answer answer = socket.read();
                assertEquals(401, answer.status());
                assertTrue(answer.body().contains("CERTIFICATE_REJECTED"), answer.body());
            }
        }
        await().until(() -> server.server().waitingCalls() == 0);
    }
}

package dev.jobworker.https;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.testkit.TestServer;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Output over plain HTTP: raw bytes, ranges, trailers, events, and clients that vanish or do not read. */
@Timeout(120)
class OutputTest {
    private static final Duration IDLE = Duration.ofSeconds(1);

    @TempDir
    Path directory;

    private HttpsTestServer server;
    private JobWorker alice;

    @BeforeEach
    void start() {
        server = new HttpsTestServer(
                directory,
                HttpsTransport.of(HttpClient.Version.HTTP_1_1)
                        .withHeartbeat(Duration.ofMillis(100))
                        .withTimeouts(Duration.ofSeconds(10), IDLE));
        alice = server.client("alice");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private HttpSocket.Answer get(JobId id, String query, String... headers) throws Exception {
        try (HttpSocket socket = server.connect("alice")) {
            return socket.get("/v1/jobs/" + id + "/output" + query, headers).read();
        }
    }

    private JobId finished(String script) throws InterruptedException {
        return alice.await(TestServer.start(alice, script).id(), JobWorker.MAX_WAIT)
                .id();
    }

    @Test
    void raw_ofAFinishedJob_isExactWithItsLength() throws Exception {
        JobId id = finished("printf 'out\\n'; printf 'err' >&2; exit 3");

        HttpSocket.Answer all = get(id, "");
        HttpSocket.Answer one = get(id, "?stream=stderr");

        assertEquals("application/octet-stream", all.headers().get("content-type"));
        assertEquals("7", all.headers().get("content-length"));
        assertEquals("bytes", all.headers().get("accept-ranges"));
        assertEquals("no-store", all.headers().get("cache-control"));
        assertEquals("nosniff", all.headers().get("x-content-type-options"));
        assertEquals(7, all.body().length());
        assertEquals("err", one.body());
        assertEquals("3", one.headers().get("content-length"));
    }

    @Test
    void raw_followedToTheEnd_hasTrailers() throws Exception {
        HttpSocket.Answer failed = get(finished("echo x; exit 3"), "?follow=true");
        HttpSocket.Answer killed = get(finished("kill -9 $$"), "?follow=true");

        assertEquals("x\n", failed.body());
        assertFalse(failed.cut());
        assertEquals("FAILED", failed.trailers().get("job-state"));
        assertEquals("3", failed.trailers().get("job-exit-code"));
        assertEquals("", killed.body());
        assertEquals("SIGKILL", killed.trailers().get("job-exit-signal"));
        assertFalse(killed.trailers().containsKey("job-exit-code"));
    }

    @ParameterizedTest
    @CsvSource({
        "?offset=8,            89,         200",
        "?offset=10,           '',         200",
        "?offset=2&limit=3,    234,        200",
        "?limit=0,             '',         200",
        "?tail=3,              789,        200",
        "?tail=30,             0123456789, 200",
        "?tailLines=1,         0123456789, 200",
        "?follow=true&tail=3,  789,        200",
        "?offset=11,           '',         416"
    })
    void raw_ofAPart_isThatPart(String query, String body, int status) throws Exception {
        HttpSocket.Answer answer = get(finished("printf 0123456789"), query);
        assertEquals(status, answer.status());
        assertTrue(status != 200 || answer.body().equals(body), answer.body());
        assertEquals(status == 416 ? "bytes */10" : null, answer.headers().get("content-range"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            bytes=0-             | 0123456789 | 206 | bytes 0-9/10
            bytes=4-             | 456789     | 206 | bytes 4-9/10
            bytes=4-5            | 45         | 206 | bytes 4-5/10
            bytes=9-99           | 9          | 206 | bytes 9-9/10
            bytes=10-            | ''         | 416 | bytes */10
            bytes=11-            | ''         | 416 | bytes */10
            bytes=-3             | ''         | 400 |
            bytes=0-1,3-4        | ''         | 400 |
            bytes=5-4            | ''         | 400 |
            bytes=a-             | ''         | 400 |
            bytes                | ''         | 400 |
            lines=1-2            | 0123456789 | 200 |
            """)
    void range_ofAFinishedJob_isThatPart(String range, String body, int status, String contentRange) throws Exception {
        JobId id = finished("printf 0123456789");
        for (String query : new String[] {"", "?follow=true"}) {
            HttpSocket.Answer answer = get(id, query, "Range: " + range);
            assertEquals(status, answer.status(), answer.body());
            assertTrue(status >= 400 || answer.body().equals(body), answer.body());
            assertEquals(contentRange, answer.headers().get("content-range"));
        }
    }

    @Test
    void range_withAConditionOrAnotherPlace_isNoRange() throws Exception {
        JobId id = finished("printf 0123456789");
        assertEquals(200, get(id, "", "Range: bytes=4-", "If-Range: \"x\"").status());
        for (String query : new String[] {"?offset=1", "?tail=1", "?tailLines=1", "?limit=5"}) {
            assertEquals(400, get(id, query, "Range: bytes=4-").status());
        }
        assertEquals("", get(id, "?stream=stderr").body());
        assertEquals(416, get(id, "?stream=stderr", "Range: bytes=4-").status());
    }

    @Test
    void range_ofARunningJob_hasAnOpenEnd() throws Exception {
        Path go = directory.resolve("go");
        Job job = TestServer.start(alice, "printf 01234; mkfifo " + go + "; read x < " + go + "; printf 56789");
        String target = "/v1/jobs/" + job.id() + "/output";
        await().until(() -> alice.get(job.id()).output().combinedBytes() == 5);

        assertEquals(416, get(job.id(), "", "Range: bytes=5-").status());
        HttpSocket.Answer there = get(job.id(), "", "Range: bytes=1-3");
        assertEquals("123", there.body());
        assertEquals("bytes 1-3/*", there.headers().get("content-range"));
        try (HttpSocket open = server.connect("alice");
                HttpSocket bounded = server.connect("alice")) {
            assertEquals(
                    "bytes 5-9007199254740991/*",
                    open.get(target + "?follow=true", "Range: bytes=5-")
                            .readHead()
                            .headers()
                            .get("content-range"));
            assertEquals(
                    206,
                    bounded.get(target + "?follow=true", "Range: bytes=3-6")
                            .readHead()
                            .status());
            assertEquals("34", bounded.chunk());
            await().until(() -> Files.exists(go));
            Files.writeString(go, "\n");
            assertEquals("56789", open.chunk());
            assertEquals("", open.chunk());
            assertEquals("56", bounded.chunk());
            assertEquals("", bounded.chunk());
        }
    }

    @Test
    void events_haveOffsetsStreamsTimesAndTheEnd() throws Exception {
        JobId id = finished("printf out; sleep 0.05; printf err >&2; exit 4");
        Instant now = Instant.now();

        HttpSocket.Answer answer = get(id, "?follow=true", "Accept: text/event-stream");
        List<List<String>> events = events(answer.body());

        assertEquals("text/event-stream", answer.headers().get("content-type"));
        assertEquals(List.of("id: 0"), events.get(0));
        assertEquals("id: 3", events.get(1).get(0));
        assertEquals("event: stdout", events.get(1).get(1));
        Instant time = Instant.parse(events.get(1).get(2).substring("time: ".length()));
        assertTrue(time.isAfter(now.minusSeconds(60)) && time.isBefore(now), time.toString());
        assertEquals("data: " + base64("out"), events.get(1).get(3));
        assertEquals("event: stderr", events.get(2).get(1));
        assertEquals("data: " + base64("err"), events.get(2).get(3));
        assertEquals(
                List.of("id: 6", "event: end", "reason: COMPLETE"),
                events.get(3).subList(0, 3));
        byte[] job = events.get(3).get(3).substring("data: ".length()).getBytes(StandardCharsets.UTF_8);
        assertEquals(List.of(), ApiDocument.faultsOf("Job", job));
        assertEquals(4, ApiDocument.JSON.readTree(job).path("exit").path("code").asInt());
        assertFalse(answer.cut());
    }

    @Test
    void events_resumeAtTheLastEventId() throws Exception {
        JobId id = finished("printf 0123456789");
        HttpSocket.Answer rest = get(id, "?tail=2", "Accept: text/event-stream", "Last-Event-ID: 4");
        assertEquals(List.of("id: 4"), events(rest.body()).getFirst());
        assertTrue(rest.body().contains("data: " + base64("456789")), rest.body());
        assertEquals(
                400,
                get(id, "", "Accept: text/event-stream", "Last-Event-ID: x").status());
        assertEquals(
                400,
                get(id, "?limit=1", "Accept: text/event-stream", "Last-Event-ID: 1")
                        .status());
        assertEquals(
                416,
                get(id, "", "Accept: text/event-stream", "Last-Event-ID: 11").status());
        assertTrue(get(id, "?limit=1", "Accept: text/html, text/event-stream;q=0.9")
                .body()
                .contains("reason: LIMIT"));
    }

    @Test
    void events_ofASilentJob_haveHeartbeats() throws Exception {
        Job job = TestServer.start(alice, "sleep 100");
        try (HttpSocket socket = server.connect("alice")) {
            socket.get("/v1/jobs/" + job.id() + "/output?follow=true", "Accept: text/event-stream")
                    .readHead();
            assertEquals("id: 0\n\n", socket.chunk());
            for (int i = 0; i < 3; i++) {
                assertEquals(": hb\n\n", socket.chunk());
            }
        }
    }

    /** Three times as long as the server keeps an idle connection. */
    @ParameterizedTest
    @EnumSource
    void g1_s28_rawFollowOfASilentJob_outlivesTheIdleTimeout(HttpClient.Version version) throws Exception {
        Path go = directory.resolve("go");
        Job job = TestServer.start(alice, "echo one; mkfifo " + go + "; read x < " + go + "; echo two");
        try (HttpClient client = client("alice", version)) {
            HttpResponse<InputStream> response =
                    client.send(request(job, "?follow=true", "application/octet-stream"), BodyHandlers.ofInputStream());
            InputStream body = response.body();
            assertEquals("one\n", new String(body.readNBytes(4), StandardCharsets.UTF_8));
            Instant quiet = Instant.now();
            await().until(() -> Instant.now().isAfter(quiet.plus(IDLE.multipliedBy(3))));
            Files.writeString(go, "\n");
            assertEquals("two\n", new String(body.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    @ParameterizedTest
    @EnumSource
    void follow_clientVanishes_isFreedAtOnce(HttpClient.Version version) throws Exception {
        Job job = TestServer.start(alice, "echo one; sleep 100");
        for (String accept : new String[] {"application/octet-stream", "text/event-stream"}) {
            for (int i = 0; i < 3; i++) {
                try (HttpClient client = client("alice", version)) {
                    InputStream body = client.send(request(job, "?follow=true", accept), BodyHandlers.ofInputStream())
                            .body();
                    assertTrue(body.read() >= 0);
                    assertEquals(1, server.server().waitingCalls());
                    body.close();
                    await().until(() -> server.server().waitingCalls() == 0);
                    client.shutdownNow();
                }
            }
        }
    }

    @Test
    void await_shutdown_endsWithTheReason() throws Exception {
        Job job = TestServer.start(alice, "sleep 100");
        try (HttpSocket socket = server.connect("alice")) {
            socket.get("/v1/jobs/" + job.id() + "?wait=60s");
            await().until(() -> server.server().waitingCalls() == 1);
            CompletableFuture<Void> closing =
                    CompletableFuture.runAsync(() -> server.server().close());
            HttpSocket.Answer answer = socket.read();
            assertEquals(503, answer.status());
            assertTrue(answer.body().contains("SERVER_SHUTTING_DOWN"), answer.body());
            closing.join();
        }
    }

    @Test
    void follow_shutdown_isCut() throws Exception {
        Job job = TestServer.start(alice, "echo one; sleep 100");
        String target = "/v1/jobs/" + job.id() + "/output?follow=true";
        try (HttpSocket raw = server.connect("alice");
                HttpSocket events = server.connect("alice")) {
            raw.get(target).readHead();
            assertEquals("one\n", raw.chunk());
            events.get(target, "Accept: text/event-stream").readHead();
            assertEquals("id: 0\n\n", events.chunk());
            CompletableFuture<Void> closing =
                    CompletableFuture.runAsync(() -> server.server().close());
            assertThrows(IOException.class, raw::chunk);
            String last = "";
            try {
                while (true) {
                    last = events.chunk();
                    assertFalse(last.isEmpty(), "a clean end");
                }
            } catch (IOException cut) {
                assertTrue(last.startsWith("event: problem\n") && last.contains("SERVER_SHUTTING_DOWN"), last);
            }
            closing.join();
        }
    }

    @Test
    void follow_untilTheCertificateEnds_isCutThen() throws Exception {
        Job job = TestServer.start(alice, "echo one; sleep 100");
        Instant end = Instant.now().plusSeconds(3);
        var brief = server.pki()
                .leaf("brief")
                .uris(dev.jobworker.testkit.TestPki.spiffeId("alice"))
                .valid(Instant.now().minusSeconds(60), end)
                .issue();
        try (HttpSocket socket = new HttpSocket(server.port(), brief.credentials())) {
            socket.get("/v1/jobs/" + job.id() + "/output?follow=true").readHead();
            assertEquals("one\n", socket.chunk());
            assertThrows(IOException.class, socket::chunk);
        }
        assertFalse(Instant.now().isBefore(end.minusSeconds(1)));
        await().until(() -> server.server().waitingCalls() == 0);
    }

    @ParameterizedTest
    @EnumSource
    void follow_neverRead_costsLittleAndDelaysNobody(HttpClient.Version version) throws Exception {
        int bytes = 256 << 20;
        try (HttpsTestServer patient =
                new HttpsTestServer(directory.resolve("patient"), HttpsTransport.of(HttpClient.Version.HTTP_1_1))) {
            JobWorker local = patient.local();
            Job job = TestServer.start(patient.client("alice"), "head -c " + bytes + " /dev/zero");
            local.await(job.id(), JobWorker.MAX_WAIT);
            assertEquals(bytes, length(local, job));
            long before = usedMemory();
            List<HttpSocket> deaf = deafFollowers(patient, version, job, 20);
            await().until(() -> patient.server().waitingCalls() == 20);
            assertEquals(bytes, length(patient.client("alice"), job));
            long grown = usedMemory() - before;
            System.out.println("20 streams that nobody reads, " + version + ": " + (grown >> 10) + " KiB");
            assertEquals(20, patient.server().waitingCalls());
            assertTrue(grown < 48 << 20, grown + " bytes");
            for (HttpSocket socket : deaf) {
                socket.close();
            }
            await().until(() -> patient.server().waitingCalls() == 0);
        }
    }

    /** A write that nobody takes has no longer than an idle connection. */
    @Test
    void follow_neverRead_isCutAtTheIdleTimeout() throws Exception {
        Job job = TestServer.start(alice, "head -c 100000000 /dev/zero; sleep 100");
        List<HttpSocket> deaf = deafFollowers(server, HttpClient.Version.HTTP_1_1, job, 1);
        await().until(() -> server.server().waitingCalls() == 1);
        await().until(() -> server.server().waitingCalls() == 0);
        deaf.getFirst().close();
    }

    /** More than there are threads of the operating system. */
    @ParameterizedTest
    @EnumSource
    void follow_byMany_holdsNoThreadOfTheServer(HttpClient.Version version) throws Exception {
        Job job = TestServer.start(alice, "echo one; sleep 100");
        List<HttpSocket> followers = deafFollowers(server, version, job, 90);
        await().until(() -> server.server().waitingCalls() == 90);
        assertEquals("user", server.client("alice").whoami().role());
        for (HttpSocket socket : followers) {
            socket.close();
        }
        await().until(() -> server.server().waitingCalls() == 0);
    }

    /** Opens followers that do not read their sockets; over HTTP/2 on one connection, with a window that would hold everything. */
    private static List<HttpSocket> deafFollowers(
            HttpsTestServer server, HttpClient.Version version, Job job, int count) throws IOException {
        List<HttpSocket> sockets = new ArrayList<>();
        String target = "/v1/jobs/" + job.id() + "/output?follow=true";
        if (version == HttpClient.Version.HTTP_2) {
            sockets.add(server.connect("alice", "h2"));
            Http2Frames frames = new Http2Frames(sockets.getFirst()).begin(1 << 30);
            for (int i = 0; i < count; i++) {
                frames.get(2 * i + 1, target);
            }
        } else {
            for (int i = 0; i < count; i++) {
                sockets.add(server.connect("alice").get(target));
            }
        }
        return sockets;
    }

    private static long length(JobWorker worker, Job job) throws Exception {
        long length = 0;
        try (OutputReader output = worker.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            while (output.next() instanceof OutputEvent.Chunk chunk) {
                length += chunk.bytes().remaining();
            }
        }
        return length;
    }

    /** Returns bytes of the heap after a collection, and of direct buffers. */
    private static long usedMemory() {
        System.gc();
        long direct = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .mapToLong(BufferPoolMXBean::getMemoryUsed)
                .sum();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() + direct;
    }

    private HttpClient client(String userName, HttpClient.Version version) {
        var credentials = server.pki().client(userName).credentials();
        return HttpClient.newBuilder()
                .sslContext(credentials.sslContext())
                .version(version)
                .build();
    }

    private HttpRequest request(Job job, String query, String accept) {
        return HttpRequest.newBuilder(
                        URI.create("https://localhost:" + server.port() + "/v1/jobs/" + job.id() + "/output" + query))
                .header("Accept", accept)
                .build();
    }

    private static List<List<String>> events(String body) {
        return List.of(body.split("\n\n")).stream()
                .map(event -> List.of(event.split("\n")))
                .filter(event -> !event.getFirst().startsWith(":"))
                .toList();
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}

package dev.jobworker.https;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.Signal;
import dev.jobworker.testkit.TestServer;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** What is asked over plain HTTP, well and badly, and what is answered. */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RequestTest {
    private static final String JSON = "application/json";
    private static final String CHUNKED = """
            POST /v1/jobs HTTP/1.1\r
            Host: localhost\r
            Content-Type: application/json\r
            Transfer-Encoding: chunked\r
            \r
            """;
    private static final String ANY_ID = "01900000-0000-7000-8000-000000000000";

    private HttpsTestServer server;
    private JobWorker alice;

    @BeforeAll
    void start(@TempDir Path directory) {
        server = new HttpsTestServer(directory, HttpsTransport.of(HttpClient.Version.HTTP_1_1));
        alice = server.client("alice");
    }

    @AfterAll
    void stop() {
        server.close();
    }

    private HttpSocket.Answer get(String target, String... headers) throws Exception {
        try (HttpSocket socket = server.connect("alice")) {
            return socket.get(target, headers).read();
        }
    }

    private HttpSocket.Answer post(String target, String type, String body, String... headers) throws Exception {
        try (HttpSocket socket = server.connect("alice")) {
            return socket.post(target, type, body, headers).read();
        }
    }

    private static JsonNode json(HttpSocket.Answer answer) {
        return ApiDocument.JSON.readTree(answer.body());
    }

    private static void assertProblem(int status, Reason reason, HttpSocket.Answer answer) {
        assertEquals(status, answer.status(), answer.body());
        assertEquals("application/problem+json", answer.headers().get("content-type"));
        assertEquals(reason.name(), json(answer).path("reason").asString());
    }

    @Test
    void start_isCreatedWithItsLocation_andARepetitionIsTheSame() throws Exception {
        String key = UUID.randomUUID().toString();
        String body =
                "{\"spec\":{\"argv\":[\"sh\",\"-c\",\"cat\"],\"labels\":{\"a\":\"b\"},\"timeout\":\"60s\"},\"input\":\""
                        + Base64.getEncoder().encodeToString("hi".getBytes(java.nio.charset.StandardCharsets.UTF_8))
                        + "\"}";

        HttpSocket.Answer created = post("/v1/jobs", JSON, body, "Idempotency-Key: " + key);
        HttpSocket.Answer repeated = post("/v1/jobs", JSON + "; charset=UTF-8", body, "Idempotency-Key: " + key);
        HttpSocket.Answer other = post("/v1/jobs", JSON, body.replace("60s", "61s"), "Idempotency-Key: " + key);

        assertEquals(201, created.status(), created.body());
        String id = json(created).path("jobId").asString();
        assertEquals("/v1/jobs/" + id, created.headers().get("location"));
        assertEquals("no-store", created.headers().get("cache-control"));
        assertEquals("nosniff", created.headers().get("x-content-type-options"));
        assertFalse(created.headers().containsKey("server"), created.headers().toString());
        assertEquals(200, repeated.status());
        assertEquals(id, json(repeated).path("jobId").asString());
        assertProblem(422, Reason.REQUEST_ID_REUSED, other);
        assertEquals(key, json(other).path("requestId").asString());
        JsonNode job = json(get("/v1/jobs/" + id + "?wait=30s"));
        assertEquals("SUCCEEDED", job.path("state").asString());
        assertEquals(0, job.path("exit").path("code").asInt());
        assertEquals("60s", job.path("spec").path("timeout").asString());
        assertEquals("hi", get("/v1/jobs/" + id + "/output").body());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ''                                                    | MALFORMED_BODY | ''
            {                                                     | MALFORMED_BODY | ''
            []                                                    | MALFORMED_BODY | ''
            null                                                  | MALFORMED_BODY | ''
            {"spec":{"argv":["true"]}} {}                         | MALFORMED_BODY | ''
            {"spec":{"argv":["true"]},"spec":{"argv":["true"]}}   | MALFORMED_BODY | ''
            {"spec":{"argv":["true"],"argv":["false"]}}           | MALFORMED_BODY | ''
            {"spec":{"argv":["true"],}}                           | MALFORMED_BODY | ''
            {'spec':{"argv":["true"]}}                            | MALFORMED_BODY | ''
            {"spec":{"argv":["true"]},"request_id":"x"}           | INVALID_FIELD  | 'request_id'
            {"spec":{"argv":["true"]},"requestId":"x"}            | INVALID_FIELD  | 'requestId'
            {"spec":{"argv":["true"],"shell":true}}               | INVALID_FIELD  | 'shell'
            {}                                                    | INVALID_FIELD  | spec
            {"spec":[]}                                           | INVALID_FIELD  | spec
            {"spec":null}                                         | INVALID_FIELD  | spec
            {"spec":{}}                                           | INVALID_FIELD  | argv
            {"spec":{"argv":[]}}                                  | INVALID_FIELD  | argv
            {"spec":{"argv":"true"}}                              | INVALID_FIELD  | argv
            {"spec":{"argv":[1]}}                                 | INVALID_FIELD  | argv
            {"spec":{"argv":[null]}}                              | INVALID_FIELD  | argv
            {"spec":{"argv":["a\\u0000"]}}                        | INVALID_FIELD  | argv
            {"spec":{"argv":["\\ud800"]}}                         | INVALID_FIELD  | argv
            {"spec":{"argv":["true"],"environment":{"A":1}}}      | INVALID_FIELD  | environment
            {"spec":{"argv":["true"],"environment":{"":"x"}}}     | INVALID_FIELD  | environment
            {"spec":{"argv":["true"],"environment":{"A=B":"x"}}}  | INVALID_FIELD  | environment
            {"spec":{"argv":["true"],"environmentNames":["A"]}}   | INVALID_FIELD  | environmentNames
            {"spec":{"argv":["true"],"workingDir":"tmp"}}         | INVALID_FIELD  | workingDir
            {"spec":{"argv":["true"],"timeout":"-1s"}}            | INVALID_FIELD  | timeout
            {"spec":{"argv":["true"],"timeout":"10"}}             | INVALID_FIELD  | timeout
            {"spec":{"argv":["true"],"timeout":10}}               | INVALID_FIELD  | timeout
            {"spec":{"argv":["true"],"timeout":"99999999999999s"}}| INVALID_FIELD  | timeout
            {"spec":{"argv":["true"],"umask":"022"}}              | INVALID_FIELD  | umask
            {"spec":{"argv":["true"],"umask":-1}}                 | INVALID_FIELD  | umask
            {"spec":{"argv":["true"],"umask":1.5}}                | INVALID_FIELD  | umask
            {"spec":{"argv":["true"],"umask":99999999999}}        | INVALID_FIELD  | umask
            {"spec":{"argv":["true"],"limits":{"nofile":-1}}}     | INVALID_FIELD  | limits
            {"spec":{"argv":["true"],"limits":{"x":1}}}           | INVALID_FIELD  | limits
            {"spec":{"argv":["true"],"output":{"limitBytes":1e3}}}| INVALID_FIELD  | output.limitBytes
            {"spec":{"argv":["true"],"output":{"atLimit":"x"}}}   | INVALID_FIELD  | output.atLimit
            {"spec":{"argv":["true"],"noNewPrivileges":"true"}}   | INVALID_FIELD  | noNewPrivileges
            {"spec":{"argv":["true"]},"input":"???"}              | INVALID_FIELD  | input
            """)
    void start_badBody_isRefusedAndNamed(String body, String reason, String field) throws Exception {
        HttpSocket.Answer answer = post("/v1/jobs", JSON, body);

        assertProblem(400, Reason.valueOf(reason), answer);
        JsonNode violation = json(answer).path("violations").path(0);
        String named = violation.path("field").asString("");
        assertTrue(field.isEmpty() ? violation.isMissingNode() : named.contains(field.replace("'", "")), answer.body());
    }

    @Test
    void start_deepOrForeignJson_isRefused() throws Exception {
        assertProblem(400, Reason.MALFORMED_BODY, post("/v1/jobs", JSON, "[".repeat(10_000)));
        assertProblem(400, Reason.MALFORMED_BODY, post("/v1/jobs", JSON, "{\"a\":".repeat(10_000)));
        assertProblem(400, Reason.MALFORMED_BODY, post("/v1/jobs", JSON, "\ufeff{\"spec\":{\"argv\":[\"true\"]}}"));
        assertProblem(400, Reason.MALFORMED_BODY, post("/v1/jobs", JSON, "{\"spec\":" + "1".repeat(5000) + "}"));
        try (HttpSocket socket = server.connect("alice")) {
            socket.send(CHUNKED + "3\r\n{\"\u00ff\r\n0\r\n\r\n");
            assertProblem(400, Reason.MALFORMED_BODY, socket.read());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "text/plain",
                "application/x-www-form-urlencoded",
                "application/json; charset=latin1",
                "application/jsonp"
            })
    void body_ofAnotherType_isUnsupported(String type) throws Exception {
        assertProblem(415, Reason.UNSUPPORTED_MEDIA_TYPE, post("/v1/jobs", type, "{\"spec\":{\"argv\":[\"true\"]}}"));
        assertProblem(415, Reason.UNSUPPORTED_MEDIA_TYPE, post("/v1/jobs/" + ANY_ID + ":stop", type, "{}"));
    }

    @Test
    void body_compressed_isUnsupported() throws Exception {
        assertProblem(
                415,
                Reason.UNSUPPORTED_MEDIA_TYPE,
                post("/v1/jobs", JSON, "{\"spec\":{\"argv\":[\"true\"]}}", "Content-Encoding: gzip"));
    }

    @Test
    void body_tooLarge_isRefused() throws Exception {
        try (HttpSocket socket = server.connect("alice")) {
            socket.send(
                    CHUNKED.replace("Transfer-Encoding: chunked", "Content-Length: 7000000\r\nExpect: 100-continue"));
            assertProblem(413, Reason.BODY_TOO_LARGE, socket.read());
        }
        try (HttpSocket socket = server.connect("alice")) {
            socket.send(CHUNKED);
            byte[] chunk =
                    ("100000\r\n" + "a".repeat(1 << 20) + "\r\n").getBytes(java.nio.charset.StandardCharsets.US_ASCII);
            for (int i = 0; i < 7; i++) {
                socket.send(chunk);
            }
            socket.send("0\r\n\r\n");
            assertProblem(413, Reason.BODY_TOO_LARGE, socket.read());
        }
        assertProblem(
                413,
                Reason.BODY_TOO_LARGE,
                post("/v1/jobs/" + ANY_ID + ":signal", JSON, "{\"signal\":\"" + "X".repeat(20_000) + "\"}"));
    }

    @Test
    void body_largestLegal_isTaken() throws Exception {
        String input = Base64.getEncoder().encodeToString(new byte[JobInput.MAX_BYTES]);
        HttpSocket.Answer created = post(
                "/v1/jobs",
                JSON,
                "{\"spec\":{\"argv\":[\"wc\",\"-c\",\"" + "x".repeat(100_000) + "\"]},\"input\":\"" + input + "\"}");
        assertEquals(201, created.status(), created.body());
    }

    @Test
    void body_thatNeverComes_isGivenUp() throws Exception {
        try (HttpsTestServer other = new HttpsTestServer(
                        java.nio.file.Files.createTempDirectory("slow"),
                        HttpsTransport.of(HttpClient.Version.HTTP_1_1).withReception(Duration.ofMillis(300)));
                HttpSocket socket = other.connect("alice")) {
            socket.send(CHUNKED + "1\r\n{\r\n");
            HttpSocket.Answer answer = socket.read();
            assertProblem(503, Reason.SERVER_OVERLOADED, answer);
            assertEquals("1", answer.headers().get("retry-after"));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/v1/jobs/?x",
                "/v1/",
                "/v1/job",
                "/v1/jobs/" + ANY_ID + "/",
                "/v1/jobs/" + ANY_ID + "/outputs",
                "/v1/jobs/" + ANY_ID + ":kill",
                "/v1/jobs/%2e%2e/%2e%2e/etc/passwd",
                "/v1/jobs/..%2f..%2fetc",
                "/v1/jobs/../../etc/passwd",
                "/v1/jobs/../whoami",
                "/x/../v1/whoami",
                "/v1/./whoami",
                "/v1//jobs",
                "/v1/%6aobs",
                "/v1/jobs;x=y",
                "/",
                "/index.html"
            })
    void path_unknown_isNotFound(String target) throws Exception {
        HttpSocket.Answer answer = get(target);
        String reason = json(answer).path("reason").asString();
        assertTrue(
                Set.of("404 UNKNOWN_PATH", "400 MALFORMED_BODY").contains(answer.status() + " " + reason),
                answer.toString());
    }

    @Test
    void method_notOfThePath_isNotAllowed() throws Exception {
        try (HttpSocket socket = server.connect("alice")) {
            HttpSocket.Answer answer = socket.send("PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .read();
            assertProblem(405, Reason.METHOD_NOT_ALLOWED, answer);
            assertEquals("POST, GET", answer.headers().get("allow"));
        }
        assertProblem(405, Reason.METHOD_NOT_ALLOWED, get("/v1/jobs/" + ANY_ID + ":stop"));
        try (HttpSocket socket = server.connect("alice")) {
            socket.send("TRACE /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assertProblem(405, Reason.METHOD_NOT_ALLOWED, socket.read());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            /v1/jobs/x                                     | jobId
            /v1/jobs/01900000-0000-7000-8000-00000000000A  | jobId
            /v1/jobs/01900000-0000-4000-8000-000000000000  | jobId
            /v1/jobs?pageSize=-1                           | pageSize
            /v1/jobs?pageSize=1001                         | pageSize
            /v1/jobs?pageSize=x                            | pageSize
            /v1/jobs?pageSize=1&pageSize=2                 | pageSize
            /v1/jobs?state=ALIVE                           | state
            /v1/jobs?label=x                               | labels
            /v1/jobs?page_size=1                           | page_size
            /v1/jobs?foo=bar                               | foo
            /v1/jobs/{id}?wait=-1s                         | wait
            /v1/jobs/{id}?wait=30                          | wait
            /v1/jobs/{id}?wait=30m                         | wait
            /v1/whoami?x=1                                 | x
            /v1/jobs/{id}/output?offset=-1                 | offset
            /v1/jobs/{id}/output?offset=1.5                | offset
            /v1/jobs/{id}/output?offset=99999999999999999999 | offset
            /v1/jobs/{id}/output?offset=1&tail=1           |
            /v1/jobs/{id}/output?tail=1&tailLines=1        |
            /v1/jobs/{id}/output?tail=-1                   | tail
            /v1/jobs/{id}/output?tailLines=-1              | tailLines
            /v1/jobs/{id}/output?limit=-1                  | limit
            /v1/jobs/{id}/output?stream=stdin              | stream
            /v1/jobs/{id}/output?follow=1                  | follow
            /v1/jobs/{id}/output?follow                    | follow
            """)
    void query_bad_isRefusedAndNamed(String target, String field) throws Exception {
        HttpSocket.Answer answer = get(target.replace("{id}", finished().id().toString()));
        assertProblem(400, Reason.INVALID_FIELD, answer);
        String named = json(answer).path("violations").path(0).path("field").asString("");
        assertTrue(field == null ? !named.isEmpty() : named.replace("'", "").equals(field), answer.body());
        assertTrue(json(answer).path("detail").asString().startsWith(named + " "), answer.body());
    }

    @Test
    void query_notUtf8_isMalformed() throws Exception {
        assertEquals(400, get("/v1/jobs?owner=%ff%fe").status());
        assertEquals(400, get("/v1/jobs?owner=%zz").status());
    }

    @Test
    void pageToken_garbage_isInvalid() throws Exception {
        assertProblem(400, Reason.PAGE_TOKEN_INVALID, get("/v1/jobs?pageToken=x"));
    }

    @Test
    void idempotencyKey_noUuid_isRefused() throws Exception {
        HttpSocket.Answer answer = post("/v1/jobs", JSON, "{\"spec\":{\"argv\":[\"true\"]}}", "Idempotency-Key: once");
        assertProblem(400, Reason.INVALID_FIELD, answer);
        assertEquals(
                "Idempotency-Key",
                json(answer).path("violations").path(0).path("field").asString());
    }

    @Test
    void request_fromAPageOfAnotherSite_isDenied() throws Exception {
        assertProblem(403, Reason.PERMISSION_DENIED, get("/v1/whoami", "Sec-Fetch-Site: cross-site"));
        assertProblem(403, Reason.PERMISSION_DENIED, get("/v1/whoami", "Sec-Fetch-Site: same-site"));
        assertEquals(200, get("/v1/whoami", "Sec-Fetch-Site: same-origin").status());
        assertEquals(200, get("/v1/whoami", "Sec-Fetch-Site: none").status());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GARBAGE\r\n\r\n",
                "GET /v1/whoami HTTP/1.1\r\n\r\n",
                "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                "GET /v1/whoami HTTP/1.1\r\nHost: example.org\r\n\r\n",
                "GET /v1/whoami HTTP/1.0\r\nHost: localhost\r\n\r\n",
                "GET /v1/whoami HTTP/3.9\r\nHost: localhost\r\n\r\n",
                "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n",
                "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{",
                "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n{"
            })
    void http_malformed_isAProblemOrAClosedConnection(String text) throws Exception {
        try (HttpSocket socket = server.connect("alice")) {
            HttpSocket.Answer answer = socket.send(text).read();
            assertTrue(answer.status() >= 400, answer.toString());
            assertFalse(answer.body().contains("jetty"), answer.body());
            if (!answer.body().isEmpty()) {
                assertEquals("application/problem+json", answer.headers().get("content-type"));
            }
        }
        assertEquals("user", alice.whoami().role());
    }

    @Test
    void header_tooLarge_isRefused() throws Exception {
        HttpSocket.Answer headers = get("/v1/whoami", "X: " + "x".repeat(20_000));
        assertEquals(431, headers.status());
        HttpSocket.Answer url = get("/v1/whoami?" + "x".repeat(20_000));
        assertTrue(url.status() == 414 || url.status() == 431, url.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "/no/such/program, /,       EXEC,      2",
        "/etc/passwd,      /,       EXEC,      13",
        "true,             /no/dir, DIRECTORY, 2"
    })
    void start_whatCannotBeExecuted_saysStageAndErrno(String program, String directory, String stage, String errno)
            throws Exception {
        HttpSocket.Answer answer = post(
                "/v1/jobs", JSON, "{\"spec\":{\"argv\":[\"" + program + "\"],\"workingDir\":\"" + directory + "\"}}");
        assertProblem(422, Reason.EXEC_FAILED, answer);
        assertEquals(stage, json(answer).path("metadata").path("stage").asString());
        assertEquals(errno, json(answer).path("metadata").path("errno").asString());
    }

    @Test
    void anothersJob_andNone_haveTheSameAnswer() throws Exception {
        Job foreign = server.client("root").start(UUID.randomUUID(), dev.jobworker.core.JobSpec.of("true"));
        for (String suffix : new String[] {"", "/output", "?wait=1s"}) {
            HttpSocket.Answer theirs = get("/v1/jobs/" + foreign.id() + suffix);
            HttpSocket.Answer none = get("/v1/jobs/" + ANY_ID + suffix);
            assertProblem(404, Reason.JOB_NOT_FOUND, theirs);
            assertEquals(theirs.headers().keySet(), none.headers().keySet());
            assertEquals(
                    none.body().replace(ANY_ID, "ID").replaceAll("\"requestId\":\"[^\"]*\"", ""),
                    theirs.body().replace(foreign.id().toString(), "ID").replaceAll("\"requestId\":\"[^\"]*\"", ""));
        }
    }

    @Test
    void stop_signalAndDelete_work() throws Exception {
        Job job = TestServer.start(alice, "trap 'exit 7' HUP; echo ready; while :; do sleep 0.1; done");
        String path = "/v1/jobs/" + job.id();
        try (HttpSocket socket = server.connect("alice")) {
            socket.get(path + "/output?follow=true").readHead();
            assertEquals("ready\n", socket.chunk());
        }
        assertEquals(
                200, post(path + ":signal", JSON, "{\"signal\":\"SIGHUP\"}").status());
        assertEquals(7, json(get(path + "?wait=30s")).path("exit").path("code").asInt());
        assertEquals(200, post(path + ":stop", "", "").status());
        assertEquals(200, post(path + ":stop", JSON, "{\"gracePeriod\":\"0s\"}").status());
        try (HttpSocket socket = server.connect("alice")) {
            assertEquals(
                    204,
                    socket.send("DELETE " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                            .read()
                            .status());
        }
        assertProblem(404, Reason.JOB_NOT_FOUND, get(path));
        Job running = TestServer.start(alice, "sleep 100");
        try (HttpSocket socket = server.connect("alice")) {
            assertProblem(
                    409,
                    Reason.JOB_NOT_FINAL,
                    socket.send("DELETE /v1/jobs/" + running.id() + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                            .read());
        }
        HttpSocket.Answer stopped = post("/v1/jobs/" + running.id() + ":stop", JSON, "{\"gracePeriod\":\"0s\"}");
        assertNotEquals("RUNNING", json(stopped).path("state").asString());
        for (String bad : new String[] {"{\"signal\":\"SIGFOO\"}", "{}", "{\"signal\":9}", "{\"jobId\":\"x\"}"}) {
            assertProblem(400, Reason.INVALID_FIELD, post("/v1/jobs/" + running.id() + ":signal", JSON, bad));
        }
    }

    @Test
    void head_isAnsweredWhereGetIs() throws Exception {
        Job job = finished();
        for (String target : new String[] {
            "/v1/whoami",
            "/v1/jobs/" + job.id(),
            "/v1/jobs/" + job.id() + "/output",
            "/v1/jobs/" + job.id() + "/output?follow=true"
        }) {
            try (HttpSocket socket = server.connect("alice")) {
                HttpSocket.Answer answer = socket.send(
                                "HEAD " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                        .readHead();
                assertEquals(200, answer.status());
                assertEquals(-1, socket.socket().getInputStream().read(), target);
            }
        }
    }

    @Test
    void document_andHealth_areServedToWhoIsAdmitted() throws Exception {
        try (HttpSocket socket = server.connect("mallory")) {
            assertEquals(ApiDocument.ROOT, json(socket.get("/v1/openapi.json").read()));
            assertEquals(
                    "SERVING",
                    json(socket.get("/v1/health/live").read()).path("status").asString());
            assertEquals(
                    "SERVING",
                    json(socket.get("/v1/health/ready").read()).path("status").asString());
            assertProblem(403, Reason.PERMISSION_DENIED, socket.get("/v1/jobs").read());
        }
    }

    /** On HTTP/1.1 a connection that is closed, on HTTP/2 a stream that is reset, would lose the answer. */
    @ParameterizedTest
    @EnumSource
    void refused_withABody_isAlwaysTold(HttpClient.Version version) {
        JobWorker nobody = HttpsJobWorker.connect(
                "localhost",
                server.port(),
                server.pki().client("mallory").credentials(),
                version,
                _ -> {},
                TestServer.QUICK);
        try (nobody) {
            JobId id = JobId.parse(ANY_ID).orElseThrow();
            for (int i = 0; i < 300; i++) {
                WorkerException refused =
                        Assertions.assertThrows(WorkerException.class, () -> nobody.signal(id, Signal.TERM));
                assertEquals(Reason.PERMISSION_DENIED, refused.reason(), refused.getMessage());
            }
        }
    }

    private Job finished() throws InterruptedException {
        return alice.await(TestServer.start(alice, "echo hello").id(), JobWorker.MAX_WAIT);
    }
}

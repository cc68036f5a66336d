package dev.jobworker.https;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.testkit.TestPki;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client can do that it should not: it is stopped, and the others are served. */
@Timeout(60)
class LimitsTest {
    private static final int MANY = 20_000;
    private static final Duration HANDSHAKE = Duration.ofSeconds(2);
    private static final byte[] WHOAMI =
            "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    @TempDir
    Path directory;

    private HttpsTestServer server;

    @BeforeEach
    void start() {
        server = serve(HttpsTransport.of(HttpClient.Version.HTTP_2).withTimeouts(HANDSHAKE, Duration.ofMinutes(1)));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private HttpsTestServer serve(HttpsTransport transport) {
        return new HttpsTestServer(directory.resolve(transport.options().maxConnections() + ""), transport);
    }

    enum Flood {
        PING {
            @Override
            void send(Http2Frames frames, int i) throws IOException {
                frames.send(Http2Frames.PING, 0, 0, new byte[8]);
            }
        },
        SETTINGS {
            @Override
            void send(Http2Frames frames, int i) throws IOException {
                frames.send(Http2Frames.SETTINGS, 0, 0, new byte[0]);
            }
        },
        /** CVE-2023-44487. */
        RAPID_RESET {
            @Override
            void send(Http2Frames frames, int i) throws IOException {
                frames.get(2 * i + 1, "/v1/whoami").reset(2 * i + 1);
            }
        },
        /** CVE-2024-24549 and its kind: a header block that does not end. */
        CONTINUATION {
            @Override
            void send(Http2Frames frames, int i) throws IOException {
                byte[] headers = Http2Frames.headers("GET", "/v1/whoami", "x", "y".repeat(1000));
                if (i == 0) {
                    frames.send(Http2Frames.HEADERS, Http2Frames.END_STREAM, 1, headers);
                } else {
                    frames.send(Http2Frames.CONTINUATION, 0, 1, headers);
                }
            }
        },
        EMPTY_CONTINUATION {
            @Override
            void send(Http2Frames frames, int i) throws IOException {
                byte[] headers = Http2Frames.headers("GET", "/v1/whoami");
                if (i == 0) {
                    frames.send(Http2Frames.HEADERS, Http2Frames.END_STREAM, 1, headers);
                } else {
                    frames.send(Http2Frames.CONTINUATION, 0, 1, new byte[0]);
                }
            }
        },
        EMPTY_DATA {
            @Override
            void send(Http2Frames frames, int i) throws IOException {
                if (i == 0) {
                    frames.send(
                            Http2Frames.HEADERS,
                            Http2Frames.END_HEADERS,
                            1,
                            Http2Frames.headers("POST", "/v1/jobs", "content-type", "application/json"));
                } else {
                    frames.send(Http2Frames.DATA, 0, 1, new byte[0]);
                }
            }
        };

        abstract void send(Http2Frames frames, int i) throws IOException;
    }

    @ParameterizedTest
    @EnumSource
    void flood_ofFrames_endsTheConnectionAndDelaysNobody(Flood flood) throws Exception {
        JobWorker other = server.client("root");
        assertEquals("admin", other.whoami().role());
        try (HttpSocket socket = server.connect("alice", "h2")) {
            Http2Frames frames = new Http2Frames(socket).begin(65_535);
            assertThrows(IOException.class, () -> {
                for (int i = 0; i < MANY; i++) {
                    flood.send(frames, i);
                }
                // It was all taken by the sockets' buffers: the end comes when it is read.
                int code = frames.readUntilGone();
                throw new IOException("gone with " + code);
            });
        }
        assertEquals("admin", other.whoami().role());
    }

    @Test
    void streams_overTheLimit_areRefused() throws Exception {
        var job = dev.jobworker.testkit.TestServer.start(server.client("alice"), "sleep 100");
        try (HttpSocket socket = server.connect("alice", "h2")) {
            Http2Frames frames = new Http2Frames(socket).begin(65_535);
            for (int i = 0; i < 101; i++) {
                frames.get(2 * i + 1, "/v1/jobs/" + job.id() + "?wait=60s");
            }
            Http2Frames.Frame frame;
            do {
                frame = frames.read();
            } while (frame.type() != Http2Frames.RST_STREAM);
            assertEquals(201, frame.stream());
            assertEquals(7, frame.payload().getInt(0), "REFUSED_STREAM");
        }
        await().until(() -> server.server().waitingCalls() == 0);
    }

    /** A client may be gone before its request is looked at: nothing tells that later. */
    @ParameterizedTest
    @ValueSource(strings = {"?wait=60s", "/output?follow=true"})
    void streams_resetAsSoonAsTheyBegin_leaveNoCall(String query) throws Exception {
        var job = dev.jobworker.testkit.TestServer.start(server.client("alice"), "sleep 100");
        for (int connection = 0; connection < 20; connection++) {
            try (HttpSocket socket = server.connect("alice", "h2")) {
                Http2Frames frames = new Http2Frames(socket).begin(65_535);
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                int last = 2 * 90 + 1;
                for (int stream = 1; stream < last; stream += 2) {
                    all.writeBytes(Http2Frames.getFrame(stream, "/v1/jobs/" + job.id() + query));
                    all.writeBytes(Http2Frames.resetFrame(stream));
                }
                all.writeBytes(Http2Frames.getFrame(last, "/v1/whoami"));
                socket.send(all.toByteArray());
                Http2Frames.Frame frame;
                do {
                    frame = frames.read();
                } while (frame.stream() != last);
                await().until(() -> server.server().waitingCalls() == 0);
            }
        }
    }

    @Test
    void streams_thatEndWithTheirConnection_leaveNoCall() throws Exception {
        var job = dev.jobworker.testkit.TestServer.start(server.client("alice"), "sleep 100");
        for (int connection = 0; connection < 50; connection++) {
            try (HttpSocket socket = server.connect("alice", "h2")) {
                Http2Frames frames = new Http2Frames(socket).begin(65_535);
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                for (int stream = 1; stream < 200; stream += 2) {
                    all.writeBytes(Http2Frames.getFrame(stream, "/v1/jobs/" + job.id() + "?wait=60s"));
                }
                socket.send(all.toByteArray());
                assertNotEquals(Http2Frames.GOAWAY, frames.read().type());
            }
        }
        await().until(() -> server.server().waitingCalls() == 0);
    }

    @Test
    void headerBlock_tooLarge_isRefused() throws Exception {
        try (HttpSocket socket = server.connect("alice", "h2")) {
            Http2Frames frames = new Http2Frames(socket).begin(65_535);
            frames.send(
                    Http2Frames.HEADERS,
                    Http2Frames.END_HEADERS | Http2Frames.END_STREAM,
                    1,
                    Http2Frames.headers("GET", "/v1/whoami", "x", "y".repeat(12_000)));
            Http2Frames.Frame frame;
            do {
                frame = frames.read();
            } while (frame.stream() != 1 && frame.type() != Http2Frames.GOAWAY);
            assertNotEquals(Http2Frames.DATA, frame.type());
        }
        assertEquals("user", server.client("alice").whoami().role());
    }

    @Test
    void connections_overTheLimit_waitAndAreServedLater() throws Exception {
        try (HttpsTestServer small =
                serve(HttpsTransport.of(HttpClient.Version.HTTP_1_1).withMaxConnections(2))) {
            Socket first = plain(small);
            try (Socket second = plain(small)) {
                assertTrue(second.isConnected());
                try (Socket third = plain(small)) {
                    third.setSoTimeout(300);
                    third.getOutputStream().write(0);
                    assertThrows(
                            java.net.SocketTimeoutException.class,
                            () -> third.getInputStream().read());
                }
                first.close();
                await().ignoreExceptions()
                        .until(() -> small.client("alice").whoami().role().equals("user"));
            }
        }
    }

    @Test
    void handshake_halfDone_isGivenUp() throws Exception {
        try (Socket silent = plain(server);
                Socket half = plain(server)) {
            // The beginning of a record of the protocol "handshake" that never comes.
            half.getOutputStream().write(new byte[] {22, 3, 1, 2, 0, 1});
            assertEquals(-1, silent.getInputStream().read());
            assertEquals(-1, half.getInputStream().read());
        }
    }

    @Test
    void handshake_done_isNotGivenUp() throws Exception {
        try (HttpSocket h1 = server.connect("alice");
                HttpSocket h2 = server.connect("alice", "h2")) {
            Http2Frames frames = new Http2Frames(h2).begin(65_535);
            h1.get("/v1/whoami").read();
            long start = System.nanoTime();
            await().until(() -> System.nanoTime() - start > HANDSHAKE.toNanos() * 3 / 2);
            assertEquals(200, h1.get("/v1/whoami").read().status());
            frames.get(1, "/v1/whoami");
            Http2Frames.Frame frame;
            do {
                frame = frames.read();
                assertNotEquals(Http2Frames.GOAWAY, frame.type());
            } while (frame.type() != Http2Frames.DATA);
        }
    }

    @Test
    void plainText_onTheTlsPort_isClosed() throws Exception {
        try (Socket socket = plain(server)) {
            socket.getOutputStream().write("GET /v1/whoami HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            byte[] answer = socket.getInputStream().readAllBytes();
            assertTrue(answer.length < 16, "more than an alert");
        }
        assertEquals("user", server.client("alice").whoami().role());
    }

    @Test
    void handshake_withoutCertificate_isRefused() throws Exception {
        TestPki.Issued alice = server.pki().client("alice");
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(null, new TrustManager[] {alice.credentials().trustManager()}, null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", server.port())) {
            socket.startHandshake();
            // In TLS 1.3 the client is through before the server has looked at it.
            assertThrows(IOException.class, () -> {
                socket.getOutputStream().write(WHOAMI);
                int _ = socket.getInputStream().read();
            });
        }
    }

    /** A client asks its trust manager in a full handshake, and not when it resumes a session. */
    @Test
    void session_isNeverResumed() throws Exception {
        AtomicInteger fullHandshakes = new AtomicInteger();
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        TlsCredentials alice = server.pki().client("alice").credentials();
        context.init(new KeyManager[] {alice.keyManager()}, new TrustManager[] {new Counting(fullHandshakes)}, null);
        for (int i = 1; i <= 3; i++) {
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", server.port())) {
                socket.getOutputStream().write(WHOAMI);
                assertTrue(socket.getInputStream().read() >= 0);
                assertEquals(i, fullHandshakes.get());
            }
        }
    }

    private record Counting(AtomicInteger checks) implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {
            checks.incrementAndGet();
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    private static Socket plain(HttpsTestServer server) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
        socket.setSoTimeout(20_000);
        return socket;
    }
}

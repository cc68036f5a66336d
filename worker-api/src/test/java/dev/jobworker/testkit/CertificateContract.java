package dev.jobworker.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.UUID;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Who gets in, and what those see who do not. */
@Timeout(60)
public abstract class CertificateContract {
    @TempDir
    Path directory;

    private TestServer server;

    protected abstract Transport transport();

    protected TestServer server() {
        return server;
    }

    @BeforeEach
    void start() {
        server = new TestServer(directory, transport());
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @ParameterizedTest
    @EnumSource
    void call_withBadCertificate_isRefusedAndSaysWhy(BadCertificate bad) {
        JobWorker client = server.client(bad.issue(server.pki()), server.port(), new ArrayList<>(), TestServer.QUICK);
        WorkerException failure = assertThrows(WorkerException.class, client::whoami);
        assertEquals(Reason.CERTIFICATE_REJECTED, failure.reason(), failure.getMessage());
        String words = bad.refusedInHandshake() ? "Received fatal alert: " : bad.words();
        assertTrue(failure.getMessage().contains(words), failure.getMessage());
    }

    @Test
    void output_withBadCertificate_isRefusedAtOnce() throws Exception {
        JobWorker client = server.client(
                BadCertificate.EXPIRED.issue(server.pki()), server.port(), new ArrayList<>(), Retry.DEFAULTS);
        JobId anyJob = JobId.parse("01900000-0000-7000-8000-000000000000").orElseThrow();
        try (OutputReader output = client.output(anyJob, OutputQuery.FOLLOW_ALL)) {
            WorkerException failure = assertThrows(WorkerException.class, output::next);
            assertEquals(Reason.CERTIFICATE_REJECTED, failure.reason());
        }
    }

    @Test
    void handshake_ofTls12_isRefused() throws Exception {
        SSLContext context = SSLContext.getInstance("TLSv1.2");
        TestPki.Issued alice = server.pki().client("alice");
        context.init(
                new javax.net.ssl.KeyManager[] {alice.credentials().keyManager()},
                new TrustManager[] {alice.credentials().trustManager()},
                null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", server.port())) {
            socket.setEnabledProtocols(new String[] {"TLSv1.2"});
            SSLHandshakeException failure = assertThrows(SSLHandshakeException.class, socket::startHandshake);
            assertTrue(String.valueOf(failure.getMessage()).contains("protocol_version"), failure.getMessage());
        }
    }

    @Test
    void call_toServerOfAnotherAuthority_isNotMade() {
        TestPki other = TestPki.create(directory.resolve("other"));
        JobWorker client = server.client(other.client("alice"), server.port(), new ArrayList<>(), TestServer.QUICK);
        WorkerException failure = assertThrows(WorkerException.class, client::whoami);
        assertEquals(Reason.CONNECTION_FAILED, failure.reason());
        assertTrue(failure.getMessage().contains("PKIX"), failure.getMessage());
    }

    @Test
    void call_toServerOfAnotherName_isNotMade() {
        JobWorker client = transport()
                .connect(
                        "127.0.0.2",
                        server.port(),
                        server.pki().client("alice").credentials(),
                        _ -> {},
                        TestServer.QUICK);
        try (client) {
            WorkerException failure = assertThrows(WorkerException.class, client::whoami);
            assertEquals(Reason.CONNECTION_FAILED, failure.reason());
        }
    }

    @Test
    void call_withCertificateOfUnboundUser_isNotPermitted() {
        JobWorker client = server.client("mallory");
        assertEquals("", client.whoami().role());
        WorkerException failure = assertThrows(WorkerException.class, () -> TestServer.start(client, "true"));
        assertEquals(Reason.PERMISSION_DENIED, failure.reason());
    }

    @Test
    void call_whenNobodyListens_failsAtOnce() {
        server.server().close();
        JobWorker client = server.client("alice");
        WorkerException failure = assertThrows(
                WorkerException.class, () -> client.start(UUID.randomUUID(), dev.jobworker.core.JobSpec.of("true")));
        assertEquals(Reason.CONNECTION_FAILED, failure.reason());
        assertTrue(failure.getMessage().contains("Connection refused"), failure.getMessage());
    }
}

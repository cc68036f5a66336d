package dev.jobworker.testkit;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.Role;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputQuery;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** An engine with a server in front, and clients of it; one test's own. */
public class TestServer implements AutoCloseable {
    /** Of clients that should come back at once, so that tests are fast. */
    public static final Retry QUICK =
            new Retry(Duration.ofMillis(2), Duration.ofMillis(50), Duration.ofSeconds(45), Duration.ofSeconds(20));

    /** Streams that bob may have open. */
    public static final int STREAMS_OF_BOB = 1;

    private final TestPki pki;
    private final JobEngine engine;
    private final JobWorkerAccess access;
    private final List<Runnable> clients = new ArrayList<>();
    private final Transport transport;
    private Transport.Listening server;

    public TestServer(Path directory, Transport transport) {
        this.transport = transport;
        try {
            pki = TestPki.create(directory.resolve("pki"));
            engine = JobEngine.open(
                    directory.resolve("state"),
                    EngineOptions.DEFAULTS
                            .withSurvivePowerLoss(false)
                            .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO));
            Policy policy = new Policy(
                    TestPki.TRUST_DOMAIN,
                    Map.of(
                            TestPki.spiffeId("alice"), Role.USER,
                            TestPki.spiffeId("bob"), Role.OPERATOR,
                            TestPki.spiffeId("root"), Role.ADMIN),
                    Set.of(TestPki.spiffeId(BadCertificate.DENIED_USER)),
                    Set.of(BigInteger.valueOf(BadCertificate.DENIED_NUMBER)),
                    Map.of(Role.OPERATOR, new Policy.Limits(0, STREAMS_OF_BOB)));
            access = new JobWorkerAccess(engine, policy, AuditLog.DISCARD, "test");
            server = transport.serve(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                    pki.server().credentials(),
                    access);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    public TestPki pki() {
        return pki;
    }

    public Transport.Listening server() {
        return server;
    }

    public int port() {
        return server.address().getPort();
    }

    /** Serves again at the port of the server that was closed. */
    public void restart() throws IOException {
        server = transport.serve(server.address(), pki.server().credentials(), access);
    }

    /** Returns the worker as a caller in this process sees it. */
    public JobWorker local() {
        return JobWorkerAccess.embedded(engine, "test", "test");
    }

    public JobWorker client(String userName) {
        return client(userName, port(), new ArrayList<>(), QUICK);
    }

    public JobWorker client(String userName, int port, List<String> notices, Retry retry) {
        return client(pki.client(userName), port, notices, retry);
    }

    public JobWorker client(TestPki.Issued certificate, int port, List<String> notices, Retry retry) {
        JobWorker client = transport.connect("localhost", port, certificate.credentials(), notices::add, retry);
        clients.add(client::close);
        return client;
    }

    /** Closes something with the clients. */
    protected void closeWithClients(Runnable close) {
        clients.add(close);
    }

    /** Starts a shell script. */
    public static Job start(JobWorker worker, String script) {
        return worker.start(UUID.randomUUID(), JobSpec.of("/bin/sh", "-c", script));
    }

    /** Starts a script whose standard input is written while it runs. */
    public static JobId startStreamed(JobWorker worker, String script) {
        JobSpec spec =
                JobSpec.builder("/bin/sh", "-c", script).streamInput(true).build();
        return worker.start(UUID.randomUUID(), spec).id();
    }

    /** Reads all output, to its end. */
    public static byte[] read(JobWorker worker, Job job) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (var output = worker.output(job.id(), OutputQuery.FOLLOW_ALL)) {
            output.transferTo(bytes);
        }
        return bytes.toByteArray();
    }

    @Override
    public void close() {
        clients.forEach(Runnable::run);
        server.close();
        engine.close();
    }
}

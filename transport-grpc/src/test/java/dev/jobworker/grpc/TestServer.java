package dev.jobworker.grpc;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.Role;
import dev.jobworker.api.transport.RequestReception;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.testkit.BadCertificate;
import dev.jobworker.testkit.TestPki;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
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

/** An engine with a gRPC server in front, and clients of it; one test's own. */
final class TestServer implements AutoCloseable {
    /** Of clients that should come back at once, so that tests are fast. */
    static final Retry QUICK =
            new Retry(Duration.ofMillis(2), Duration.ofMillis(50), Duration.ofSeconds(45), Duration.ofSeconds(20));

    /** Streams that bob may have open. */
    static final int STREAMS_OF_BOB = 1;

    private final TestPki pki;
    private final JobEngine engine;
    private final JobWorkerAccess access;
    private final List<Runnable> clients = new ArrayList<>();
    private GrpcServer server;

    TestServer(Path directory) {
        this(directory, GrpcServerOptions.DEFAULTS, Duration.ofSeconds(15));
    }

    TestServer(Path directory, GrpcServerOptions options, Duration heartbeat) {
        this(directory, options, heartbeat, new RequestReception());
    }

    TestServer(Path directory, GrpcServerOptions options, Duration heartbeat, RequestReception reception) {
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
            server = GrpcServer.start(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                    pki.server().credentials(),
                    access,
                    options,
                    heartbeat,
                    reception);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    TestPki pki() {
        return pki;
    }

    GrpcServer server() {
        return server;
    }

    int port() {
        return server.address().getPort();
    }

    /** Serves again at the port of the server that was closed. */
    void restart() throws IOException {
        server = GrpcServer.start(server.address(), pki.server().credentials(), access, GrpcServerOptions.DEFAULTS);
    }

    /** Returns the worker as a caller in this process sees it. */
    JobWorker local() {
        return JobWorkerAccess.embedded(engine, "test", "test");
    }

    JobWorker client(String userName) {
        return client(userName, port(), new ArrayList<>(), QUICK);
    }

    JobWorker client(String userName, int port, List<String> notices, Retry retry) {
        return client(pki.client(userName), port, notices, retry);
    }

    JobWorker client(TestPki.Issued certificate, int port, List<String> notices, Retry retry) {
        JobWorker client = GrpcJobWorker.connect("localhost", port, certificate.credentials(), notices::add, retry);
        clients.add(client::close);
        return client;
    }

    /** Returns a bare channel, for what the client of this module does not do. */
    ManagedChannel channel(String userName, int flowControlWindow, int port) {
        ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", port)
                .sslContext(Tls.client(pki.client(userName).credentials()))
                .flowControlWindow(flowControlWindow)
                .build();
        clients.add(channel::shutdownNow);
        return channel;
    }

    /** Starts a shell script. */
    static Job start(JobWorker worker, String script) {
        return worker.start(UUID.randomUUID(), JobSpec.of("/bin/sh", "-c", script));
    }

    /** Reads all output, to its end. */
    static byte[] read(JobWorker worker, Job job) throws Exception {
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

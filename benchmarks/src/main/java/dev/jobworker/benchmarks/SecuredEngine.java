package dev.jobworker.benchmarks;

import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.Role;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.JobEngine;
import dev.jobworker.testkit.TestPki;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;

/** An engine with one user, and throw-away certificates for a server of it and for the user. */
record SecuredEngine(
        Scratch scratch, JobEngine engine, JobWorkerAccess access, TlsCredentials server, TlsCredentials client) {
    private static final String USER_NAME = "alice";
    static final String OWNER = TestPki.spiffeId(USER_NAME);

    static SecuredEngine open(Path parent) throws IOException {
        Scratch scratch = Scratch.in(parent);
        TestPki pki = TestPki.create(scratch.path().resolve("pki"));
        JobEngine engine =
                JobEngine.open(scratch.path().resolve("state"), EngineOptions.DEFAULTS.withSurvivePowerLoss(false));
        Policy policy = Policy.of(TestPki.TRUST_DOMAIN, Map.of(OWNER, Role.USER));
        return new SecuredEngine(
                scratch,
                engine,
                new JobWorkerAccess(engine, policy, AuditLog.DISCARD, "benchmark"),
                pki.server().credentials(),
                pki.client(USER_NAME).credentials());
    }

    /** Returns the address to serve at: any free port of loopback. */
    static InetSocketAddress anyPort() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    }

    void close() throws IOException {
        engine.close();
        scratch.close();
    }
}

package dev.jobworker.examples;

import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.JobEngine;
import dev.jobworker.testkit.TestPki;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** What {@code jobworker ca} makes: a server of this machine, and alice, who is a user. */
record ExampleFolder(Path path, TlsCredentials alice) {

    static ExampleFolder make(Path path) throws IOException {
        TestPki pki = TestPki.create(path);
        pki.server();
        Files.writeString(path.resolve("policy.yaml"), """
                version: 1
                trustDomain: %s
                bindings:
                  - identity: %s
                    role: user
                """.formatted(TestPki.TRUST_DOMAIN, TestPki.spiffeId("alice")));
        return new ExampleFolder(path, pki.client("alice").credentials());
    }

    JobEngine engine() throws IOException {
        return JobEngine.open(
                path.resolve("state"),
                EngineOptions.DEFAULTS.withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO));
    }
}

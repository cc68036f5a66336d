package dev.jobworker.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.Role;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.OutputView;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** An engine, a server of it and a client for every role, shared by the tests of a class. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class WorkerFixture {
    static final String VERSION = "1.2.3-test";
    static final int OPERATOR_LIMIT = 2;

    private final Map<String, JobWorker> workers = new ConcurrentHashMap<>();
    private TestPki pki;
    private JobEngine engine;
    private Endpoint endpoint;
    private Path directory;

    /** A served worker. */
    protected interface Endpoint extends AutoCloseable {
        /** Returns a client with these credentials, connected to "localhost" if there is a connection. */
        JobWorker connect(TlsCredentials client);

        @Override
        void close();
    }

    /** Serves {@code access}, with these credentials if there are connections. */
    protected abstract Endpoint serve(JobWorkerAccess access, TlsCredentials server) throws Exception;

    @BeforeAll
    void open(@TempDir Path directory) throws Exception {
        this.directory = directory;
        pki = TestPki.create(directory.resolve("pki"));
        Policy policy = new Policy(
                TestPki.TRUST_DOMAIN,
                Map.of(
                        TestPki.spiffeId("alice"), Role.USER,
                        TestPki.spiffeId("bob"), Role.USER,
                        TestPki.spiffeId("vera"), Role.VIEWER,
                        TestPki.spiffeId("otto"), Role.OPERATOR,
                        TestPki.spiffeId("anna"), Role.ADMIN),
                Set.of(TestPki.spiffeId(BadCertificate.DENIED_USER)),
                Set.of(BigInteger.valueOf(BadCertificate.DENIED_NUMBER)),
                Map.of(Role.OPERATOR, new Policy.Limits(OPERATOR_LIMIT, OPERATOR_LIMIT)));
        engine = JobEngine.open(
                directory.resolve("state"),
                EngineOptions.DEFAULTS
                        .withSurvivePowerLoss(false)
                        .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO));
        endpoint = serve(
                new JobWorkerAccess(engine, policy, AuditLog.DISCARD, VERSION),
                pki.server().credentials());
    }

    @AfterAll
    void close() {
        workers.values().forEach(JobWorker::close);
        endpoint.close();
        engine.close();
    }

    TestPki pki() {
        return pki;
    }

    /** Returns a new client. */
    JobWorker connect(TlsCredentials client) {
        return endpoint.connect(client);
    }

    /** Returns the client of a user: alice and bob are users, vera a viewer, otto an operator, anna an admin; others have no role. */
    JobWorker worker(String userName) {
        return workers.computeIfAbsent(
                userName, name -> connect(pki.client(name).credentials()));
    }

    JobWorker alice() {
        return worker("alice");
    }

    static Job start(JobWorker worker, String... argv) {
        return worker.start(UUID.randomUUID(), JobSpec.of(argv));
    }

    static Job shell(JobWorker worker, String script) {
        return start(worker, "/bin/sh", "-c", script);
    }

    /** Waits for the end of a job. */
    static Job finish(JobWorker worker, JobId id) throws InterruptedException {
        Job job;
        do {
            job = worker.await(id, JobWorker.MAX_WAIT);
        } while (!job.state().isFinal());
        return job;
    }

    /** Runs a script to its end. */
    static Job run(JobWorker worker, String script) throws InterruptedException {
        return finish(worker, shell(worker, script).id());
    }

    /** What a reader got. */
    record Output(ByteArrayOutputStream data, OutputEvent.End end) {
        byte[] bytes() {
            return data.toByteArray();
        }

        String text() {
            return data.toString(UTF_8);
        }
    }

    /** Reads to the end and checks that the chunks are contiguous. */
    static Output drain(OutputReader reader) throws InterruptedException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        long next = -1;
        while (true) {
            switch (reader.next()) {
                case OutputEvent.Chunk chunk -> {
                    assertEquals(next < 0 ? chunk.offset() : next, chunk.offset());
                    next = chunk.offset() + chunk.bytes().remaining();
                    byte[] some = new byte[chunk.bytes().remaining()];
                    chunk.bytes().get(some);
                    bytes.writeBytes(some);
                }
                case OutputEvent.Idle _ -> {}
                case OutputEvent.End end -> {
                    assertEquals(next < 0 ? end.nextOffset() : next, end.nextOffset());
                    return new Output(bytes, end);
                }
            }
        }
    }

    static Output read(JobWorker worker, JobId id, OutputQuery query) throws InterruptedException {
        try (OutputReader reader = worker.output(id, query)) {
            return drain(reader);
        }
    }

    static OutputQuery query(OutputView view, OutputQuery.From from, boolean follow) {
        return new OutputQuery(view, from, follow, Long.MAX_VALUE);
    }

    static OutputQuery from(OutputQuery.From from) {
        return query(OutputView.COMBINED, from, false);
    }

    /** Reads until {@code text} has come; the reader stays where it is. */
    static void readUntil(OutputReader reader, String text) throws InterruptedException {
        StringBuilder seen = new StringBuilder();
        while (seen.indexOf(text) < 0) {
            switch (reader.next()) {
                case OutputEvent.Chunk chunk -> seen.append(UTF_8.decode(chunk.bytes()));
                case OutputEvent.Idle _ -> {}
                case OutputEvent.End end -> throw new AssertionError("ended after \"" + seen + "\": " + end);
            }
        }
    }

    /** Opens a reader and takes its first event, so that every way of failing is behind it. */
    static OutputEvent first(JobWorker worker, JobId id, OutputQuery query) throws InterruptedException {
        try (OutputReader reader = worker.output(id, query)) {
            return reader.next();
        }
    }

    static WorkerException fails(Reason reason, Executable call) {
        WorkerException failure = assertThrows(WorkerException.class, call);
        assertEquals(reason, failure.reason(), failure::toString);
        return failure;
    }

    /** Makes a FIFO: opening its ends waits for the other one, so job and test meet there. */
    Path fifo(String name) throws IOException, InterruptedException {
        Path fifo = directory.resolve(name);
        assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
        return fifo;
    }
}

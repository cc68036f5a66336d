package dev.jobworker.api.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.CallerIdentity;
import dev.jobworker.api.JobQuery;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.ServerInfo;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.Signal;
import dev.jobworker.testkit.BadCertificate;
import dev.jobworker.testkit.TestPki;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What the contract does not say of the guarded engine: audit lines, ends of certificates, a broken audit log. */
@Timeout(60)
class JobWorkerAccessTest {
    private static final Policy POLICY = new Policy(
            TestPki.TRUST_DOMAIN,
            Map.of(
                    TestPki.spiffeId("alice"), Role.USER,
                    TestPki.spiffeId("bob"), Role.USER,
                    TestPki.spiffeId("vera"), Role.VIEWER,
                    TestPki.spiffeId("anna"), Role.ADMIN),
            Set.of(),
            Set.of(),
            Map.of());

    private final List<AuditEvent> events = new CopyOnWriteArrayList<>();

    @TempDir
    Path directory;

    private JobEngine engine;
    private JobWorkerAccess access;

    @BeforeEach
    void open() throws IOException {
        engine = JobEngine.open(
                directory.resolve("state"),
                EngineOptions.DEFAULTS
                        .withSurvivePowerLoss(false)
                        .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO));
        access = new JobWorkerAccess(engine, POLICY, events::add, "1");
    }

    @AfterEach
    void close() {
        engine.close();
    }

    @Test
    void audit_ofAStart_hasTheProgramAndNothingElseOfIt() {
        UUID request = UUID.randomUUID();
        JobSpec spec = JobSpec.builder("/bin/echo", "argument-7")
                .environment("VARIABLE", "value-7")
                .build();

        Job job = as("alice").start(request, spec);

        assertEquals(List.of("start allow", "start started"), summary());
        for (AuditEvent event : events) {
            assertEquals(request, event.requestId());
            assertEquals(TestPki.spiffeId("alice"), event.identity());
            assertEquals(Role.USER, event.role());
            assertEquals("/bin/echo", event.argv0());
            assertEquals(2, event.argc());
            assertFalse(AuditFile.json(event).contains("-7\""));
        }
        assertEquals(job.id(), events.getLast().jobId());
    }

    @Test
    void audit_ofEveryCall_isWritten() throws Exception {
        JobWorker alice = as("alice");
        JobId id = alice.start(UUID.randomUUID(), JobSpec.of("true")).id();
        events.clear();

        alice.await(id, JobWorker.MAX_WAIT);
        alice.get(id);
        alice.list(JobQuery.ALL);
        alice.stop(id, Duration.ZERO);
        alice.signal(id, Signal.TERM);
        OutputReader reader = alice.output(id, OutputQuery.FOLLOW_ALL);
        reader.close();
        reader.close();
        alice.delete(id);
        alice.whoami();

        assertEquals(
                List.of(
                        "await allow",
                        "get allow",
                        "list allow",
                        "stop allow",
                        "signal allow",
                        "output allow",
                        "output closed",
                        "delete allow",
                        "whoami allow"),
                summary());
    }

    @Test
    void audit_ofAnInput_isOneLineHoweverManyPieces() throws Exception {
        JobId id = streamed("alice", "cat");
        JobId without = as("alice").start(UUID.randomUUID(), JobSpec.of("true")).id();
        UUID callId = UUID.randomUUID();
        events.clear();

        try (InputWriter input = access.input(identity("alice"), callId, id)) {
            input.write(0L, ByteBuffer.allocate(1), false);
            input.write(null, ByteBuffer.allocate(1), true);
            fails(Reason.INPUT_CLOSED, () -> input.write(2L, ByteBuffer.allocate(1), false));
        }
        fails(Reason.INPUT_CLOSED, () -> as("alice").writeInput(without, null, ByteBuffer.allocate(0), true));
        fails(Reason.JOB_NOT_FOUND, () -> as("anna").writeInput(id, null, ByteBuffer.allocate(0), true));

        assertEquals(
                List.of(
                        "write_input allow",
                        "write_input error INPUT_CLOSED",
                        "write_input closed",
                        "write_input allow",
                        "write_input error INPUT_CLOSED",
                        "write_input deny JOB_NOT_FOUND"),
                summary());
        assertEquals(callId, events.get(0).requestId());
        assertEquals(callId, events.get(1).requestId());
    }

    @Test
    void input_overAndOver_givesItsPlaceBack() throws Exception {
        JobId id = streamed("alice", "exec cat");

        for (int i = 0; i < Policy.Limits.DEFAULTS.streams() + 1; i++) {
            as("alice").writeInput(id, null, ByteBuffer.allocate(1), false);
            fails(Reason.OFFSET_OUT_OF_RANGE, () -> as("alice").writeInput(id, 10_000L, ByteBuffer.allocate(1), false));
        }
        as("alice").output(id, OutputQuery.FOLLOW_ALL).close();
    }

    @Test
    void expiredCertificate_endsAWriteThatTheJobDoesNotTake() {
        JobId id = streamed("alice", "exec sleep 300");
        Identity shortLived = new Identity(
                TestPki.spiffeId("alice"), BigInteger.ONE, Instant.now().plusMillis(300));

        fails(
                Reason.CERTIFICATE_REJECTED,
                () -> access.as(shortLived).writeInput(id, 0L, ByteBuffer.allocate(1 << 20), true));

        assertFalse(Thread.interrupted());
        assertTrue(engine.get(id).input().open());
    }

    private JobId streamed(String userName, String script) {
        JobSpec spec =
                JobSpec.builder("/bin/sh", "-c", script).streamInput(true).build();
        return as(userName).start(UUID.randomUUID(), spec).id();
    }

    @Test
    void audit_ofRefusals_tellsTheTruthThatTheCallerDoesNotGet() {
        JobId bobs = as("bob").start(UUID.randomUUID(), JobSpec.of("true")).id();
        JobId absent = new JobId(UUID.fromString("01890a5d-ac96-774b-bcce-b302099a8057"));
        events.clear();

        fails(Reason.JOB_NOT_FOUND, () -> as("alice").get(bobs));
        fails(Reason.JOB_NOT_FOUND, () -> as("alice").get(absent));
        fails(Reason.PERMISSION_DENIED, () -> as("vera").stop(bobs, Duration.ZERO));
        fails(Reason.PERMISSION_DENIED, () -> as("nobody").get(bobs));
        fails(Reason.INVALID_FIELD, () -> as("bob").stop(bobs, Duration.ofNanos(-1)));

        assertEquals(
                List.of(
                        "get deny JOB_NOT_FOUND",
                        "get error JOB_NOT_FOUND",
                        "stop deny PERMISSION_DENIED",
                        "get deny PERMISSION_DENIED",
                        "stop error INVALID_FIELD"),
                summary());
        assertEquals(bobs, events.getFirst().jobId());
    }

    @Test
    void audit_ofAFailedStart_hasBothLines() {
        fails(Reason.EXEC_FAILED, () -> as("alice").start(UUID.randomUUID(), JobSpec.of("/no/such/program")));

        assertEquals(List.of("start allow", "start error EXEC_FAILED"), summary());
    }

    @Test
    void audit_ofARefusedCertificate_namesTheRule() {
        TestPki pki = TestPki.create(directory.resolve("pki"));

        fails(
                Reason.CERTIFICATE_REJECTED,
                () -> access.authenticate(BadCertificate.TWO_NAMES.issue(pki).leaf()));

        assertEquals(1, events.size());
        assertEquals("authenticate", events.getFirst().action());
        assertTrue(String.valueOf(events.getFirst().reason()).contains("2 URI"));
    }

    @Test
    void unwritableAudit_changesNothingButStopsByAnAdmin() throws Exception {
        JobId id =
                as("alice").start(UUID.randomUUID(), JobSpec.of("sleep", "300")).id();
        JobWorkerAccess broken = new JobWorkerAccess(
                engine,
                POLICY,
                _ -> {
                    throw new IOException("no space");
                },
                "1");
        JobWorker alice = broken.as(identity("alice"));
        JobWorker anna = broken.as(identity("anna"));

        fails(Reason.AUDIT_UNAVAILABLE, () -> alice.start(UUID.randomUUID(), JobSpec.of("true")));
        fails(Reason.AUDIT_UNAVAILABLE, () -> alice.stop(id, Duration.ZERO));
        fails(Reason.AUDIT_UNAVAILABLE, () -> alice.signal(id, Signal.KILL));
        fails(Reason.AUDIT_UNAVAILABLE, () -> alice.delete(id));
        fails(Reason.AUDIT_UNAVAILABLE, () -> alice.writeInput(id, null, ByteBuffer.allocate(1), false));
        fails(Reason.AUDIT_UNAVAILABLE, () -> anna.signal(id, Signal.KILL));
        assertEquals(1, engine.runningJobs());
        assertEquals(1, engine.retainedJobs());

        assertEquals(id, alice.get(id).id());
        assertEquals(1, alice.list(JobQuery.ALL).jobs().size());
        alice.output(id, OutputQuery.FOLLOW_ALL).close();
        assertEquals("user", alice.whoami().role());
        fails(Reason.PERMISSION_DENIED, alice::serverInfo);

        anna.stop(id, Duration.ZERO);
        assertTrue(alice.await(id, JobWorker.MAX_WAIT).state().isFinal());
    }

    @Test
    void precheck_refusesByCertificateAndRoleAlone_andRecordsRefusalsOnly() {
        access.precheck(identity("alice"), Action.START);
        access.precheck(identity("vera"), Action.GET);
        assertEquals(List.of(), summary());

        fails(Reason.PERMISSION_DENIED, () -> access.precheck(identity("vera"), Action.START));
        fails(Reason.PERMISSION_DENIED, () -> access.precheck(identity("nobody"), Action.LIST));
        Identity expired = new Identity(
                TestPki.spiffeId("alice"), BigInteger.ONE, Instant.now().minusSeconds(1));
        fails(Reason.CERTIFICATE_REJECTED, () -> access.precheck(expired, Action.WHOAMI));
        assertEquals(
                List.of(
                        "start deny PERMISSION_DENIED",
                        "list deny PERMISSION_DENIED",
                        "whoami deny CERTIFICATE_REJECTED"),
                summary());
    }

    @Test
    void refusalBeforeTheCall_hasTheIdOfTheCall() {
        UUID id = UUID.randomUUID();

        fails(Reason.PERMISSION_DENIED, () -> access.precheck(identity("vera"), Action.START, id));
        WorkerException refusal = new WorkerException(Reason.PERMISSION_DENIED, "not from there");
        assertEquals(refusal, access.deny(identity("alice"), Action.GET, id, refusal));

        assertEquals(List.of("start deny PERMISSION_DENIED", "get deny PERMISSION_DENIED"), summary());
        assertTrue(events.stream().allMatch(event -> event.requestId().equals(id)));
    }

    @Test
    void expiredCertificate_endsAWaitingCall() {
        JobId id =
                as("alice").start(UUID.randomUUID(), JobSpec.of("sleep", "300")).id();
        Identity shortLived = new Identity(
                TestPki.spiffeId("alice"), BigInteger.ONE, Instant.now().plusMillis(300));
        fails(Reason.CERTIFICATE_REJECTED, () -> access.as(shortLived).await(id, JobWorker.MAX_WAIT));
    }

    @Test
    void expiredCertificate_endsCallsAndWaitingReaders() throws Exception {
        JobId id =
                as("alice").start(UUID.randomUUID(), JobSpec.of("sleep", "300")).id();
        Identity shortLived = new Identity(
                TestPki.spiffeId("alice"), BigInteger.ONE, Instant.now().plusMillis(300));
        JobWorker alice = access.as(shortLived);
        try (OutputReader reader = alice.output(id, OutputQuery.FOLLOW_ALL)) {
            WorkerException ended = fails(Reason.CERTIFICATE_REJECTED, reader::next);

            assertTrue(ended.getMessage().contains("expired"), ended.getMessage());
            assertTrue(Instant.now().isAfter(shortLived.notAfter()));
            fails(Reason.CERTIFICATE_REJECTED, () -> alice.get(id));
            fails(Reason.CERTIFICATE_REJECTED, alice::whoami);
        }
    }

    @Test
    void reader_whenTheEngineIsClosed_failsInTheWordsOfTheContract() throws Exception {
        Path state = directory.resolve("left-running");
        JobEngine closing = JobEngine.open(state, EngineOptions.DEFAULTS.withSurvivePowerLoss(false));
        JobWorker alice = new JobWorkerAccess(closing, POLICY, AuditLog.DISCARD, "1").as(identity("alice"));
        JobId id = alice.start(UUID.randomUUID(), JobSpec.of("sleep", "300")).id();
        try (OutputReader reader = alice.output(id, OutputQuery.FOLLOW_ALL)) {
            closing.close();

            fails(Reason.SERVER_SHUTTING_DOWN, reader::next);
            fails(Reason.SERVER_SHUTTING_DOWN, () -> alice.get(id));
        }
        try (JobEngine reopened = JobEngine.open(state)) {
            reopened.stop(id, Duration.ZERO, "test");
            assertTrue(reopened.await(id, OutputReader.FOREVER).state().isFinal());
        }
    }

    @Test
    void output_thatFails_givesItsPlaceBack() {
        JobId id =
                as("alice").start(UUID.randomUUID(), JobSpec.of("sleep", "300")).id();

        for (int i = 0; i < Policy.Limits.DEFAULTS.streams() + 1; i++) {
            fails(
                    Reason.OFFSET_OUT_OF_RANGE,
                    () -> as("alice")
                            .output(id, OutputQuery.FOLLOW_ALL.withOffset(1))
                            .close());
        }
        as("alice").output(id, OutputQuery.FOLLOW_ALL).close();
    }

    @Test
    void embedded_doesEverythingUnderItsName() throws Exception {
        JobId id = as("alice").start(UUID.randomUUID(), JobSpec.of("true")).id();
        try (JobWorker worker = JobWorkerAccess.embedded(engine, "me", "2")) {
            CallerIdentity caller = worker.whoami();
            Job own = worker.start(UUID.randomUUID(), JobSpec.of("true"));
            ServerInfo info = worker.serverInfo();

            assertEquals("spiffe://local/user/me", caller.identity());
            assertEquals("admin", caller.role());
            assertEquals(caller.identity(), own.owner());
            assertEquals("2", info.version());
            assertEquals(2, info.retainedJobs());
            worker.await(id, JobWorker.MAX_WAIT);
            worker.delete(id);
            try (OutputReader reader = worker.output(own.id(), OutputQuery.FOLLOW_ALL)) {
                assertInstanceOf(OutputEvent.End.class, reader.next());
            }
        }
    }

    private JobWorker as(String userName) {
        return access.as(identity(userName));
    }

    private static Identity identity(String userName) {
        return new Identity(
                TestPki.spiffeId(userName), BigInteger.TWO, Instant.now().plus(Duration.ofHours(1)));
    }

    private List<String> summary() {
        return events.stream()
                .map(event -> event.action() + " " + event.decision().label()
                        + (event.reason() == null ? "" : " " + event.reason()))
                .toList();
    }

    private static WorkerException fails(Reason reason, Executable call) {
        WorkerException failure = assertThrows(WorkerException.class, call);
        assertEquals(reason, failure.reason(), failure::toString);
        return failure;
    }
}

package dev.jobworker.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.CallerIdentity;
import dev.jobworker.api.JobPage;
import dev.jobworker.api.JobQuery;
import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.ServerInfo;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Cause;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.Signal;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every {@link JobWorker} does, whatever lies between it and the engine. With real processes.
 *
 * <p>The test of a transport extends this and says how to {@linkplain #serve serve} and connect.
 */
@Timeout(60)
public abstract class JobWorkerContract extends InputContract {
    private static final String OK = "ok";

    /** The permission table once more, by its effects on another's job. */
    @ParameterizedTest(name = "{0}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            action,      alice,             vera,              otto,              anna, nobody
            start,       ok,                PERMISSION_DENIED, ok,                ok,   PERMISSION_DENIED
            get,         JOB_NOT_FOUND,     ok,                ok,                ok,   PERMISSION_DENIED
            list,        ok,                ok,                ok,                ok,   PERMISSION_DENIED
            output,      JOB_NOT_FOUND,     ok,                ok,                ok,   PERMISSION_DENIED
            await,       JOB_NOT_FOUND,     ok,                ok,                ok,   PERMISSION_DENIED
            stop,        JOB_NOT_FOUND,     PERMISSION_DENIED, ok,                ok,   PERMISSION_DENIED
            signal,      JOB_NOT_FOUND,     PERMISSION_DENIED, ok,                ok,   PERMISSION_DENIED
            writeInput,  JOB_NOT_FOUND,     PERMISSION_DENIED, JOB_NOT_FOUND,     JOB_NOT_FOUND, PERMISSION_DENIED
            delete,      JOB_NOT_FOUND,     PERMISSION_DENIED, PERMISSION_DENIED, ok,   PERMISSION_DENIED
            serverInfo,  PERMISSION_DENIED, ok,                ok,                ok,   PERMISSION_DENIED
            whoami,      ok,                ok,                ok,                ok,   ok
            """)
    void table_onAnothersJob(String action, String user, String viewer, String operator, String admin, String unbound)
            throws Exception {
        JobId bobs = run(worker("bob"), "exit 0").id();

        assertEquals(user, outcome(action, alice(), bobs), "user");
        assertEquals(viewer, outcome(action, worker("vera"), bobs), "viewer");
        assertEquals(operator, outcome(action, worker("otto"), bobs), "operator");
        assertEquals(unbound, outcome(action, worker("nobody"), bobs), "no role");
        assertEquals(admin, outcome(action, worker("anna"), bobs), "admin");
    }

    /** Who has no right to an action is told so before anything is looked up. */
    @ParameterizedTest(name = "{0}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            action,     alice,         vera,              otto,              anna,          nobody
            get,        JOB_NOT_FOUND, JOB_NOT_FOUND,     JOB_NOT_FOUND,     JOB_NOT_FOUND, PERMISSION_DENIED
            output,     JOB_NOT_FOUND, JOB_NOT_FOUND,     JOB_NOT_FOUND,     JOB_NOT_FOUND, PERMISSION_DENIED
            await,      JOB_NOT_FOUND, JOB_NOT_FOUND,     JOB_NOT_FOUND,     JOB_NOT_FOUND, PERMISSION_DENIED
            stop,       JOB_NOT_FOUND, PERMISSION_DENIED, JOB_NOT_FOUND,     JOB_NOT_FOUND, PERMISSION_DENIED
            signal,     JOB_NOT_FOUND, PERMISSION_DENIED, JOB_NOT_FOUND,     JOB_NOT_FOUND, PERMISSION_DENIED
            writeInput, JOB_NOT_FOUND, PERMISSION_DENIED, JOB_NOT_FOUND,     JOB_NOT_FOUND, PERMISSION_DENIED
            delete,     JOB_NOT_FOUND, PERMISSION_DENIED, PERMISSION_DENIED, JOB_NOT_FOUND, PERMISSION_DENIED
            """)
    void table_onAnAbsentJob(String action, String user, String viewer, String operator, String admin, String unbound)
            throws Exception {
        JobId absent = absentJob();

        assertEquals(user, outcome(action, alice(), absent), "user");
        assertEquals(viewer, outcome(action, worker("vera"), absent), "viewer");
        assertEquals(operator, outcome(action, worker("otto"), absent), "operator");
        assertEquals(admin, outcome(action, worker("anna"), absent), "admin");
        assertEquals(unbound, outcome(action, worker("nobody"), absent), "no role");
    }

    @ParameterizedTest
    @CsvSource({"alice, ok", "otto, PERMISSION_DENIED", "anna, ok"})
    void table_onOnesOwnJob(String userName, String delete) throws Exception {
        JobWorker worker = worker(userName);
        JobId own = run(worker, "exit 0").id();

        for (String action : List.of("get", "output", "await", "stop", "signal")) {
            assertEquals(OK, outcome(action, worker, own), action);
        }
        assertEquals("INPUT_CLOSED", outcome("writeInput", worker, own));
        assertEquals(delete, outcome("delete", worker, own));
    }

    @ParameterizedTest
    @ValueSource(strings = {"get", "output", "await", "stop", "signal", "writeInput", "delete"})
    void anothersJob_lookedForByAUser_isLikeAnAbsentOne(String action) throws Exception {
        JobId bobs = run(worker("bob"), "exit 0").id();
        JobId absent = absentJob();

        WorkerException foreign = fails(Reason.JOB_NOT_FOUND, () -> perform(action, alice(), bobs));
        WorkerException missing = fails(Reason.JOB_NOT_FOUND, () -> perform(action, alice(), absent));

        assertEquals(missing.details(), foreign.details());
        assertEquals(
                missing.getMessage().replace(absent.toString(), "ID"),
                foreign.getMessage().replace(bobs.toString(), "ID"));
    }

    @Test
    void stop_byAnOperator_namesTheOperator() throws Exception {
        JobId id = start(alice(), "sleep", "300").id();

        worker("otto").stop(id, Duration.ZERO);

        JobStatus.Ended ended = (JobStatus.Ended) finish(alice(), id).status();
        assertEquals(Cause.Kind.STOP_REQUEST, ended.cause().kind());
        assertEquals(TestPki.spiffeId("otto"), ended.cause().requestedBy());
    }

    @Test
    void list_owners_areThoseThatTheCallerMaySee() throws Exception {
        String label = UUID.randomUUID().toString();
        JobSpec spec = JobSpec.builder("true").label("test", label).build();
        JobId alices = alice().start(UUID.randomUUID(), spec).id();
        JobId bobs = worker("bob").start(UUID.randomUUID(), spec).id();

        assertEquals(List.of(alices), ids(alice(), label, null));
        assertEquals(List.of(alices), ids(alice(), label, "alice"));
        assertEquals(List.of(), ids(alice(), label, "bob"));
        assertEquals(List.of(), ids(alice(), label, "no-such-user"));
        assertEquals(List.of(bobs), ids(worker("bob"), label, null));
        for (String seesAll : List.of("vera", "otto", "anna")) {
            assertEquals(List.of(bobs, alices), ids(worker(seesAll), label, null));
            assertEquals(List.of(bobs), ids(worker(seesAll), label, "bob"));
        }
    }

    @ParameterizedTest
    @CsvSource({"alice, user", "vera, viewer", "otto, operator", "anna, admin", "nobody, ''"})
    void whoami_everybody_isToldNameAndRole(String userName, String role) {
        CallerIdentity caller = worker(userName).whoami();

        assertEquals(TestPki.spiffeId(userName), caller.identity());
        assertEquals(role, caller.role());
        assertTrue(caller.certificateExpireTime().isAfter(Instant.now()));
    }

    @Test
    void serverInfo_countsJobs() throws Exception {
        JobId running = start(alice(), "sleep", "300").id();
        run(alice(), "exit 0");

        ServerInfo info = worker("vera").serverInfo();

        assertEquals(VERSION, info.version());
        assertTrue(info.startTime().isBefore(Instant.now()));
        assertTrue(info.runningJobs() >= 1);
        assertTrue(info.retainedJobs() > info.runningJobs());
        alice().stop(running, Duration.ZERO);
    }

    @Test
    void start_overTheLimitOfTheRole_isRefusedUntilAJobEnds() throws Exception {
        JobWorker otto = worker("otto");
        JobId first = start(otto, "sleep", "300").id();
        JobId second = start(otto, "sleep", "300").id();

        WorkerException refused = fails(Reason.QUOTA_EXCEEDED, () -> start(otto, "true"));
        assertEquals(Integer.toString(OPERATOR_LIMIT), refused.details().get("value"));
        otto.stop(first, Duration.ZERO);
        finish(otto, first);

        assertTrue(run(otto, "exit 0").state().isFinal());
        otto.stop(second, Duration.ZERO);
        finish(otto, second);
    }

    @Test
    void output_overTheLimitOfTheRole_isRefusedUntilAReaderIsClosed() throws Exception {
        JobWorker otto = worker("otto");
        JobId id = shell(alice(), "echo ready; exec sleep 300").id();
        OutputReader first = otto.output(id, OutputQuery.FOLLOW_ALL);
        try (OutputReader second = otto.output(id, OutputQuery.FOLLOW_ALL)) {
            readUntil(first, "ready");
            readUntil(second, "ready");
            WorkerException refused = fails(Reason.QUOTA_EXCEEDED, () -> first(otto, id, OutputQuery.FOLLOW_ALL));
            assertEquals("streams", refused.details().get("limit"));
            first.close();
            first.close();

            // A server learns of the close when it gets there.
            try (OutputReader third = Awaitility.await()
                    .ignoreExceptionsMatching(e -> e instanceof WorkerException)
                    .until(() -> openUntil(otto, id, "ready"), Objects::nonNull)) {
                assertNotEquals(null, third);
                fails(Reason.QUOTA_EXCEEDED, () -> first(otto, id, OutputQuery.FOLLOW_ALL));
            }
        }
        alice().stop(id, Duration.ZERO);
    }

    /** Opens a reader and reads until {@code text} has come. */
    private static OutputReader openUntil(JobWorker worker, JobId id, String text) throws InterruptedException {
        OutputReader reader = worker.output(id, OutputQuery.FOLLOW_ALL);
        try {
            readUntil(reader, text);
            return reader;
        } catch (WorkerException failed) {
            reader.close();
            throw failed;
        }
    }

    /** Those that PKIX does not refuse; the others do not get to the first call. */
    @ParameterizedTest
    @MethodSource("dev.jobworker.testkit.BadCertificate#refusedAtTheFirstCall")
    void badCertificate_atTheFirstCall_isRejectedWithTheRule(BadCertificate bad) {
        WorkerException rejected = assertThrows(WorkerException.class, () -> {
            try (JobWorker worker = connect(bad.issue(pki()).credentials())) {
                worker.whoami();
            }
        });

        assertEquals(Reason.CERTIFICATE_REJECTED, rejected.reason());
        assertTrue(rejected.getMessage().contains(bad.words()), rejected.getMessage());
    }

    private static List<JobId> ids(JobWorker worker, String label, @Nullable String userName) {
        JobFilter filter =
                new JobFilter(Set.of(), userName == null ? null : TestPki.spiffeId(userName), Map.of("test", label));
        JobPage page = worker.list(new JobQuery(filter, 0, ""));
        return page.jobs().stream().map(Job::id).toList();
    }

    /** Returns the id of a job that is no more. */
    private JobId absentJob() throws InterruptedException {
        JobId id = run(alice(), "exit 0").id();
        alice().delete(id);
        return id;
    }

    private static String outcome(String action, JobWorker worker, JobId id) throws Exception {
        try {
            perform(action, worker, id);
            return OK;
        } catch (WorkerException refused) {
            return refused.reason().name();
        }
    }

    private static void perform(String action, JobWorker worker, JobId id) throws Exception {
        switch (action) {
            case "start" -> run(worker, "exit 0");
            case "get" -> worker.get(id);
            case "list" -> worker.list(JobQuery.ALL);
            case "output" -> first(worker, id, OutputQuery.FOLLOW_ALL);
            case "await" -> worker.await(id, Duration.ZERO);
            case "stop" -> worker.stop(id, Duration.ZERO);
            case "signal" -> worker.signal(id, Signal.TERM);
            case "writeInput" -> worker.writeInput(id, null, ByteBuffer.allocate(1), false);
            case "delete" -> worker.delete(id);
            case "serverInfo" -> worker.serverInfo();
            case "whoami" -> worker.whoami();
            default -> throw new IllegalArgumentException(action);
        }
    }
}

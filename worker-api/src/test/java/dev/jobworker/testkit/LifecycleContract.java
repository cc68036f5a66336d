package dev.jobworker.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.JobPage;
import dev.jobworker.api.JobQuery;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Cause;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobState;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.ResourceLimit;
import dev.jobworker.core.Signal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Jobs from start to delete. */
abstract class LifecycleContract extends WorkerFixture {
    private static final Duration NO_GRACE = Duration.ZERO;

    @Test
    void start_longJob_isRunningWithItsFacts() {
        Job job = start(alice(), "sleep", "300");

        assertEquals(JobState.RUNNING, job.state());
        assertTrue(assertInstanceOf(JobStatus.Running.class, job.status()).pid() > 0);
        assertEquals(TestPki.spiffeId("alice"), job.owner());
        assertEquals(List.of("sleep", "300"), job.spec().argv());
        assertEquals(job.id(), alice().get(job.id()).id());
        alice().stop(job.id(), NO_GRACE);
    }

    @Test
    void start_everyOption_isListedBackWithoutValuesAndInput() throws Exception {
        JobSpec spec = JobSpec.builder("/bin/sh", "-c", "exit 0", "", "ünïcode", "a b")
                .environment("SECRET", "hunter2")
                .environment("EMPTY", "")
                .workingDirectory("/tmp")
                .limit(ResourceLimit.NOFILE, 64)
                .limit(ResourceLimit.CORE, 0)
                .umask(0077)
                .nice(5)
                .noNewPrivileges(true)
                .timeout(Duration.ofSeconds(50, 1))
                .gracePeriod(Duration.ofMillis(1500))
                .label("team/name", "ü & x")
                .output(new OutputPolicy(1_000_000L, OutputPolicy.AtLimit.KILL, true))
                .input(JobInput.of("sesame".getBytes(UTF_8)))
                .build();

        Job job = alice().start(UUID.randomUUID(), spec);

        Job listed = alice().list(new JobQuery(new JobFilter(Set.of(), null, Map.of("team/name", "ü & x")), 0, ""))
                .jobs()
                .getFirst();
        for (Job shown : List.of(job, alice().get(job.id()), listed, finish(alice(), job.id()))) {
            assertEquals(spec.withoutSecrets(), shown.spec());
            assertFalse(shown.spec().environment().containsValue("hunter2"));
        }
    }

    @Test
    void start_environmentAndInput_reachTheJob() throws Exception {
        JobSpec spec = JobSpec.builder("/bin/sh", "-c", "echo \"$GREETING\"; cat")
                .environment("GREETING", "hällo")
                .input(JobInput.of("from stdin".getBytes(UTF_8)))
                .build();

        Job job = alice().start(UUID.randomUUID(), spec);

        assertEquals(
                "hällo\nfrom stdin",
                read(alice(), job.id(), OutputQuery.FOLLOW_ALL).text());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 126, 127, 128, 137, 255})
    void job_exitsWithCode_hasThatCode(int code) throws Exception {
        JobStatus.Ended ended = ended(run(alice(), "exit " + code));

        assertEquals(new ExitStatus.Code(code), ended.exit());
        assertEquals(new Cause(Cause.Kind.OWN_ACCORD, null, false), ended.cause());
        assertEquals(code == 0 ? JobState.SUCCEEDED : JobState.FAILED, ended.state());
    }

    @ParameterizedTest
    @ValueSource(strings = {"KILL", "TERM", "USR1"})
    void job_killedBySignal_hasThatSignalAndNoCode(String name) throws Exception {
        JobStatus.Ended ended = ended(run(alice(), "kill -" + name + " $$"));

        assertEquals(new ExitStatus.Signaled(Signal.parse(name).orElseThrow(), false), ended.exit());
        assertEquals(JobState.FAILED, ended.state());
    }

    @Test
    void job_pastItsTimeout_failsWithThatCause() throws Exception {
        JobSpec spec = JobSpec.builder("sleep", "300")
                .timeout(Duration.ofMillis(50))
                .gracePeriod(NO_GRACE)
                .build();

        Job job = finish(alice(), alice().start(UUID.randomUUID(), spec).id());

        assertEquals(JobState.FAILED, job.state());
        assertEquals(Cause.Kind.TIMEOUT, ended(job).cause().kind());
    }

    @Test
    void job_pastItsOutputLimit_isTruncatedAndSaysSo() throws Exception {
        JobSpec spec = JobSpec.builder("/bin/sh", "-c", "printf 0123456789")
                .output(new OutputPolicy(4L, OutputPolicy.AtLimit.TRUNCATE, false))
                .build();

        Job job = finish(alice(), alice().start(UUID.randomUUID(), spec).id());

        assertEquals(JobState.SUCCEEDED, job.state());
        assertEquals(4, job.output().combinedBytes());
        assertEquals(6, job.output().truncatedBytes());
        assertEquals("0123", read(alice(), job.id(), OutputQuery.FOLLOW_ALL).text());
    }

    @Test
    void stop_runningJob_isStoppedByTermAndNamesWhoAsked() throws Exception {
        JobId id = start(alice(), "sleep", "300").id();

        Job stopping = alice().stop(id, Duration.ofSeconds(30));
        JobStatus.Ended ended = ended(finish(alice(), id));

        assertNotEquals(JobState.RUNNING, stopping.state());
        assertEquals(new ExitStatus.Signaled(Signal.TERM, false), ended.exit());
        assertEquals(new Cause(Cause.Kind.STOP_REQUEST, TestPki.spiffeId("alice"), false), ended.cause());
        assertEquals(JobState.STOPPED, ended.state());
    }

    @Test
    void stop_jobThatIgnoresTerm_isKilledAfterTheGracePeriod() throws Exception {
        JobId id = shell(alice(), "trap '' TERM; echo ready; while :; do sleep 300; done")
                .id();
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            readUntil(reader, "ready");
        }

        alice().stop(id, Duration.ofMillis(100));
        JobStatus.Ended ended = ended(finish(alice(), id));

        assertEquals(new ExitStatus.Signaled(Signal.KILL, false), ended.exit());
        assertTrue(ended.cause().graceExceeded());
    }

    @Test
    void stop_withoutAGracePeriod_isByTheSignalAndWithinTheGracePeriodOfTheJob() throws Exception {
        JobSpec spec = JobSpec.builder(
                        "/bin/sh",
                        "-c",
                        "trap 'exit 7' USR1; trap '' TERM; echo ready; while :; do read x <&3; done 3<>" + fifo("own"))
                .stopSignal(Signal.parse("USR1").orElseThrow())
                .gracePeriod(Duration.ofDays(1))
                .build();
        JobId id = alice().start(UUID.randomUUID(), spec).id();
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            readUntil(reader, "ready");
        }

        alice().stop(id, null);
        JobStatus.Ended ended = ended(finish(alice(), id));

        assertEquals(new ExitStatus.Code(7), ended.exit());
        assertFalse(ended.cause().graceExceeded());
    }

    @Test
    void stop_withoutAGracePeriod_killsAtTheEndOfTheJobsOwn() throws Exception {
        JobSpec spec = JobSpec.builder("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 300; done")
                .gracePeriod(Duration.ofMillis(100))
                .build();
        JobId id = alice().start(UUID.randomUUID(), spec).id();
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            readUntil(reader, "ready");
        }

        alice().stop(id, null);

        assertTrue(ended(finish(alice(), id)).cause().graceExceeded());
    }

    @Test
    void stop_again_changesNothing() throws Exception {
        JobId id = start(alice(), "sleep", "300").id();
        alice().stop(id, NO_GRACE);
        alice().stop(id, NO_GRACE);
        Job ended = finish(alice(), id);

        assertEquals(ended, alice().stop(id, NO_GRACE));
        assertEquals(ended, alice().get(id));
    }

    @Test
    void signal_runningJob_reachesIt() throws Exception {
        JobId id = shell(alice(), "trap 'exit 42' USR1; echo ready; while :; do sleep 1; done")
                .id();
        try (OutputReader reader = alice().output(id, OutputQuery.FOLLOW_ALL)) {
            readUntil(reader, "ready");
        }

        alice().signal(id, Signal.parse("USR1").orElseThrow());

        assertEquals(new ExitStatus.Code(42), ended(finish(alice(), id)).exit());
    }

    @Test
    void signal_finalJob_changesNothing() throws Exception {
        Job ended = run(alice(), "exit 3");

        assertEquals(ended, alice().signal(ended.id(), Signal.KILL));
    }

    @Test
    void delete_finalJob_removesIt() throws Exception {
        JobId id = run(alice(), "echo gone").id();

        alice().delete(id);

        fails(Reason.JOB_NOT_FOUND, () -> alice().get(id));
        fails(Reason.JOB_NOT_FOUND, () -> alice().delete(id));
        fails(Reason.JOB_NOT_FOUND, () -> first(alice(), id, OutputQuery.FOLLOW_ALL));
    }

    @Test
    void delete_runningJob_isRefused() {
        JobId id = start(alice(), "sleep", "300").id();

        fails(Reason.JOB_NOT_FINAL, () -> alice().delete(id));

        assertEquals(JobState.RUNNING, alice().get(id).state());
        alice().stop(id, NO_GRACE);
    }

    @Test
    void await_runningJob_returnsItRunningInTime() throws Exception {
        JobId id = start(alice(), "sleep", "300").id();

        assertEquals(JobState.RUNNING, alice().await(id, Duration.ZERO).state());
        assertEquals(JobState.RUNNING, alice().await(id, Duration.ofMillis(20)).state());
        alice().stop(id, NO_GRACE);
        assertTrue(alice().await(id, Duration.ofDays(1)).state().isFinal());
    }

    @Test
    void start_sameRequestAgain_isTheSameJob() throws Exception {
        UUID request = UUID.randomUUID();
        JobSpec spec = JobSpec.builder("true").environment("A", "1").build();

        JobId id = alice().start(request, spec).id();

        assertEquals(id, alice().start(request, spec).id());
        finish(alice(), id);
        assertEquals(id, alice().start(request, spec).id());
        assertNotEquals(id, worker("bob").start(request, spec).id());
    }

    @Test
    void start_otherRequestWithTheSameId_isRefused() {
        UUID request = UUID.randomUUID();
        alice().start(request, JobSpec.builder("true").environment("A", "1").build());
        JobSpec other = JobSpec.builder("true").environment("A", "2").build();

        WorkerException refused = fails(Reason.REQUEST_ID_REUSED, () -> alice().start(request, other));

        assertEquals(request.toString(), refused.details().get("request_id"));
    }

    @ParameterizedTest
    @CsvSource({
        "/no/such/program, /,       EXEC,      2",
        "no-such-program,  /,       EXEC,      2",
        "/etc/passwd,      /,       EXEC,      13",
        "/tmp,             /,       EXEC,      13",
        "true,             /no/dir, DIRECTORY, 2"
    })
    void start_whatCannotBeExecuted_failsWithStageAndErrnoAndLeavesNoJob(
            String program, String workingDirectory, String stage, String errno) {
        String label = UUID.randomUUID().toString();
        JobSpec spec = JobSpec.builder(program)
                .workingDirectory(workingDirectory)
                .label("test", label)
                .build();

        WorkerException failure = fails(Reason.EXEC_FAILED, () -> alice().start(UUID.randomUUID(), spec));

        assertEquals(stage, failure.details().get("stage"));
        assertEquals(errno, failure.details().get("errno"));
        assertEquals(List.of(), alice().list(labelled(label, 0, "")).jobs());
    }

    @Test
    void durations_outOfRange_areRefused() {
        JobId id = start(alice(), "sleep", "300").id();

        for (Duration bad : List.of(
                Duration.ofNanos(-1),
                Duration.ofSeconds(-5, 1),
                Duration.ofDays(4000),
                Duration.ofSeconds(Long.MAX_VALUE))) {
            WorkerException refused = fails(Reason.INVALID_FIELD, () -> alice().stop(id, bad));
            assertEquals("grace_period", refused.details().get("field"), bad::toString);
        }
        WorkerException refused = fails(Reason.INVALID_FIELD, () -> alice().await(id, Duration.ofNanos(-1)));
        assertEquals("wait_terminal", refused.details().get("field"));
        assertEquals(JobState.RUNNING, alice().get(id).state());
        alice().stop(id, NO_GRACE);
    }

    @Test
    void list_pages_areNewestFirstAndStableUnderInserts() {
        String label = UUID.randomUUID().toString();
        List<JobId> ids =
                IntStream.range(0, 5).mapToObj(_ -> startLabelled(label)).toList();

        JobPage first = alice().list(labelled(label, 2, ""));
        startLabelled(label);
        JobPage second = alice().list(labelled(label, 2, first.nextPageToken()));
        JobPage third = alice().list(labelled(label, 2, second.nextPageToken()));

        assertEquals("", third.nextPageToken());
        assertEquals(
                ids.reversed(),
                Stream.of(first, second, third)
                        .flatMap(page -> page.jobs().stream())
                        .map(Job::id)
                        .toList());
    }

    @Test
    void list_fullLastPage_hasNoNextPage() {
        String label = UUID.randomUUID().toString();
        startLabelled(label);
        startLabelled(label);

        assertEquals("", alice().list(labelled(label, 2, "")).nextPageToken());
    }

    @Test
    void list_longCommandLines_comeInSmallPages() {
        String label = UUID.randomUUID().toString();
        String argument = "x".repeat(100_000);
        List<JobId> ids = IntStream.range(0, 12)
                .mapToObj(_ -> alice().start(
                                UUID.randomUUID(),
                                JobSpec.builder("true", argument)
                                        .label("test", label)
                                        .build())
                        .id())
                .toList();

        JobPage first = alice().list(labelled(label, JobQuery.MAX_PAGE_SIZE, ""));
        JobPage second = alice().list(labelled(label, JobQuery.MAX_PAGE_SIZE, first.nextPageToken()));

        assertEquals(10, first.jobs().size());
        assertEquals("", second.nextPageToken());
        assertEquals(
                ids.reversed(),
                Stream.of(first, second)
                        .flatMap(page -> page.jobs().stream())
                        .map(Job::id)
                        .toList());
    }

    @Test
    void start_ofAProgramWithAVeryLongName_failsAsOtherNamesDo() {
        for (String letter : List.of("x", "ä", "\ud834\udd1e")) {
            WorkerException failed = fails(
                    Reason.EXEC_FAILED, () -> alice().start(UUID.randomUUID(), JobSpec.of(letter.repeat(30_000))));
            assertEquals("EXEC", failed.details().get("stage"));
        }
    }

    @Test
    void list_filters_applyTogether() throws Exception {
        String label = UUID.randomUUID().toString();
        JobId ended = startLabelled(label);
        finish(alice(), ended);
        JobId running = alice().start(
                        UUID.randomUUID(),
                        JobSpec.builder("sleep", "300")
                                .label("test", label)
                                .label("more", "x")
                                .build())
                .id();

        assertEquals(List.of(running, ended), ids(Set.of(), Map.of("test", label)));
        assertEquals(List.of(running), ids(Set.of(JobState.RUNNING, JobState.LOST), Map.of("test", label)));
        assertEquals(List.of(ended), ids(Set.of(JobState.SUCCEEDED), Map.of("test", label)));
        assertEquals(List.of(running), ids(Set.of(), Map.of("test", label, "more", "x")));
        assertEquals(List.of(), ids(Set.of(), Map.of("test", label, "more", "y")));
        alice().stop(running, NO_GRACE);
    }

    @Test
    void list_badPage_isRefused() {
        String label = UUID.randomUUID().toString();
        startLabelled(label);
        startLabelled(label);
        String token = alice().list(labelled(label, 1, "")).nextPageToken();

        for (int size : new int[] {-1, Integer.MIN_VALUE, JobQuery.MAX_PAGE_SIZE + 1}) {
            WorkerException refused = fails(Reason.INVALID_FIELD, () -> alice().list(labelled(label, size, "")));
            assertEquals("page_size", refused.details().get("field"));
        }
        for (String bad : List.of("x", "garbage!", token + "A", token.substring(1), "A".repeat(token.length()))) {
            fails(Reason.PAGE_TOKEN_INVALID, () -> alice().list(labelled(label, 1, bad)));
        }
        fails(Reason.PAGE_TOKEN_INVALID, () -> alice().list(labelled("another", 1, token)));
        fails(Reason.PAGE_TOKEN_INVALID, () -> worker("bob").list(labelled(label, 1, token)));
    }

    private List<JobId> ids(Set<JobState> states, Map<String, String> labels) {
        return alice().list(new JobQuery(new JobFilter(states, null, labels), 0, "")).jobs().stream()
                .map(Job::id)
                .toList();
    }

    private JobId startLabelled(String label) {
        return alice().start(
                        UUID.randomUUID(),
                        JobSpec.builder("true").label("test", label).build())
                .id();
    }

    private static JobQuery labelled(String label, int pageSize, String token) {
        return new JobQuery(new JobFilter(Set.of(), null, Map.of("test", label)), pageSize, token);
    }

    private static JobStatus.Ended ended(Job job) {
        return assertInstanceOf(JobStatus.Ended.class, job.status());
    }
}

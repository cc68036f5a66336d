package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** G11: how many final jobs are kept, how large, and how long. */
final class RetentionTest extends EngineFixture {
    private static final Retention ALL = Retention.DEFAULT;

    private void reopen(Retention retention, Hooks hooks) throws IOException {
        engine.close();
        engine = JobEngine.open(
                directory.resolve("state"),
                EngineOptions.DEFAULTS
                        .withSurvivePowerLoss(false)
                        .withRetention(retention)
                        .withOnClose(EngineOptions.OnClose.STOP_JOBS, Duration.ZERO),
                hooks);
    }

    private List<JobId> ids() {
        return engine.list(JobFilter.ALL, null, 100).stream().map(Job::id).toList();
    }

    private void awaitJobs(List<JobId> expected) throws IOException {
        Awaitility.await().until(() -> ids().equals(expected));
        Awaitility.await().until(() -> files(directory.resolve("state/jobs")).size() == expected.size());
    }

    @Test
    void g11_moreJobsThanAreKept_theFirstToEndGo() throws Exception {
        reopen(new Retention(2, ALL.maxBytes(), ALL.maxAge()), Hooks.NONE);
        Job running = startShell("exec sleep 300");
        UUID requestId = UUID.randomUUID();
        StartRequest request = new StartRequest("tester", requestId, JobSpec.of("true"), Integer.MAX_VALUE);
        Job first = awaitFinal(engine.start(request));
        Job second = runShell("exit 2");
        awaitJobs(List.of(second.id(), first.id(), running.id()));
        Job third = runShell("exit 3");
        awaitJobs(List.of(third.id(), second.id(), running.id()));
        assertFails(Failure.NoSuchJob.class, () -> engine.get(first.id()));
        Job again = awaitFinal(engine.start(request));
        awaitJobs(List.of(again.id(), third.id(), running.id()));
    }

    @Test
    void g11_moreBytesThanAreKept_theFirstToEndGoButNeverTheLast() throws Exception {
        reopen(new Retention(100, 1000, ALL.maxAge()), Hooks.NONE);
        Job first = runShell("printf %400s");
        Job second = runShell("printf %500s");
        awaitJobs(List.of(second.id(), first.id()));
        Job third = runShell("printf %300s");
        awaitJobs(List.of(third.id(), second.id()));
        Job large = runShell("printf %2000s");
        awaitJobs(List.of(large.id()));
        assertEquals(2000, read(large, OutputQuery.FOLLOW_ALL).length);
    }

    @Test
    void g11_olderThanIsKept_goAtTheirTime() throws Exception {
        reopen(new Retention(100, ALL.maxBytes(), Duration.ofMillis(300)), Hooks.NONE);
        Job job = runShell("exit 0");
        Instant end = ended(job).endTime();
        awaitJobs(List.of());
        assertEquals(true, !Instant.now().isBefore(end.plusMillis(300)));
    }

    @Test
    void g11_surplusOfAnEarlierEngine_goesAtTheOpening() throws Exception {
        Job old = runShell("exit 0");
        Job young = runShell("exit 0");
        reopen(new Retention(1, ALL.maxBytes(), ALL.maxAge()), Hooks.NONE);
        awaitJobs(List.of(young.id()));
        assertFails(Failure.NoSuchJob.class, () -> engine.get(old.id()));
    }

    @Test
    void deletedByHand_countsNoMore() throws Exception {
        reopen(new Retention(2, ALL.maxBytes(), ALL.maxAge()), Hooks.NONE);
        Job first = runShell("exit 0");
        Job second = runShell("exit 0");
        engine.delete(second.id());
        Job third = runShell("exit 0");
        awaitJobs(List.of(third.id(), first.id()));
    }

    @Test
    void deletionThatFails_isLoggedAndTheOthersGoOn() throws Exception {
        reopen(new Retention(1, ALL.maxBytes(), ALL.maxAge()), Hooks.NONE);
        Job stuck = runShell("exit 0");
        Path inside = folder(stuck).resolve("not-ours");
        Files.createDirectories(inside.resolve("full"));
        Job second = runShell("exit 0");
        Job third = runShell("exit 0");
        Awaitility.await().until(() -> ids().equals(List.of(third.id())));
        assertFails(Failure.NoSuchJob.class, () -> engine.get(second.id()));
    }

    @Test
    void bounds_thatKeepNothing_areRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Retention(0, 1, Duration.ofDays(1)));
        assertThrows(IllegalArgumentException.class, () -> new Retention(1, -1, Duration.ofDays(1)));
        assertThrows(IllegalArgumentException.class, () -> new Retention(1, 1, Duration.ZERO));
        assertEquals(new Retention(10_000, 32L << 30, Duration.ofDays(7)), EngineOptions.DEFAULTS.retention());
    }

    static List<Boolean> rootOnly() {
        return TestJvm.ownUser() == 0 ? List.of(true) : List.of();
    }

    /** A mount point cannot be renamed. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("rootOnly")
    void g11_deletionThatFails_leavesTheJobAndIsTriedAgain(boolean ignored) throws Exception {
        reopen(new Retention(1, ALL.maxBytes(), ALL.maxAge()), Hooks.NONE);
        UUID requestId = UUID.randomUUID();
        StartRequest request = new StartRequest("tester", requestId, JobSpec.of("true"), Integer.MAX_VALUE);
        Job first = awaitFinal(engine.start(request));
        Job second;
        try (Tmpfs _ = Tmpfs.bind(folder(first))) {
            assertFails(Failure.Internal.class, () -> engine.delete(first.id()));
            assertFails(Failure.Internal.class, () -> engine.delete(first.id()));
            assertEquals(first.id(), engine.start(request).id());
            assertEquals(0, read(first, OutputQuery.FOLLOW_ALL).length);
            // From here on retention tries, too: while it does, the job is as good as gone for others.
            second = runShell("exit 2");
            assertEquals(List.of(second.id(), first.id()), ids());
        }
        Job third = runShell("exit 3");
        awaitJobs(List.of(third.id()));
    }
}

package dev.jobworker.cli;

import dev.jobworker.core.Cause;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.InputInfo;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputInfo;
import dev.jobworker.core.Usage;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

/** Jobs for tests of what is shown. */
final class Jobs {
    static final JobId ID = new JobId(UUID.fromString("01a20adb-51bd-7d90-b926-7f631ce86934"));
    static final Instant CREATED = Instant.parse("2026-01-02T03:04:05.5Z");

    private Jobs() {}

    static Job of(JobSpec spec, JobStatus status) {
        return new Job(
                ID,
                "spiffe://example.test/user/alice",
                spec,
                CREATED,
                status,
                new OutputInfo(3, 4, 0, 0, true),
                InputInfo.NONE);
    }

    static Job ended(ExitStatus exit, Cause.Kind cause) {
        return of(JobSpec.of("true"), endedStatus(exit, new Cause(cause, null, false)));
    }

    static JobStatus.Ended endedStatus(ExitStatus exit, Cause cause) {
        return new JobStatus.Ended(
                exit,
                cause,
                CREATED.plusMillis(100),
                CREATED.plusMillis(1500),
                new Usage(Duration.ofMillis(1500), Duration.ofNanos(1000), 1 << 20),
                List.of());
    }
}

package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G7: what the deaths of helpers, and of a worker that installs one, leave. A shim that is killed before it could reply is played by a script. */
@Timeout(60)
final class HelperDeathTest {
    private static final String REPLY_SHIM_KILLED = "printf '\\1\\0\\0\\0\\0\\0\\0\\0" // start id 1
            + "\\0\\0\\0\\0\\3\\0\\0\\0\\12\\0\\0\\0\\0\\0\\0\\0" // no pid, stage FORK, ECHILD
            + "\\0\\0\\0\\0\\0\\0\\0\\0'\n";

    @TempDir
    Path directory;

    private JobEngine open(String launcher) throws Exception {
        Path helper = directory.resolve("helper");
        Files.writeString(helper, "#!/bin/sh\nhead -c 1 > /dev/null\n" + launcher + "cat > /dev/null\n");
        Files.setPosixFilePermissions(helper, PosixFilePermissions.fromString("rwx------"));
        return JobEngine.open(
                directory.resolve("state"), EngineOptions.DEFAULTS, new Hooks(InstantSource.system(), _ -> {}, helper));
    }

    private static StartRequest request(UUID id) {
        return new StartRequest("tester", id, JobSpec.of("true"), Integer.MAX_VALUE);
    }

    @Test
    void g7_s18_shimKilledAfterItsStartMark_jobIsLostAndItsRequestNotStartedAgain() throws Exception {
        UUID requestId = UUID.randomUUID();
        String mark = "for job in " + directory.resolve("state/jobs") + "/*; do printf S > $job/shim.lock; done\n";
        try (JobEngine engine = open(mark + REPLY_SHIM_KILLED)) {
            Job job = engine.start(request(requestId));
            assertTrue(assertInstanceOf(JobStatus.Lost.class, job.status())
                    .evidence()
                    .contains("killed"));
            assertEquals(job, engine.start(request(requestId)));
            assertEquals(0, engine.runningJobs());
        }
    }

    @Test
    void g8_s18_shimKilledBeforeItsStartMark_startFailsAndLeavesNothing() throws Exception {
        try (JobEngine engine = open(REPLY_SHIM_KILLED)) {
            EngineFixture.assertFails(Failure.ExecFailed.class, () -> engine.start(request(UUID.randomUUID())));
            assertEquals(0, engine.runningJobs());
            assertEquals(0, EngineFixture.files(directory.resolve("state/jobs")).size());
        }
    }

    @Test
    void g7_s15_workerKilledWhileItInstalledTheHelper_nothingIsLeftAfterTheNext() throws Exception {
        Path helper = HelperProgram.install(directory);
        Files.move(helper, helper.resolveSibling(helper.getFileName() + ".tmp"));
        assertEquals(helper, HelperProgram.install(directory));
        assertEquals(List.of(helper.getFileName().toString()), EngineFixture.files(directory));
    }
}

package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Cause;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.Signal;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ExitCodesTest {

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 125, 126, 127, 128, 255})
    void job_withExitCode_givesIt(int code) {
        assertEquals(code, ExitCodes.of(Jobs.ended(new ExitStatus.Code(code), Cause.Kind.OWN_ACCORD)));
    }

    @Test
    void job_killedBySignal_gives128AndTheSignal() {
        assertEquals(
                137, ExitCodes.of(Jobs.ended(new ExitStatus.Signaled(Signal.KILL, false), Cause.Kind.STOP_REQUEST)));
    }

    @Test
    void job_thatDidNotSucceedButExited0_isNotReportedAsSuccess() {
        assertEquals(124, ExitCodes.of(Jobs.ended(new ExitStatus.Code(0), Cause.Kind.TIMEOUT)));
        assertEquals(1, ExitCodes.of(Jobs.ended(new ExitStatus.Code(0), Cause.Kind.STOP_REQUEST)));
        assertEquals(1, ExitCodes.of(Jobs.ended(new ExitStatus.Code(0), Cause.Kind.OUTPUT_LIMIT)));
    }

    @Test
    void job_lost_gives125() {
        assertEquals(
                125, ExitCodes.of(Jobs.of(JobSpec.of("true"), new JobStatus.Lost("no exit record", Jobs.CREATED))));
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void workerException_withoutDetails_givesTheCodeOfItsReason(Reason reason) {
        assertEquals(reason.exitCode(), ErrorReport.code(new WorkerException(reason, "")));
    }

    @Test
    void execFailed_byMissingProgram_gives127AndByAnythingElse126() {
        assertEquals(127, ErrorReport.code(execFailed("EXEC", "2")));
        assertEquals(126, ErrorReport.code(execFailed("EXEC", "13")));
        assertEquals(126, ErrorReport.code(execFailed("DIRECTORY", "2")));
    }

    @Test
    void brokenPipe_isWhatAShellReports() {
        assertEquals(141, ErrorReport.code(new IOException("Broken pipe")));
        assertEquals(125, ErrorReport.code(new IOException("No space left on device")));
    }

    private static WorkerException execFailed(String stage, String errno) {
        return new WorkerException(Reason.EXEC_FAILED, "", Map.of("stage", stage, "errno", errno), null);
    }
}

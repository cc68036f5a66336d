package dev.jobworker.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.jobworker.core.ExecStage;
import dev.jobworker.core.Failure;
import dev.jobworker.core.JobException;
import dev.jobworker.core.JobId;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Every failure of the engine as the contract tells it. */
class CoreFailuresTest {
    private static final JobId ID = new JobId(UUID.fromString("01890a5d-ac96-774b-bcce-b302099a8057"));

    @Test
    void translate_everyFailure_hasItsReasonAndDetails() {
        UUID request = UUID.randomUUID();
        assertTranslated(Reason.INVALID_FIELD, Map.of("field", "argv"), new Failure.Invalid("argv", "is bad"));
        assertTranslated(Reason.JOB_NOT_FOUND, Map.of(), new Failure.NoSuchJob(ID));
        assertTranslated(Reason.JOB_NOT_FINAL, Map.of(), new Failure.NotFinal(ID));
        assertTranslated(
                Reason.REQUEST_ID_REUSED,
                Map.of("request_id", request.toString()),
                new Failure.RequestIdReused(request));
        assertTranslated(
                Reason.EXEC_FAILED,
                Map.of("stage", "EXEC", "errno", "2"),
                new Failure.ExecFailed(ExecStage.EXEC, 2, "No such file or directory", "/x"));
        assertTranslated(
                Reason.OFFSET_OUT_OF_RANGE, Map.of("offset", "9", "size", "5"), new Failure.OffsetOutOfRange(9, 5));
        assertTranslated(
                Reason.OUTPUT_TRUNCATED,
                Map.of("offset", "1", "earliest_offset", "4"),
                new Failure.OutputTruncated(1, 4));
        assertTranslated(
                Reason.QUOTA_EXCEEDED, Map.of("limit", "jobs", "value", "7"), new Failure.QuotaExceeded("jobs", 7));
        assertTranslated(Reason.STORAGE_FULL, Map.of(), new Failure.StorageFull("writing", "no space"));
        assertTranslated(Reason.SERVER_SHUTTING_DOWN, Map.of(), new Failure.Closed());
    }

    @Test
    void translate_internal_tellsNothingButAnId() {
        JobException defect = new JobException(new Failure.Internal("the secret cause"));

        WorkerException first = CoreFailures.translate(defect);
        WorkerException second = CoreFailures.translate(defect);

        assertEquals(Reason.INTERNAL, first.reason());
        assertFalse(first.getMessage().contains("secret"));
        assertNull(first.getCause());
        assertNotEquals(first.details().get("error_id"), second.details().get("error_id"));
    }

    private static void assertTranslated(Reason reason, Map<String, String> details, Failure failure) {
        WorkerException translated = CoreFailures.translate(new JobException(failure));
        assertEquals(reason, translated.reason());
        assertEquals(details, translated.details());
        assertEquals(failure.message(), translated.getMessage());
    }
}

package dev.jobworker.api;

import dev.jobworker.core.Failure;
import dev.jobworker.core.JobException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Map;
import java.util.UUID;

/** The one translation of the engine's failures into the contract's. */
public final class CoreFailures {
    private static final Logger LOG = System.getLogger(CoreFailures.class.getName());

    private CoreFailures() {}

    public static WorkerException translate(JobException exception) {
        Failure failure = exception.failure();
        return switch (failure) {
            case Failure.Invalid(String field, String _) -> of(Reason.INVALID_FIELD, exception, Map.of("field", field));
            case Failure.NoSuchJob _ -> of(Reason.JOB_NOT_FOUND, exception, Map.of());
            case Failure.NotFinal _ -> of(Reason.JOB_NOT_FINAL, exception, Map.of());
            case Failure.RequestIdReused(UUID requestId) ->
                of(Reason.REQUEST_ID_REUSED, exception, Map.of("request_id", requestId.toString()));
            case Failure.ExecFailed exec ->
                of(
                        Reason.EXEC_FAILED,
                        exception,
                        Map.of("stage", exec.stage().name(), "errno", Integer.toString(exec.errno())));
            case Failure.OffsetOutOfRange(long offset, long size) ->
                of(
                        Reason.OFFSET_OUT_OF_RANGE,
                        exception,
                        Map.of("offset", Long.toString(offset), "size", Long.toString(size)));
            case Failure.OutputTruncated(long offset, long earliest) ->
                of(
                        Reason.OUTPUT_TRUNCATED,
                        exception,
                        Map.of("offset", Long.toString(offset), "earliest_offset", Long.toString(earliest)));
            case Failure.InputClosed _ -> of(Reason.INPUT_CLOSED, exception, Map.of());
            case Failure.QuotaExceeded(String limit, long value) ->
                of(Reason.QUOTA_EXCEEDED, exception, Map.of("limit", limit, "value", Long.toString(value)));
            case Failure.StorageFull _ -> of(Reason.STORAGE_FULL, exception, Map.of());
            case Failure.Closed _ -> of(Reason.SERVER_SHUTTING_DOWN, exception, Map.of());
            case Failure.Internal _ -> internal(exception);
        };
    }

    /** Returns an INTERNAL that tells the caller no more than where to look; what happened goes to the log under the same id. */
    public static WorkerException internal(Throwable defect) {
        String errorId = UUID.randomUUID().toString();
        LOG.log(Level.ERROR, "internal error " + errorId, defect);
        return new WorkerException(
                Reason.INTERNAL,
                "internal error " + errorId + "; see the log of the server",
                Map.of("error_id", errorId),
                null);
    }

    private static WorkerException of(Reason reason, JobException exception, Map<String, String> details) {
        return new WorkerException(reason, exception.failure().message(), details, exception);
    }
}

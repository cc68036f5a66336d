package dev.jobworker.core;

import java.util.UUID;

/** Why the engine refused or failed. */
public sealed interface Failure {

    /** A value of the request that cannot be accepted; {@code field} is its name on the wire. */
    record Invalid(String field, String problem) implements Failure {}

    /** No job has this id. */
    record NoSuchJob(JobId id) implements Failure {}

    /** The operation needs a final job. */
    record NotFinal(JobId id) implements Failure {}

    /** The owner used this request id for another request. */
    record RequestIdReused(UUID requestId) implements Failure {}

    /** The process could not be started. {@code errno} is Linux's number, {@code error} its text. */
    record ExecFailed(ExecStage stage, int errno, String error, String subject) implements Failure {}

    /** The offset lies after the end of the view, or of the input, which has {@code size} bytes now. */
    record OffsetOutOfRange(long offset, long size) implements Failure {}

    /** The offset lies before {@code earliest}, the first one that is kept. */
    record OutputTruncated(long offset, long earliest) implements Failure {}

    /** The job takes no input: it was not started with a streamed one, or that has ended, or the job no longer reads it. */
    record InputClosed(JobId id) implements Failure {}

    /** A limit on the number of jobs is reached. */
    record QuotaExceeded(String limit, long value) implements Failure {}

    /** The state directory has no room, or refuses to be written. */
    record StorageFull(String doing, String error) implements Failure {}

    /** The engine or this reader was closed. */
    record Closed() implements Failure {}

    /** Something that should not happen: a defect, or damage from outside. */
    record Internal(String detail) implements Failure {}

    /** Returns one sentence: what was being done, to what, and why it failed. */
    default String message() {
        return switch (this) {
            case Invalid(String field, String problem) -> field + " " + problem;
            case NoSuchJob(JobId id) -> "no job " + id;
            case NotFinal(JobId id) -> "job " + id + " has not ended";
            case RequestIdReused(UUID id) -> "request id " + id + " was used for another request";
            case ExecFailed(ExecStage stage, int errno, String error, String subject) ->
                "cannot start " + subject + ": " + stage.doing() + ": " + error + " (errno " + errno + ")";
            case OffsetOutOfRange(long offset, long size) ->
                "offset " + offset + " is after the end, which is at " + size;
            case OutputTruncated(long offset, long earliest) ->
                "offset " + offset + " is no longer kept, the earliest is " + earliest;
            case InputClosed(JobId id) -> "job " + id + " takes no input";
            case QuotaExceeded(String limit, long value) -> "limit reached: " + limit + " (" + value + ")";
            case StorageFull(String doing, String error) -> doing + ": " + error;
            case Closed() -> "the worker is shutting down";
            case Internal(String detail) -> detail;
        };
    }
}

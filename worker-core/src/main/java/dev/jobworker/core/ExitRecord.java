package dev.jobworker.core;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The file {@code exit.json}: how a job ended. Written by its shim; by the worker, with {@code lost} set, if the shim could not. */
@JsonInclude(JsonInclude.Include.NON_NULL)
record ExitRecord(
        int version,
        @Nullable String lost,
        @Nullable Exit exit,
        Cause.@Nullable Kind cause,
        @Nullable String requestedBy,
        boolean graceExceeded,
        long startTimeMicros,
        long endTimeMicros,
        long userCpuMicros,
        long systemCpuMicros,
        long peakMemoryBytes,
        long stdoutBytes,
        long stderrBytes,
        long truncatedBytes,
        long earliestOffset,
        long inputBytes,
        @Nullable List<Survivor> survivors) {

    static final int VERSION = 1;

    /** Either a code or a signal. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Exit(@Nullable Integer code, @Nullable Integer signal, boolean coreDumped) {}

    static ExitRecord lost(String evidence, Instant now, OutputInfo output) {
        return new ExitRecord(
                VERSION,
                evidence,
                null,
                null,
                null,
                false,
                0,
                ChronoUnit.MICROS.between(Instant.EPOCH, now),
                0,
                0,
                0,
                output.stdoutBytes(),
                output.stderrBytes(),
                output.truncatedBytes(),
                output.earliestOffset(),
                0,
                null);
    }

    InputInfo input() {
        return new InputInfo(inputBytes, false);
    }

    OutputInfo output() {
        return new OutputInfo(stdoutBytes, stderrBytes, earliestOffset, truncatedBytes, true);
    }

    JobStatus status() {
        Instant end = ShimStatus.time(endTimeMicros);
        if (lost != null) {
            return new JobStatus.Lost(lost, end);
        }
        if (exit == null && survivors != null && !survivors.isEmpty()) {
            return new JobStatus.Lost(
                    "its main process could not be killed; survivors: "
                            + survivors.stream().map(Survivor::text).collect(Collectors.joining(", ")),
                    end);
        }
        if (exit == null || cause == null) {
            return new JobStatus.Lost("the exit record has no exit or no cause", end);
        }
        ExitStatus status;
        if (exit.code != null) {
            status = new ExitStatus.Code(exit.code);
        } else if (exit.signal != null) {
            status = new ExitStatus.Signaled(new Signal(exit.signal), exit.coreDumped);
        } else {
            return new JobStatus.Lost("the exit record has neither a code nor a signal", end);
        }
        return new JobStatus.Ended(
                status,
                new Cause(cause, requestedBy, graceExceeded),
                ShimStatus.time(startTimeMicros),
                end,
                new Usage(micros(userCpuMicros), micros(systemCpuMicros), peakMemoryBytes),
                survivors == null ? List.of() : survivors);
    }

    private static Duration micros(long micros) {
        return Duration.of(micros, ChronoUnit.MICROS);
    }
}

package dev.jobworker.api;

import com.google.protobuf.Timestamp;
import dev.jobworker.core.JobException;
import dev.jobworker.core.Signal;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.function.Supplier;

/** The parts that several messages share. */
final class Fields {
    /** The range of google.protobuf.Duration: ten thousand years. */
    private static final long MAX_SECONDS = 315_576_000_000L;

    private static final int NANOS_PER_SECOND = 1_000_000_000;

    private Fields() {}

    static WorkerException invalid(String field, String problem) {
        return new WorkerException(Reason.INVALID_FIELD, field + " " + problem, Map.of("field", field), null);
    }

    static Signal signal(String field, String text) {
        return Signal.parse(text).orElseThrow(() -> invalid(field, "is not a signal's name or a number from 1 to 64"));
    }

    /** Makes something of a request; what core refuses is an invalid field. */
    static <T> T checked(Supplier<T> request) {
        try {
            return request.get();
        } catch (JobException refused) {
            throw CoreFailures.translate(refused);
        }
    }

    /** Makes something of an answer; what cannot be is an internal error of the server or a newer one than this client knows. */
    static <T> T understood(Supplier<T> answer) {
        try {
            return answer.get();
        } catch (IllegalArgumentException | DateTimeException | ArithmeticException | JobException nonsense) {
            throw new WorkerException(
                    Reason.INTERNAL,
                    "the answer of the server cannot be understood: " + nonsense.getMessage(),
                    Map.of(),
                    nonsense);
        }
    }

    /** Reads a duration of a request: not negative, and well-formed. */
    static Duration duration(String field, com.google.protobuf.Duration duration) {
        long seconds = duration.getSeconds();
        int nanos = duration.getNanos();
        if (seconds < 0 || nanos < 0) {
            throw invalid(field, "is negative");
        }
        if (seconds > MAX_SECONDS || nanos >= NANOS_PER_SECOND) {
            throw invalid(field, "is out of range");
        }
        return Duration.ofSeconds(seconds, nanos);
    }

    /** Writes any duration; in the message both parts have one sign. */
    static com.google.protobuf.Duration duration(Duration duration) {
        long seconds = duration.getSeconds();
        int nanos = duration.getNano();
        if (seconds < 0 && nanos > 0) {
            seconds++;
            nanos -= NANOS_PER_SECOND;
        }
        return com.google.protobuf.Duration.newBuilder()
                .setSeconds(seconds)
                .setNanos(nanos)
                .build();
    }

    static Timestamp timestamp(Instant instant) {
        return Timestamp.newBuilder()
                .setSeconds(instant.getEpochSecond())
                .setNanos(instant.getNano())
                .build();
    }

    static Instant instant(Timestamp timestamp) {
        return Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
    }
}

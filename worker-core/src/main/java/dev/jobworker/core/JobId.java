package dev.jobworker.core;

import java.security.SecureRandom;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/** The name of a job: a UUID of version 7 (RFC 9562), so that ids sort in the order of their creation. */
public record JobId(UUID value) implements Comparable<JobId> {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int TEXT_LENGTH = 36;

    /** A millisecond in the unit of {@link #LAST_TICK}: the 12 bits behind it are its fraction (RFC 9562 section 6.2, method 3). */
    private static final long MILLISECOND = 1 << 12;

    private static final AtomicLong LAST_TICK = new AtomicLong();

    public JobId {
        if (value.version() != 7 || value.variant() != 2) {
            throw new IllegalArgumentException("not a UUID of version 7: " + value);
        }
    }

    /** Returns the id that {@code text} spells in the one canonical form (36 characters, lower case), or empty for anything else. */
    public static Optional<JobId> parse(String text) {
        if (text.length() != TEXT_LENGTH) {
            return Optional.empty();
        }
        try {
            UUID uuid = UUID.fromString(text);
            return uuid.toString().equals(text) && uuid.version() == 7 && uuid.variant() == 2
                    ? Optional.of(new JobId(uuid))
                    : Optional.empty();
        } catch (IllegalArgumentException notAUuid) {
            return Optional.empty();
        }
    }

    /** Returns an id that sorts after all that this JVM made before or {@linkplain #createAfter knows of}, even if the clock was set back. */
    static JobId create(Instant now) {
        long micros = ChronoUnit.MICROS.between(Instant.EPOCH, now);
        long ticks = (micros / 1000) * MILLISECOND + ((micros % 1000) * MILLISECOND) / 1000;
        long tick = LAST_TICK.accumulateAndGet(ticks, (last, wanted) -> Math.max(last + 1, wanted));
        long mostSignificant = ((tick / MILLISECOND) << 16) | 0x7000 | (tick % MILLISECOND);
        long leastSignificant = (RANDOM.nextLong() >>> 2) | 0x8000_0000_0000_0000L;
        return new JobId(new UUID(mostSignificant, leastSignificant));
    }

    /** Lets the next ids sort after this one, which another JVM made. */
    static void createAfter(JobId id) {
        long mostSignificant = id.value.getMostSignificantBits();
        LAST_TICK.accumulateAndGet(
                (mostSignificant >>> 16) * MILLISECOND + (mostSignificant & (MILLISECOND - 1)), Math::max);
    }

    @Override
    public int compareTo(JobId other) {
        int high = Long.compareUnsigned(value.getMostSignificantBits(), other.value.getMostSignificantBits());
        return high != 0
                ? high
                : Long.compareUnsigned(value.getLeastSignificantBits(), other.value.getLeastSignificantBits());
    }

    @Override
    public String toString() {
        return value.toString();
    }
}

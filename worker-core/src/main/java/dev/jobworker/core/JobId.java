package dev.jobworker.core;

import java.security.SecureRandom;
import java.util.Optional;
import java.util.UUID;

/** The name of a job: a UUID of version 7 (RFC 9562), so that ids sort by time of creation. */
public record JobId(UUID value) implements Comparable<JobId> {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int TEXT_LENGTH = 36;

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

    static JobId create(long epochMillis) {
        long random = RANDOM.nextLong();
        long mostSignificant = (epochMillis << 16) | 0x7000 | (random & 0x0fff);
        long leastSignificant = (RANDOM.nextLong() >>> 2) | 0x8000_0000_0000_0000L;
        return new JobId(new UUID(mostSignificant, leastSignificant));
    }

    /** Orders by creation time; equal times by the random part. */
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

package dev.jobworker.api.auth;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** Counts the open streams of each identity, of output and of input. Thread-safe. */
final class StreamQuota {
    private final ConcurrentHashMap<String, Integer> open = new ConcurrentHashMap<>();

    /** Takes one of {@code limit} streams of {@code identity}, or throws QUOTA_EXCEEDED. */
    Permit acquire(String identity, int limit) {
        open.compute(identity, (_, before) -> {
            int count = before == null ? 0 : before;
            if (count >= limit) {
                throw new WorkerException(
                        Reason.QUOTA_EXCEEDED,
                        "limit reached: open streams of this identity (" + limit + ")",
                        Map.of("limit", "streams", "value", Integer.toString(limit)),
                        null);
            }
            return count + 1;
        });
        return new Permit(identity);
    }

    /** One open stream. */
    final class Permit {
        private final String identity;
        private final AtomicBoolean released = new AtomicBoolean();

        private Permit(String identity) {
            this.identity = identity;
        }

        /** Gives the stream back; returns false if that was done before. */
        boolean release() {
            boolean first = released.compareAndSet(false, true);
            if (first) {
                open.computeIfPresent(identity, (_, count) -> count == 1 ? null : count - 1);
            }
            return first;
        }
    }
}

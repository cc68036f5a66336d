package dev.jobworker.core;

import java.util.HashMap;
import java.util.Map;

/** Counts running jobs, in all and by owner, and refuses those over a limit. */
final class Admission {
    private final int maxRunning;

    /** Guarded, like {@code running}, by this object's monitor. */
    private final Map<String, Integer> runningByOwner = new HashMap<>();

    private int running;

    Admission(int maxRunning) {
        this.maxRunning = maxRunning;
    }

    /** Counts one more, or throws {@link Failure.QuotaExceeded}. */
    synchronized void enter(String owner, int ownerLimit) {
        if (running >= maxRunning) {
            throw new JobException(new Failure.QuotaExceeded("running jobs of the worker", maxRunning));
        }
        if (runningByOwner.getOrDefault(owner, 0) >= ownerLimit) {
            throw new JobException(new Failure.QuotaExceeded("running jobs of " + owner, ownerLimit));
        }
        enterAnyway(owner);
    }

    /** Counts one more that runs already. */
    synchronized void enterAnyway(String owner) {
        running++;
        runningByOwner.merge(owner, 1, Integer::sum);
    }

    synchronized void leave(String owner) {
        running--;
        runningByOwner.computeIfPresent(owner, (_, count) -> count == 1 ? null : count - 1);
    }

    synchronized int running() {
        return running;
    }
}

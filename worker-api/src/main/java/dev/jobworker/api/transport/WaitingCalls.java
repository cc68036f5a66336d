package dev.jobworker.api.transport;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The calls of a server that may wait long, so that its shutdown can end them. Thread-safe. */
public final class WaitingCalls {
    private final Set<Runnable> enders = ConcurrentHashMap.newKeySet();
    private volatile boolean shutDown;

    public WaitingCalls() {}

    /** Adds a call that {@code ender} ends, in whatever thread shuts the server down; at once if that has happened. */
    public void add(Runnable ender) {
        enders.add(ender);
        if (shutDown) {
            ender.run();
        }
    }

    public void remove(Runnable ender) {
        enders.remove(ender);
    }

    /** Ends all calls, present and future. */
    public void shutDown() {
        shutDown = true;
        for (Runnable ender : enders) {
            try {
                ender.run();
            } catch (RuntimeException endedMeanwhile) {
                // The others are to be told all the same.
                System.getLogger(WaitingCalls.class.getName())
                        .log(System.Logger.Level.DEBUG, "ending a call at the shutdown", endedMeanwhile);
            }
        }
    }

    public int size() {
        return enders.size();
    }

    /** Returns what an ended call tells its client. */
    public static WorkerException shuttingDown() {
        return new WorkerException(Reason.SERVER_SHUTTING_DOWN, "the server is shutting down");
    }
}

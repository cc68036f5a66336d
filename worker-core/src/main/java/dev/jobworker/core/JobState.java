package dev.jobworker.core;

/** The state of a job in one word. Derived from its {@link JobStatus}, which has the facts. */
public enum JobState {
    /** The main process runs. */
    RUNNING,
    /** The end of the job was ordered (stop, time limit, output limit) and is under way. */
    STOPPING,
    /** Exit code 0, of its own accord. */
    SUCCEEDED,
    /** Another exit code, a signal, the time limit or the output limit. */
    FAILED,
    /** Ended by a stop request or by the shutdown of the worker. */
    STOPPED,
    /** How it ended cannot be known: its shim was killed, or the machine restarted. */
    LOST;

    /** Whether this state never changes again. */
    public boolean isFinal() {
        return switch (this) {
            case RUNNING, STOPPING -> false;
            case SUCCEEDED, FAILED, STOPPED, LOST -> true;
        };
    }
}

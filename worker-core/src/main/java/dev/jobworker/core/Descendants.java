package dev.jobworker.core;

/** What becomes of the processes that a job started when its main process ends by itself. */
public enum Descendants {
    /** They are killed, and the job is over. */
    KILL,
    /**
     * The job goes on until the last of them has ended, with the exit of the main process. Until then a stop, a signal and the limits go to all
     * that are left.
     */
    WAIT
}

package dev.jobworker.core;

import java.time.Duration;

/**
 * How an engine works. {@link #DEFAULTS} and the {@code with} methods make one.
 *
 * @param maxRunningJobs starts beyond that many running jobs are refused
 * @param maxOutputBytes the output limit of a job that asks for none, and the most that one may ask for
 * @param survivePowerLoss whether job records, output and exit records are synced to the disk (fsync(2)), which on most disks costs more than the
 *     start of a process. Without it everything still survives the death of the JVM, by any signal at any instant
 * @param onClose what {@link JobEngine#close} does with running jobs
 * @param closeGracePeriod for {@code STOP_JOBS}: time between SIGTERM and SIGKILL
 * @param onWorkerDeath what becomes of jobs that this engine starts when its JVM dies
 * @param retention how long final jobs are kept
 */
public record EngineOptions(
        int maxRunningJobs,
        long maxOutputBytes,
        boolean survivePowerLoss,
        OnClose onClose,
        Duration closeGracePeriod,
        OnWorkerDeath onWorkerDeath,
        Retention retention) {

    public static final EngineOptions DEFAULTS = new EngineOptions(
            1000,
            1L << 30,
            true,
            OnClose.LEAVE_RUNNING,
            JobSpec.DEFAULT_GRACE_PERIOD,
            OnWorkerDeath.LEAVE_RUNNING,
            Retention.DEFAULT);

    public EngineOptions {
        if (maxRunningJobs < 1) {
            throw new IllegalArgumentException("maxRunningJobs is less than 1: " + maxRunningJobs);
        }
        if (maxOutputBytes < 0) {
            throw new IllegalArgumentException("maxOutputBytes is negative: " + maxOutputBytes);
        }
        JobSpec.checkGracePeriod(closeGracePeriod);
    }

    /** What to do with running jobs when the engine is closed. */
    public enum OnClose {
        /** They go on; the next engine on the same directory finds them. */
        LEAVE_RUNNING,
        /** They are stopped, and close waits for their end. */
        STOP_JOBS
    }

    /** What becomes of running jobs when the JVM dies, by any signal at any instant. */
    public enum OnWorkerDeath {
        /** They go on; the next engine on the same directory finds them. */
        LEAVE_RUNNING,
        /**
         * Their whole trees are killed by their shims, with the cause {@code WORKER_SHUTDOWN}; the next engine finds them ended. They outlive no
         * engine: those that {@link JobEngine#close} leaves running are killed, too.
         */
        KILL
    }

    public EngineOptions withMaxRunningJobs(int jobs) {
        return new EngineOptions(
                jobs, maxOutputBytes, survivePowerLoss, onClose, closeGracePeriod, onWorkerDeath, retention);
    }

    public EngineOptions withMaxOutputBytes(long bytes) {
        return new EngineOptions(
                maxRunningJobs, bytes, survivePowerLoss, onClose, closeGracePeriod, onWorkerDeath, retention);
    }

    public EngineOptions withSurvivePowerLoss(boolean survive) {
        return new EngineOptions(
                maxRunningJobs, maxOutputBytes, survive, onClose, closeGracePeriod, onWorkerDeath, retention);
    }

    public EngineOptions withOnClose(OnClose policy, Duration gracePeriod) {
        return new EngineOptions(
                maxRunningJobs, maxOutputBytes, survivePowerLoss, policy, gracePeriod, onWorkerDeath, retention);
    }

    public EngineOptions withOnWorkerDeath(OnWorkerDeath policy) {
        return new EngineOptions(
                maxRunningJobs, maxOutputBytes, survivePowerLoss, onClose, closeGracePeriod, policy, retention);
    }

    public EngineOptions withRetention(Retention bounds) {
        return new EngineOptions(
                maxRunningJobs, maxOutputBytes, survivePowerLoss, onClose, closeGracePeriod, onWorkerDeath, bounds);
    }
}

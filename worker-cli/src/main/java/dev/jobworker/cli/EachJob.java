package dev.jobworker.cli;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import java.util.ArrayList;
import java.util.List;

/** The same for several jobs: one that fails is reported and does not keep the others from their turn. */
final class EachJob {
    private final Console console;
    private int exitCode = ExitCodes.OK;

    EachJob(Console console) {
        this.console = console;
    }

    /** What to do with a job; returns it as it then is. */
    @FunctionalInterface
    interface Action {
        Job with(JobId id) throws InterruptedException;
    }

    /** What to do with a job that gives nothing back. */
    @FunctionalInterface
    interface Order {
        void with(JobId id) throws InterruptedException;
    }

    /** Returns the jobs for which it worked. */
    List<Job> apply(List<JobId> ids, Action action) throws InterruptedException {
        List<Job> jobs = new ArrayList<>();
        forEach(ids, id -> jobs.add(action.with(id)));
        return jobs;
    }

    void forEach(List<JobId> ids, Order order) throws InterruptedException {
        for (JobId id : ids) {
            try {
                order.with(id);
            } catch (WorkerException e) {
                if (ids.size() == 1 || concernsAll(e.reason())) {
                    throw e;
                }
                console.say(ErrorReport.message(e));
                exitCode = exitCode == ExitCodes.OK ? ExitCodes.of(e) : exitCode;
            }
        }
    }

    /** Returns the exit code of the first that failed, else 0. */
    int exitCode() {
        return exitCode;
    }

    private static boolean concernsAll(Reason reason) {
        return switch (reason) {
            case CONNECTION_FAILED, CERTIFICATE_REJECTED, SERVER_SHUTTING_DOWN -> true;
            default -> false;
        };
    }
}

package dev.jobworker.cli;

import dev.jobworker.api.JobWorker;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobState;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Waits for the end of jobs. */
@Command(
        name = "wait",
        description = {
            "Wait until jobs have ended. Exit 0 if all succeeded; else 1,",
            "or for a single job what run would exit with."
        })
final class WaitCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Option(names = "-o", paramLabel = "table|json|jsonl", description = "Show the jobs when they have ended.")
    private @Nullable Format format;

    @Parameters(paramLabel = "JOB", arity = "1..*")
    private List<JobId> ids = List.of();

    WaitCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        return connection.use(console, worker -> {
            EachJob each = new EachJob(console);
            List<Job> jobs = each.apply(ids, id -> untilFinal(worker, id));
            if (format != null && !jobs.isEmpty()) {
                console.print(format.show(jobs, console.colouredOut()));
            }
            if (each.exitCode() != ExitCodes.OK) {
                return each.exitCode();
            }
            jobs.stream().filter(job -> job.state() == JobState.LOST).forEach(job -> console.say(JobText.remark(job)));
            if (jobs.size() == 1) {
                return ExitCodes.of(jobs.getFirst());
            }
            return jobs.stream().allMatch(job -> job.state() == JobState.SUCCEEDED) ? ExitCodes.OK : ExitCodes.FAILED;
        });
    }

    static Job untilFinal(JobWorker worker, JobId id) throws InterruptedException {
        Job job;
        do {
            job = worker.await(id, JobWorker.MAX_WAIT);
        } while (!job.state().isFinal());
        return job;
    }
}

package dev.jobworker.cli;

import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Stops jobs. */
@Command(name = "stop", description = "End jobs with all of their processes, and wait until they have ended.")
final class StopCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Option(
            names = "--grace",
            paramLabel = "TIME",
            description = "Time between the stop signal and SIGKILL; 0s kills at once. Default: the job's own.")
    private @Nullable Duration grace;

    @Option(names = "--no-wait", description = "Give the order and do not wait.")
    private boolean noWait;

    @Parameters(paramLabel = "JOB", arity = "1..*")
    private List<JobId> ids = List.of();

    StopCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        return connection.use(console, worker -> {
            EachJob each = new EachJob(console);
            List<JobId> stopping = each.apply(ids, id -> worker.stop(id, grace)).stream()
                    .map(Job::id)
                    .toList();
            if (!noWait) {
                each.apply(stopping, id -> WaitCommand.untilFinal(worker, id));
            }
            return each.exitCode();
        });
    }
}

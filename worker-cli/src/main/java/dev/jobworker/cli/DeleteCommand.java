package dev.jobworker.cli;

import dev.jobworker.core.JobId;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Removes jobs that have ended. */
@Command(name = "delete", description = "Remove jobs that have ended, with their output.")
final class DeleteCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Parameters(paramLabel = "JOB", arity = "1..*")
    private List<JobId> ids = List.of();

    DeleteCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        return connection.use(console, worker -> {
            EachJob each = new EachJob(console);
            each.forEach(ids, worker::delete);
            return each.exitCode();
        });
    }
}

package dev.jobworker.cli;

import dev.jobworker.core.JobId;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows jobs. */
@Command(name = "status", description = "Show everything about jobs.")
final class StatusCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Option(
            names = "-o",
            paramLabel = "table|json|jsonl",
            description = "Format. JSON of one job is the object itself.")
    private Format format = Format.TABLE;

    @Parameters(paramLabel = "JOB", arity = "1..*")
    private List<JobId> ids = List.of();

    StatusCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        return connection.use(console, worker -> {
            EachJob each = new EachJob(console);
            var jobs = each.apply(ids, worker::get);
            if (!jobs.isEmpty()) {
                console.print(format.show(jobs, console.colouredOut()));
            }
            return each.exitCode();
        });
    }
}

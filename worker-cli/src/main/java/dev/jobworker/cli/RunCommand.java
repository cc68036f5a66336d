package dev.jobworker.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Starts a job, shows its output, and ends as the job ends. */
@Command(
        name = "run",
        customSynopsis = "jobworker run [OPTIONS] [--] CMD [ARG...]",
        sortOptions = false,
        description = {
            "Start a job, follow its output, and exit with the job's own code (128+n for signal n).",
            "Ctrl-C stops the job, a second Ctrl-C kills it."
        })
final class RunCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Mixin
    private final SpecOptions options = new SpecOptions();

    @Option(
            names = {"-i", "--interactive"},
            description = "The job reads what this command reads, as it comes.")
    private boolean interactive;

    @Option(names = "--detach-on-interrupt", description = "Ctrl-C leaves the job running.")
    private boolean detachOnInterrupt;

    RunCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Settings settings = connection.settings(console);
        var spec = options.spec(console, settings.isLocal(), interactive);
        return connection.use(
                settings,
                console,
                worker -> new ForegroundJob(worker, console, options.grace, detachOnInterrupt, interactive)
                        .run(options.requestId(), spec));
    }
}

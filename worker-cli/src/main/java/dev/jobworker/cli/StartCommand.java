package dev.jobworker.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Starts a job and prints its id. */
@Command(
        name = "start",
        customSynopsis = "jobworker start [OPTIONS] [--] CMD [ARG...]",
        sortOptions = false,
        description = "Start a job and print its id.")
final class StartCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Mixin
    private final SpecOptions options = new SpecOptions();

    @Option(names = "--stream-input", description = "The job's input is written while it runs, by jobworker input.")
    private boolean streamInput;

    StartCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Settings settings = connection.settings(console);
        var spec = options.spec(console, settings.isLocal(), streamInput);
        return connection.use(settings, console, worker -> {
            console.print(worker.start(options.requestId(), spec).id() + "\n");
            return ExitCodes.OK;
        });
    }
}

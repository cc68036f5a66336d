package dev.jobworker.cli;

import dev.jobworker.core.JobId;
import dev.jobworker.core.Signal;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Sends a signal to a job. */
@Command(name = "signal", description = "Send a signal to the process group of a job's main process.")
final class SignalCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Parameters(index = "0", paramLabel = "JOB")
    private @Nullable JobId id;

    @Parameters(index = "1", paramLabel = "SIGNAL", description = "SIGHUP, HUP or 1, for example.")
    private @Nullable Signal signal;

    SignalCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        JobId job = id;
        Signal sent = signal;
        if (job == null || sent == null) {
            throw CliException.usage("no job or no signal");
        }
        return connection.use(console, worker -> {
            if (worker.signal(job, sent).state().isFinal()) {
                console.say("job " + job + " has ended: no signal was sent");
            }
            return ExitCodes.OK;
        });
    }
}

package dev.jobworker.cli;

import dev.jobworker.api.transport.ResumingWriter;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.JobId;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes to the standard input of a job. */
@Command(
        name = "input",
        description = {
            "Write the standard input of this command to that of a job (start --stream-input),",
            "and end it there. Exits when the job's pipe has taken all."
        })
final class InputCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Option(names = "--keep-open", description = "Do not end the job's input: more will come.")
    private boolean keepOpen;

    @Option(
            names = "--offset",
            paramLabel = "N",
            description = {
                "Where in the job's input these bytes begin. What it has already is skipped:",
                "--offset 0 repeats a whole input. Default: after what it has."
            })
    private @Nullable Long offset;

    @Parameters(paramLabel = "JOB")
    private @Nullable JobId id;

    InputCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        JobId job = id;
        if (job == null) {
            throw CliException.usage("no job");
        }
        return connection.use(console, worker -> {
            // Asked for in any case: a server that is not there, or a job, is told at once.
            long written = worker.get(job).input().bytes();
            long begin = offset == null ? written : offset;
            StandardInput.copy(
                    console.in(), new ResumingWriter(worker, job, begin, console::say, Retry.DEFAULTS), !keepOpen);
            return ExitCodes.OK;
        });
    }
}

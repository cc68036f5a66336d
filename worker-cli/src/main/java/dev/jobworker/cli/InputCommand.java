package dev.jobworker.cli;

import dev.jobworker.api.transport.ResumingWriter;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import java.io.IOException;
import java.nio.ByteBuffer;
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
            "and end it there. Exits when the job's pipe has taken all. One writer at a time."
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
            // In any case something is asked first: a server that is not there, or a job, is told at once. Writing
            // nothing waits for
            // what another writer has left on its way.
            Job now = offset == null ? worker.writeInput(job, null, ByteBuffer.allocate(0), false) : worker.get(job);
            long begin = offset == null ? now.input().bytes() : offset;
            StandardInput.copy(
                    console.in(), new ResumingWriter(worker, job, begin, console::say, Retry.DEFAULTS), !keepOpen);
            return ExitCodes.OK;
        });
    }
}

package dev.jobworker.cli;

import dev.jobworker.core.JobId;
import dev.jobworker.core.JobState;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.OutputView;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows the output of a job. */
@Command(
        name = "logs",
        description = {
            "Write the output of a job, byte for byte, to standard output: both streams in order of arrival,",
            "or one of them with --stdout or --stderr."
        })
final class LogsCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Option(
            names = {"-f", "--follow"},
            description = "Wait for what will still be written, until the job ends.")
    private boolean follow;

    @ArgGroup
    private @Nullable View view;

    @ArgGroup
    private @Nullable From from;

    @Option(
            names = {"-t", "--timestamps"},
            description = "Begin each line with time and stream (not byte-exact).")
    private boolean timestamps;

    @Parameters(paramLabel = "JOB")
    private @Nullable JobId id;

    /** At most one. */
    static final class View {
        @Option(names = "--stdout", description = "Only standard output.")
        boolean stdout;

        @Option(names = "--stderr", description = "Only standard error.")
        boolean stderr;
    }

    /** At most one. */
    static final class From {
        @Option(names = "--offset", paramLabel = "N", description = "From byte N of what is shown.")
        @Nullable
        Long offset;

        @Option(names = "--tail", paramLabel = "N", description = "The last N lines.")
        @Nullable
        Long lines;

        @Option(names = "--tail-bytes", paramLabel = "N", description = "The last N bytes.")
        @Nullable
        Long bytes;
    }

    LogsCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        JobId job = id;
        if (job == null) {
            throw CliException.usage("no job");
        }
        OutputQuery query = new OutputQuery(view(), start(), follow, Long.MAX_VALUE);
        return connection.use(console, worker -> {
            OutputReader output = worker.output(job, query);
            try (OutputReader reader = from == null ? new KeptPart(output, console) : output) {
                OutputEvent.End end = timestamps ? stamped(reader) : reader.transferTo(console.out());
                if (end.job().state() == JobState.LOST) {
                    console.say(JobText.remark(end.job()));
                } else if (JobText.cutBytes(end.job()) > 0) {
                    console.say(JobText.cutBytes(end.job()) + " bytes of the output were not kept");
                }
                return ExitCodes.OK;
            }
        });
    }

    private OutputEvent.End stamped(OutputReader reader) throws IOException, InterruptedException {
        StampedLines lines = new StampedLines(console.out());
        while (true) {
            switch (reader.next()) {
                case OutputEvent.Chunk chunk -> lines.write(chunk);
                case OutputEvent.Idle _ -> {}
                case OutputEvent.End end -> {
                    lines.finish();
                    return end;
                }
            }
        }
    }

    private OutputView view() {
        if (view == null) {
            return OutputView.COMBINED;
        }
        return view.stdout ? OutputView.STDOUT : OutputView.STDERR;
    }

    private OutputQuery.From start() {
        if (from == null) {
            return KeptPart.ALL;
        }
        if (from.lines != null) {
            return new OutputQuery.From.TailLines(from.lines);
        }
        if (from.bytes != null) {
            return new OutputQuery.From.TailBytes(from.bytes);
        }
        return new OutputQuery.From.Offset(from.offset == null ? 0 : from.offset);
    }
}

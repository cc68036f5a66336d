package dev.jobworker.cli;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.StdStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One job in the foreground: its output is this process's output, its end this process's end.
 *
 * <p>{@link #run} belongs to one thread; {@link #interrupt} comes in threads of the signals.
 */
final class ForegroundJob {
    private final JobWorker worker;
    private final Console console;
    private final Duration grace;
    private final boolean detachOnInterrupt;
    private final WritableByteChannel out;
    private final WritableByteChannel err;

    // All three guarded by this.
    private int interrupts;
    private @Nullable JobId id;
    private @Nullable OutputReader reader;

    ForegroundJob(JobWorker worker, Console console, Duration grace, boolean detachOnInterrupt) {
        this.worker = worker;
        this.console = console;
        this.grace = grace;
        this.detachOnInterrupt = detachOnInterrupt;
        this.out = Channels.newChannel(console.out());
        this.err = Channels.newChannel(console.err());
    }

    int run(UUID requestId, JobSpec spec) throws InterruptedException {
        try (Signals.Handling _ = console.signals().handle(this::interrupt)) {
            JobId started = worker.start(requestId, spec).id();
            try (OutputReader output = worker.output(started, OutputQuery.FOLLOW_ALL)) {
                started(started, output);
                return follow(started, output);
            } catch (WorkerException e) {
                if (isDetached()) {
                    return ExitCodes.INTERRUPTED;
                }
                console.say("job " + started + " may still run; see: jobworker status " + started);
                throw e;
            }
        }
    }

    private int follow(JobId started, OutputReader output) throws InterruptedException {
        while (true) {
            switch (output.next()) {
                case OutputEvent.Chunk chunk -> {
                    try {
                        write(chunk);
                    } catch (IOException e) {
                        return readerGone(started, e);
                    }
                }
                case OutputEvent.Idle _ -> {}
                case OutputEvent.End end -> {
                    return ended(end.job());
                }
            }
        }
    }

    private void write(OutputEvent.Chunk chunk) throws IOException {
        WritableByteChannel target = chunk.stream() == StdStream.STDOUT ? out : err;
        while (chunk.bytes().hasRemaining()) {
            target.write(chunk.bytes());
        }
    }

    /** What SIGPIPE would do to the job if it wrote there itself: it does not go on unseen. */
    private int readerGone(JobId started, IOException e) {
        worker.stop(started, grace);
        if (ErrorReport.isBrokenPipe(e)) {
            return ExitCodes.BROKEN_PIPE;
        }
        console.say("stopping job " + started + ": cannot write its output: " + e.getMessage());
        return ExitCodes.UNKNOWN;
    }

    private int ended(Job job) {
        String remark = JobText.remark(job);
        if (!remark.isEmpty()) {
            console.say(remark);
        }
        return job.status() instanceof JobStatus.Lost ? ExitCodes.UNKNOWN : ExitCodes.of(job);
    }

    private void started(JobId started, OutputReader output) {
        boolean late;
        synchronized (this) {
            id = started;
            reader = output;
            late = interrupts > 0;
        }
        if (late) {
            order(started, output, 1);
        }
    }

    private synchronized boolean isDetached() {
        return detachOnInterrupt && interrupts > 0;
    }

    private void interrupt() {
        JobId running;
        OutputReader output;
        int count;
        synchronized (this) {
            count = ++interrupts;
            running = id;
            output = reader;
        }
        if (running != null && output != null) {
            order(running, output, count);
        } else if (count > 1) {
            // The server does not answer, and the user does not want to wait for it.
            Runtime.getRuntime().halt(ExitCodes.INTERRUPTED);
        }
    }

    private void order(JobId running, OutputReader output, int count) {
        try {
            if (detachOnInterrupt) {
                console.say("job " + running + " goes on; see: jobworker logs -f " + running);
                output.close();
            } else if (count == 1) {
                console.say("stopping job " + running + " (again: kill it)");
                worker.stop(running, grace);
            } else if (count == 2) {
                console.say("killing job " + running);
                worker.stop(running, Duration.ZERO);
            } else {
                Runtime.getRuntime().halt(ExitCodes.INTERRUPTED);
            }
        } catch (WorkerException e) {
            console.say("cannot stop job " + running + ": " + e.getMessage());
        }
    }
}

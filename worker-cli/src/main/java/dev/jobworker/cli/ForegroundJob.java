package dev.jobworker.cli;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.transport.ResumingWriter;
import dev.jobworker.api.transport.Retry;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputReader;
import dev.jobworker.core.OutputView;
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
 * <p>{@link #run} belongs to one thread; {@link #interrupt} comes in threads of the signals; what is read has a thread of its own.
 */
final class ForegroundJob {
    private static final OutputQuery ALL = new OutputQuery(OutputView.COMBINED, KeptPart.ALL, true, Long.MAX_VALUE);

    private final JobWorker worker;
    private final Console console;
    private final Duration grace;
    private final boolean detachOnInterrupt;
    private final boolean interactive;
    private final WritableByteChannel out;
    private final WritableByteChannel err;

    private volatile boolean over;

    // All three guarded by this.
    private int interrupts;
    private @Nullable JobId id;
    private @Nullable OutputReader reader;

    /** @param interactive whether the job reads what this process reads */
    ForegroundJob(JobWorker worker, Console console, Duration grace, boolean detachOnInterrupt, boolean interactive) {
        this.worker = worker;
        this.console = console;
        this.grace = grace;
        this.detachOnInterrupt = detachOnInterrupt;
        this.interactive = interactive;
        this.out = Channels.newChannel(console.out());
        this.err = Channels.newChannel(console.err());
    }

    int run(UUID requestId, JobSpec spec) throws InterruptedException {
        try (Signals.Handling _ = console.signals().handle(this::interrupt)) {
            JobId started = worker.start(requestId, spec).id();
            Thread input = inputThread(started);
            try (OutputReader output = new KeptPart(worker.output(started, ALL), console)) {
                started(started, output);
                if (interactive) {
                    input.start();
                }
                return follow(started, output);
            } catch (WorkerException e) {
                if (isDetached()) {
                    return ExitCodes.INTERRUPTED;
                }
                console.say("job " + started + " may still run; see: jobworker status " + started);
                throw e;
            } finally {
                over = true;
                input.interrupt();
            }
        }
    }

    /** Nobody waits for it: it may read for ever, and ends with the process. */
    private Thread inputThread(JobId started) {
        ResumingWriter job = new ResumingWriter(worker, started, 0, console::say, Retry.DEFAULTS);
        return Thread.ofPlatform().name("jobworker-stdin").daemon().unstarted(() -> {
            try {
                StandardInput.copy(console.in(), job, true);
            } catch (IOException | WorkerException e) {
                inputFailed(started, e);
            } catch (InterruptedException jobHasEnded) {
                // Then it reads no more.
            }
        });
    }

    /** A job that reads no more is told by its end. One that gets no more must not take what it got for all. */
    private void inputFailed(JobId running, Exception e) {
        boolean readsNoMore = e instanceof WorkerException refused
                && (refused.reason() == Reason.INPUT_CLOSED || refused.reason() == Reason.JOB_NOT_FOUND);
        if (over || readsNoMore) {
            return;
        }
        console.say("stopping job " + running + ": its input broke off: " + e.getMessage());
        try {
            worker.stop(running, grace);
        } catch (WorkerException cannot) {
            console.say("cannot stop job " + running + ": " + cannot.getMessage());
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

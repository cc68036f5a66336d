package dev.jobworker.core;

import java.time.Instant;
import java.util.List;

/** What is true of a job now. Each case carries exactly the facts that exist in it. */
public sealed interface JobStatus {

    /** The main process runs as {@code pid}. */
    record Running(int pid) implements JobStatus {}

    /** The job was told to end for {@code cause} and has not ended yet. */
    record Stopping(int pid, Cause.Kind cause) implements JobStatus {}

    /**
     * The job is over and its whole process tree is gone, except {@code survivors}.
     *
     * @param exit how the main process ended
     * @param cause why it ended
     */
    record Ended(ExitStatus exit, Cause cause, Instant endTime, Usage usage, List<Survivor> survivors)
            implements JobStatus {
        public Ended {
            survivors = List.copyOf(survivors);
        }
    }

    /**
     * The end of the job cannot be known.
     *
     * @param evidence what was found instead of an exit record
     * @param foundTime when it was found
     */
    record Lost(String evidence, Instant foundTime) implements JobStatus {}

    /** Returns the state in one word. */
    default JobState state() {
        return switch (this) {
            case Running _ -> JobState.RUNNING;
            case Stopping _ -> JobState.STOPPING;
            case Lost _ -> JobState.LOST;
            case Ended ended ->
                switch (ended.cause().kind()) {
                    case STOP_REQUEST, WORKER_SHUTDOWN -> JobState.STOPPED;
                    case TIMEOUT, OUTPUT_LIMIT -> JobState.FAILED;
                    case OWN_ACCORD ->
                        ended.exit().equals(new ExitStatus.Code(0)) ? JobState.SUCCEEDED : JobState.FAILED;
                };
        };
    }
}

package dev.jobworker.core;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What is true of a job now. Each case carries exactly the facts that exist in it. */
public sealed interface JobStatus {

    /** The main process runs as {@code pid}; its program was executed at {@code startTime}. */
    record Running(int pid, Instant startTime) implements JobStatus {}

    /** The job was told to end for {@code cause} and has not ended yet. */
    record Stopping(int pid, Instant startTime, Cause.Kind cause) implements JobStatus {}

    /**
     * The job is over and its whole process tree is gone, except {@code survivors}.
     *
     * @param exit how the main process ended
     * @param cause why it ended
     * @param startTime when its program was executed
     * @param endTime when the main process ended
     */
    record Ended(
            ExitStatus exit, Cause cause, Instant startTime, Instant endTime, Usage usage, List<Survivor> survivors)
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

    /** Returns when the program was executed; empty if that is not known. */
    default Optional<Instant> started() {
        return switch (this) {
            case Running running -> Optional.of(running.startTime);
            case Stopping stopping -> Optional.of(stopping.startTime);
            case Ended ended -> Optional.of(ended.startTime);
            case Lost _ -> Optional.empty();
        };
    }

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

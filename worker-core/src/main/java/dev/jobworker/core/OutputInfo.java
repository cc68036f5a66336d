package dev.jobworker.core;

/**
 * The sizes of a job's output in bytes.
 *
 * @param stdoutBytes kept bytes of standard output
 * @param stderrBytes kept bytes of standard error
 * @param earliestOffset the first offset of the combined view that can still be read
 * @param truncatedBytes bytes that the job wrote and that were not kept: over the output limit, or the disk refused them
 * @param complete whether nothing can follow any more
 */
public record OutputInfo(
        long stdoutBytes, long stderrBytes, long earliestOffset, long truncatedBytes, boolean complete) {

    static final OutputInfo EMPTY = new OutputInfo(0, 0, 0, 0, false);

    /** Returns the size of the combined view. */
    public long combinedBytes() {
        return stdoutBytes + stderrBytes;
    }

    /** Returns the size of {@code view}. */
    public long bytes(OutputView view) {
        return switch (view) {
            case COMBINED -> combinedBytes();
            case STDOUT -> stdoutBytes;
            case STDERR -> stderrBytes;
        };
    }
}

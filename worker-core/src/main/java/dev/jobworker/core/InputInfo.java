package dev.jobworker.core;

/**
 * The streamed standard input of a job.
 *
 * @param bytes how many bytes its pipe has taken; the offset of the next one
 * @param open whether it takes more
 */
public record InputInfo(long bytes, boolean open) {

    /** Of a job whose input is not streamed, or not known yet. */
    public static final InputInfo NONE = new InputInfo(0, false);
}

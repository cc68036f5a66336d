package dev.jobworker.core;

/**
 * Which output a reader wants.
 *
 * @param from where to begin
 * @param follow whether to wait for what the job will still write; otherwise the output ends where it stands now
 * @param limitBytes at most so many bytes, at least 0; {@code Long.MAX_VALUE} for all
 */
public record OutputQuery(OutputView view, From from, boolean follow, long limitBytes) {

    /** Everything of both streams, and what will come. */
    public static final OutputQuery FOLLOW_ALL =
            new OutputQuery(OutputView.COMBINED, new From.Offset(0), true, Long.MAX_VALUE);

    public OutputQuery {
        if (limitBytes < 0) {
            throw new JobException(new Failure.Invalid("limit_bytes", "is negative: " + limitBytes));
        }
    }

    /** The place where a reader begins. */
    public sealed interface From {

        /** At byte {@code offset} of the view; its present size is legal, more is not. */
        record Offset(long offset) implements From {
            public Offset {
                if (offset < 0) {
                    throw new JobException(new Failure.Invalid("offset", "is negative: " + offset));
                }
            }
        }

        /** At the last {@code count} bytes that are there at the call. */
        record TailBytes(long count) implements From {
            public TailBytes {
                if (count < 0) {
                    throw new JobException(new Failure.Invalid("tail_bytes", "is negative: " + count));
                }
            }
        }

        /** At the last {@code count} lines that are there at the call; an unfinished last line counts as one. */
        record TailLines(long count) implements From {
            public TailLines {
                if (count < 0) {
                    throw new JobException(new Failure.Invalid("tail_lines", "is negative: " + count));
                }
            }
        }
    }

    /** Returns the same query from {@code offset}. */
    public OutputQuery withOffset(long offset) {
        return new OutputQuery(view, new From.Offset(offset), follow, limitBytes);
    }
}

package dev.jobworker.https;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Job;
import dev.jobworker.core.OutputQuery;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The part of an output that a {@code Range} header asks for (RFC 9110 section 14), from one byte on or between two.
 *
 * @param last the last byte wanted; empty for all from {@code first} on
 */
record ByteRange(long first, OptionalLong last) {
    /** What stands for the end of an output that grows (RFC 8673 section 2): 2^53 - 1. */
    static final long OPEN_END = 9_007_199_254_740_991L;

    private static final Pattern SINGLE = Pattern.compile("bytes=([0-9]{1,18})-([0-9]{1,18})?");

    /** Reads the header; several ranges, the last bytes ({@code bytes=-N}) and nonsense are refused. */
    static ByteRange parse(String header) {
        Matcher matcher = SINGLE.matcher(header);
        if (!matcher.matches()) {
            throw Parameters.invalid("Range", "is not of the form bytes=FIRST- or bytes=FIRST-LAST");
        }
        long first = Long.parseLong(matcher.group(1));
        OptionalLong last =
                matcher.group(2) == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(matcher.group(2)));
        if (last.isPresent() && last.getAsLong() < first) {
            throw Parameters.invalid("Range", "ends before it begins");
        }
        return new ByteRange(first, last);
    }

    /** What of {@code job}'s output this range is. */
    Part of(Job job, OutputQuery query) {
        long size = job.output().bytes(query.view());
        boolean grows = query.follow() && !job.state().isFinal();
        if (first > size || (first == size && !grows)) {
            throw new WorkerException(
                    Reason.OFFSET_OUT_OF_RANGE,
                    "there is no byte " + first + ": the output has " + size + " bytes",
                    Map.of("offset", Long.toString(first), "size", Long.toString(size)),
                    null);
        }
        long end = grows ? last.orElse(OPEN_END) : Math.min(last.orElse(OPEN_END), size - 1);
        long limit = grows && last.isEmpty() ? Long.MAX_VALUE : end - first + 1;
        return new Part(
                new OutputQuery(query.view(), new OutputQuery.From.Offset(first), query.follow(), limit),
                "bytes " + first + "-" + end + "/" + (job.state().isFinal() ? size : "*"));
    }

    /**
     * A part that exists.
     *
     * @param contentRange the header of the answer
     */
    record Part(OutputQuery query, String contentRange) {}
}

package dev.jobworker.core;

import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** What a client of the crash matrix has read of one view of one job, over the deaths of several workers, and whether it is what the job printed. */
final class CrashReading {
    private final OutputView view;
    private final Map<StdStream, byte[]> expected = new EnumMap<>(StdStream.class);
    private final Map<StdStream, Integer> read = new EnumMap<>(StdStream.class);
    private long position;
    private boolean complete;

    CrashReading(CrashJob job, OutputView view) {
        this.view = view;
        for (StdStream stream : StdStream.values()) {
            expected.put(stream, job.expected(stream));
            read.put(stream, 0);
        }
    }

    OutputView view() {
        return view;
    }

    /** Returns where to go on. */
    long position() {
        return position;
    }

    boolean isComplete() {
        return complete;
    }

    /** Takes {@code chunk <offset> <stream> <bytes> <SHA-256>}; returns what is wrong with it. */
    List<String> chunk(List<String> words) {
        long offset = Long.parseLong(words.get(0));
        StdStream stream = StdStream.valueOf(words.get(1));
        int bytes = Integer.parseInt(words.get(2));
        List<String> wrong = new ArrayList<>();
        if (offset != position) {
            wrong.add("a chunk of " + view + " at " + offset + " instead of " + position);
        }
        position = offset + bytes;
        int from = read.merge(stream, bytes, Integer::sum) - bytes;
        byte[] all = expected.getOrDefault(stream, new byte[0]);
        if (from + bytes > all.length || !sha256(all, from, bytes).equals(words.get(3))) {
            wrong.add(bytes + " bytes of " + stream + " at " + from + " are not what the job printed, which was "
                    + all.length + " bytes (read as " + view + ")");
        }
        return wrong;
    }

    /** Takes {@code end <reason> <offset> <state>}. */
    List<String> end(List<String> words) {
        complete = true;
        List<String> wrong = new ArrayList<>();
        if (!words.get(0).equals("COMPLETE")) {
            wrong.add("the end of " + view + " is " + words.get(0));
        }
        if (Long.parseLong(words.get(1)) != position) {
            wrong.add(view + " ends at " + words.get(1) + ", read were " + position + " bytes");
        }
        if (!JobState.valueOf(words.get(2)).isFinal()) {
            wrong.add("the end of " + view + " came with the state " + words.get(2));
        }
        return wrong;
    }

    private static String sha256(byte[] bytes, int offset, int length) {
        MessageDigest digest = CrashWorker.sha256();
        digest.update(bytes, offset, length);
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Whether {@code log} can be made of a beginning of the one and a beginning of the other, each in its order. */
    static boolean interleaves(byte[] log, byte[] one, byte[] other) {
        // Each set bit is a number of bytes that may be of the one.
        BitSet possible = new BitSet();
        possible.set(0);
        for (int i = 0; i < log.length && !possible.isEmpty(); i++) {
            BitSet next = new BitSet();
            for (int ofOne = possible.nextSetBit(0); ofOne >= 0; ofOne = possible.nextSetBit(ofOne + 1)) {
                if (ofOne < one.length && one[ofOne] == log[i]) {
                    next.set(ofOne + 1);
                }
                int ofOther = i - ofOne;
                if (ofOther < other.length && other[ofOther] == log[i]) {
                    next.set(ofOne);
                }
            }
            possible = next;
        }
        return !possible.isEmpty();
    }
}

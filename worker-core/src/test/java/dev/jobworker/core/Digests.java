package dev.jobworker.core;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 of outputs that are too large to be held beside each other. */
final class Digests {
    private Digests() {}

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    static String text(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }

    static String of(Path file) throws IOException {
        MessageDigest digest = sha256();
        byte[] block = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(block); n >= 0; n = in.read(block)) {
                digest.update(block, 0, n);
            }
        }
        return text(digest);
    }

    /** Of {@code length} bytes that repeat {@code period}, which begin at {@code offset} of that. */
    static String ofRepeated(byte[] period, long offset, long length) {
        int copies = Math.max(1, (1 << 16) / period.length);
        byte[] block = new byte[(copies + 1) * period.length];
        for (int i = 0; i < block.length; i++) {
            block[i] = period[i % period.length];
        }
        MessageDigest digest = sha256();
        int begin = (int) (offset % period.length);
        for (long left = length; left > 0; ) {
            int size = (int) Math.min(left, (long) copies * period.length);
            digest.update(block, begin, size);
            left -= size;
        }
        return text(digest);
    }

    /** What a reader has got. */
    record Read(long begin, long end, String digest, OutputEvent.End last) {}

    /**
     * Reads to the end and checks that every chunk begins where the one before ended.
     *
     * @param afterEach is run after each chunk
     */
    static Read read(OutputReader reader, InterruptibleRun afterEach) throws InterruptedException {
        MessageDigest digest = sha256();
        long begin = -1;
        long next = -1;
        while (true) {
            switch (reader.next()) {
                case OutputEvent.Chunk chunk -> {
                    ByteBuffer bytes = chunk.bytes();
                    if (next < 0) {
                        begin = chunk.offset();
                    } else if (next != chunk.offset()) {
                        throw new AssertionError("a chunk at " + chunk.offset() + " instead of " + next);
                    }
                    next = chunk.offset() + bytes.remaining();
                    digest.update(bytes);
                    afterEach.run();
                }
                case OutputEvent.Idle _ -> {}
                case OutputEvent.End end -> {
                    return new Read(Math.max(0, begin), end.nextOffset(), text(digest), end);
                }
            }
        }
    }

    /** Something that may be interrupted. */
    interface InterruptibleRun {
        void run() throws InterruptedException;
    }
}

package dev.jobworker.cli;

import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** What one client receives: counted, digested, and told line by line while it comes. */
final class Onlooker extends OutputStream {
    private final Consumer<String> lines;
    private final MessageDigest digest = sha256();
    private final StringBuilder line = new StringBuilder();
    private final CompletableFuture<String> firstLine = new CompletableFuture<>();
    private long count;

    Onlooker(Consumer<String> lines) {
        this.lines = lines;
    }

    /** One that only counts and digests. */
    static Onlooker silent() {
        return new Onlooker(_ -> {});
    }

    @Override
    public synchronized void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        digest.update(bytes, offset, length);
        count += length;
        String text = new String(bytes, offset, length, StandardCharsets.ISO_8859_1);
        for (int i = 0; i < length; i++) {
            if (text.charAt(i) == '\n') {
                endLine();
            } else {
                line.append(text.charAt(i));
            }
        }
    }

    private void endLine() {
        String whole = new String(line.toString().getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
        line.setLength(0);
        firstLine.complete(whole);
        lines.accept(whole);
    }

    CompletableFuture<String> firstLine() {
        return firstLine;
    }

    synchronized long count() {
        return count;
    }

    /** Returns the SHA-256 of all bytes so far. */
    synchronized String sha256Hex() {
        try {
            return HexFormat.of().formatHex(((MessageDigest) digest.clone()).digest());
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}

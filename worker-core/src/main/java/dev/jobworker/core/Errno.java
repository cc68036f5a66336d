package dev.jobworker.core;

import java.util.Map;

/** Texts of the error numbers that a start meets (errno(3); the same on x86-64 and aarch64). */
final class Errno {
    private static final Map<Integer, String> TEXTS = Map.ofEntries(
            Map.entry(1, "Operation not permitted"),
            Map.entry(2, "No such file or directory"),
            Map.entry(5, "Input/output error"),
            Map.entry(6, "No such device or address"),
            Map.entry(7, "Argument list too long"),
            Map.entry(8, "Exec format error"),
            Map.entry(10, "Killed before it was executed"), // ECHILD, as the protocol uses it
            Map.entry(11, "Resource temporarily unavailable"),
            Map.entry(12, "Cannot allocate memory"),
            Map.entry(13, "Permission denied"),
            Map.entry(20, "Not a directory"),
            Map.entry(21, "Is a directory"),
            Map.entry(22, "Invalid argument"),
            Map.entry(23, "Too many open files in system"),
            Map.entry(24, "Too many open files"),
            Map.entry(26, "Text file busy"),
            Map.entry(27, "File too large"),
            Map.entry(28, "No space left on device"),
            Map.entry(30, "Read-only file system"),
            Map.entry(36, "File name too long"),
            Map.entry(40, "Too many levels of symbolic links"),
            Map.entry(71, "Protocol error"),
            Map.entry(80, "Accessing a corrupted shared library"),
            Map.entry(110, "Not executed in time"), // ETIMEDOUT, as the protocol uses it
            Map.entry(122, "Disk quota exceeded"));

    static final int ENOSPC = 28;
    static final int EDQUOT = 122;

    private Errno() {}

    static String text(int errno) {
        return TEXTS.getOrDefault(errno, "error " + errno);
    }
}

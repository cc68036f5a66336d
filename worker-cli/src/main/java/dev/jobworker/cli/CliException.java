package dev.jobworker.cli;

import java.util.List;

/** The end of a command: sentences for standard error, a line each, and an exit code. */
final class CliException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int exitCode;

    @SuppressWarnings("serial") // never serialized
    private final List<String> lines;

    CliException(int exitCode, String message) {
        this(exitCode, List.of(message));
    }

    CliException(int exitCode, List<String> lines) {
        super(String.join("; ", lines));
        this.exitCode = exitCode;
        this.lines = List.copyOf(lines);
    }

    CliException(int exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
        this.lines = List.of(message);
    }

    /** Something in the command line, the environment or a file of the user is wrong. */
    static CliException usage(String message) {
        return new CliException(ExitCodes.USAGE, message);
    }

    int exitCode() {
        return exitCode;
    }

    List<String> lines() {
        return lines;
    }
}

package dev.jobworker.cli;

import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Failure;
import dev.jobworker.core.JobException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.jspecify.annotations.Nullable;

/** Turns what a command threw into one line for standard error and an exit code. */
final class ErrorReport {
    private ErrorReport() {}

    static int report(Throwable e, Console console, boolean verbose) {
        int code = code(e);
        if (e instanceof CliException ours) {
            ours.lines().forEach(console::say);
        } else if (code != ExitCodes.BROKEN_PIPE) {
            console.say(message(e));
        }
        if (verbose || console.debug()) {
            StringWriter trace = new StringWriter();
            e.printStackTrace(new PrintWriter(trace));
            console.sayRaw(trace.toString());
        }
        return code;
    }

    static int code(Throwable e) {
        return switch (e) {
            case CliException ours -> ours.exitCode();
            case WorkerException refused -> ExitCodes.of(refused);
            case JobException invalid when invalid.failure() instanceof Failure.Invalid -> ExitCodes.USAGE;
            case InterruptedException _ -> ExitCodes.INTERRUPTED;
            case IOException io when isBrokenPipe(io) -> ExitCodes.BROKEN_PIPE;
            default -> ExitCodes.UNKNOWN;
        };
    }

    static boolean isBrokenPipe(IOException e) {
        return "Broken pipe".equals(e.getMessage());
    }

    /** Returns one sentence; of what nobody foresaw also the type, because its message alone is often no sentence. */
    static String message(Throwable e) {
        String text = text(e);
        return switch (e) {
            case CliException _, WorkerException _, JobException _ -> text;
            case InterruptedException _ -> "interrupted";
            default -> "unexpected: " + e.getClass().getSimpleName() + (text.isEmpty() ? "" : ": " + text);
        };
    }

    private static String text(Throwable e) {
        @Nullable String message = e.getMessage();
        return message == null ? "" : message;
    }
}

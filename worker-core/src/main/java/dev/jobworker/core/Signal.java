package dev.jobworker.core;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A signal of Linux by its number, 1 to 64 (signal(7); the names are the same on x86-64 and aarch64). */
public record Signal(int number) {
    private static final List<String> NAMES = List.of(
            "SIGHUP",
            "SIGINT",
            "SIGQUIT",
            "SIGILL",
            "SIGTRAP",
            "SIGABRT",
            "SIGBUS",
            "SIGFPE",
            "SIGKILL",
            "SIGUSR1",
            "SIGSEGV",
            "SIGUSR2",
            "SIGPIPE",
            "SIGALRM",
            "SIGTERM",
            "SIGSTKFLT",
            "SIGCHLD",
            "SIGCONT",
            "SIGSTOP",
            "SIGTSTP",
            "SIGTTIN",
            "SIGTTOU",
            "SIGURG",
            "SIGXCPU",
            "SIGXFSZ",
            "SIGVTALRM",
            "SIGPROF",
            "SIGWINCH",
            "SIGIO",
            "SIGPWR",
            "SIGSYS");
    private static final int MAX = 64;

    public static final Signal HUP = new Signal(1);
    public static final Signal INT = new Signal(2);
    public static final Signal KILL = new Signal(9);
    public static final Signal TERM = new Signal(15);

    public Signal {
        if (number < 1 || number > MAX) {
            throw new IllegalArgumentException("no such signal: " + number);
        }
    }

    /** Returns the signal that {@code text} names ("SIGHUP", "HUP" or "1", in any case), or empty. */
    public static Optional<Signal> parse(String text) {
        String upper = text.toUpperCase(Locale.ROOT);
        int index = NAMES.indexOf(upper.startsWith("SIG") ? upper : "SIG" + upper);
        if (index >= 0) {
            return Optional.of(new Signal(index + 1));
        }
        String digits = upper.startsWith("SIG") ? upper.substring(3) : upper;
        if (!digits.matches("[0-9]{1,2}")) {
            return Optional.empty();
        }
        int number = Integer.parseInt(digits);
        return number >= 1 && number <= MAX ? Optional.of(new Signal(number)) : Optional.empty();
    }

    /** Returns the name, "SIGTERM" for example, or "SIG34" where there is none. */
    public String name() {
        return number <= NAMES.size() ? NAMES.get(number - 1) : "SIG" + number;
    }

    @Override
    public String toString() {
        return name();
    }
}

package dev.jobworker.cli;

import java.io.IOException;
import java.util.List;
import picocli.CommandLine.Help.Ansi.Style;

/** Tells a story on standard output. Thread-safe: lines come whole. */
final class Narrator {
    private static final String INDENT = "    ";

    private final Console console;

    // Both guarded by this.
    private boolean muted;
    private int failures;

    Narrator(Console console) {
        this.console = console;
    }

    void heading(String text) {
        line("\n" + styled(text, Style.bold));
    }

    void tell(String text) {
        line(text);
    }

    /** Shows a command as its user would type it. */
    void command(String user, List<String> arguments) {
        line(styled(user + " $", Style.faint) + " jobworker " + Text.shell(arguments));
    }

    /** Shows what users have set once, for all their commands. */
    void setting(List<String> users, String variable, String value) {
        line(styled(String.join(", ", users) + " $", Style.faint) + " export " + variable + "=" + value);
    }

    /** Shows a line that somebody sees. */
    void seen(String by, String text) {
        line(INDENT + styled(by + " |", Style.faint) + " " + Text.escape(text));
    }

    void check(boolean good, String claim) {
        if (good) {
            line(styled("  ✓ ", Style.fg_green) + claim);
        } else {
            failed(claim);
        }
    }

    /** Says what did not go as announced. */
    void failed(String claim) {
        synchronized (this) {
            failures++;
        }
        line(styled("  ✗ NOT SO: ", Style.fg_red) + claim);
    }

    synchronized int failures() {
        return failures;
    }

    /** Says nothing more: what fails from now on fails because the end has come. */
    synchronized void mute() {
        muted = true;
    }

    private synchronized void line(String text) {
        if (muted) {
            return;
        }
        try {
            console.print(text + "\n");
        } catch (IOException e) {
            muted = true;
            failures++;
        }
    }

    private String styled(String text, Style style) {
        return console.colouredOut() ? style.on() + text + style.off() : text;
    }
}

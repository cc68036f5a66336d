package dev.jobworker.cli;

import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/** What libraries log through java.util.logging, Jetty through SLF4J. Its console handler writes to standard error. */
final class Logging {
    // Held here: the log manager forgets loggers, and their levels, that nobody holds.
    private static final List<Logger> NOISY =
            List.of(Logger.getLogger("io.grpc"), Logger.getLogger("io.netty"), Logger.getLogger("org.eclipse.jetty"));

    private Logging() {}

    /** For a client, which reports its errors itself. */
    static void quiet() {
        set(Level.SEVERE);
    }

    /** For a server, whose log is read later. */
    static void serving() {
        set(Level.WARNING);
        System.setProperty(
                "java.util.logging.SimpleFormatter.format",
                "%1$tY-%1$tm-%1$tdT%1$tH:%1$tM:%1$tS.%1$tL%1$tz %4$s %3$s: %5$s%6$s%n");
    }

    private static void set(Level level) {
        NOISY.forEach(logger -> logger.setLevel(level));
    }
}

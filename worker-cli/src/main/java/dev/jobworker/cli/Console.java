package dev.jobworker.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one invocation has from its caller.
 *
 * @param out data only: output of jobs, ids, tables, JSON. Not buffered
 * @param err everything else
 * @param directory the working directory
 */
record Console(
        InputStream in,
        OutputStream out,
        OutputStream err,
        boolean colouredOut,
        boolean colouredErr,
        Map<String, String> environment,
        Path directory,
        Signals signals) {

    /** Returns the console of this process. The standard streams themselves: a PrintStream would hide a failed write. */
    static Console ofProcess() {
        Map<String, String> environment = System.getenv();
        boolean colours = !environment.containsKey("NO_COLOR") && !"dumb".equals(environment.get("TERM"));
        return new Console(
                new FileInputStream(FileDescriptor.in),
                new FileOutputStream(FileDescriptor.out),
                new FileOutputStream(FileDescriptor.err),
                colours && isTerminal(1),
                colours && isTerminal(2),
                environment,
                Path.of("").toAbsolutePath(),
                new ProcessSignals());
    }

    // System.console() tells only whether both standard input and output are terminals.
    private static boolean isTerminal(int descriptor) {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor))
                    .toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns a variable of the environment; null if it is unset or empty. */
    @Nullable
    String variable(String name) {
        String value = environment.get(name);
        return value == null || value.isEmpty() ? null : value;
    }

    /** Returns the folder that an XDG variable names, or its default under the home directory. */
    Path xdgFolder(String variable, String underHome) {
        String value = variable(variable);
        if (value != null && value.startsWith("/")) {
            return Path.of(value);
        }
        String home = variable("HOME");
        return Path.of(home != null ? home : System.getProperty("user.home", "/"))
                .resolve(underHome);
    }

    /** Writes to standard output. */
    void print(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    /** Tells the user something in one line on standard error. */
    void say(String sentence) {
        sayRaw("jobworker: " + Text.escape(sentence) + "\n");
    }

    /** Writes to standard error, as it is. */
    void sayRaw(String text) {
        try {
            err.write(text.getBytes(StandardCharsets.UTF_8));
            err.flush();
        } catch (IOException e) {
            // There is nobody left to tell.
        }
    }

    boolean debug() {
        return variable("JOBWORKER_DEBUG") != null;
    }
}

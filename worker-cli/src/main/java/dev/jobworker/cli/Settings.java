package dev.jobworker.cli;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which worker to talk to, and as whom. Each value comes from the first that has it: option, environment, {@code config.yaml}.
 *
 * @param server null for the embedded engine
 */
record Settings(
        @Nullable URI server,
        @Nullable Path certificate,
        @Nullable Path key,
        @Nullable Path ca) {
    private static final Settings LOCAL = new Settings(null, null, null, null);

    /** What the command line says; null where it says nothing. */
    record Flags(
            @Nullable String server,
            @Nullable Path certificate,
            @Nullable Path key,
            @Nullable Path ca,
            boolean local) {}

    static Settings resolve(Flags flags, Console console) {
        if (flags.local) {
            if (flags.server != null) {
                throw CliException.usage("--local and --server exclude each other");
            }
            return LOCAL;
        }
        Source source = new Source(console);
        String server = flags.server != null ? flags.server : source.text("JOBWORKER_SERVER", "server");
        if (server == null) {
            return LOCAL;
        }
        return new Settings(
                Workers.parse(server),
                flags.certificate != null ? flags.certificate : source.path("JOBWORKER_CERT", "cert"),
                flags.key != null ? flags.key : source.path("JOBWORKER_KEY", "key"),
                flags.ca != null ? flags.ca : source.path("JOBWORKER_CA", "ca"));
    }

    boolean isLocal() {
        return server == null;
    }

    /** Environment first, then the file, which is read only if something is asked of it. */
    private static final class Source {
        private static final Set<String> KEYS = Set.of("server", "cert", "key", "ca");

        private final Console console;
        private final Path file;
        private @Nullable Map<String, String> values;

        Source(Console console) {
            this.console = console;
            this.file = console.xdgFolder("XDG_CONFIG_HOME", ".config").resolve("jobworker/config.yaml");
        }

        @Nullable
        String text(String variable, String key) {
            String value = console.variable(variable);
            return value != null ? value : values().get(key);
        }

        /** A path of the environment is the caller's, one of the file belongs to the file's folder. */
        @Nullable
        Path path(String variable, String key) {
            String value = console.variable(variable);
            if (value != null) {
                return console.directory().resolve(value);
            }
            String fromFile = values().get(key);
            return fromFile == null ? null : file.resolveSibling(fromFile);
        }

        private Map<String, String> values() {
            if (values == null) {
                values = Files.exists(file) ? Yaml.readFlat(file, KEYS) : Map.of();
            }
            return values;
        }
    }
}

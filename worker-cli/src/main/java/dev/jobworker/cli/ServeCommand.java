package dev.jobworker.cli;

import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.EngineOptions.OnClose;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.Retention;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Serves until it is told to end. */
@Command(
        name = "serve",
        description = {
            "Serve jobs to others over mutual TLS, until SIGTERM or Ctrl-C. Jobs go on after it by default.",
            "Without --grpc and --https: both, on loopback; with one of them: only that.",
            "Options may stand in a file instead (--config): the same names, YAML."
        })
final class ServeCommand implements Callable<Integer> {
    private static final Set<String> KEYS = Set.of(
            "state",
            "grpc",
            "https",
            "cert",
            "key",
            "ca",
            "policy",
            "audit",
            "on-close",
            "max-running-jobs",
            "max-output",
            "retain-jobs",
            "retain-bytes",
            "retain-age");

    private final Console console;

    @Option(names = "--config", paramLabel = "FILE", description = "Values for options that are not given.")
    private @Nullable Path config;

    @Option(names = "--state", paramLabel = "DIR", description = "Default: jobworker/server in XDG_STATE_HOME.")
    private @Nullable Path state;

    @Option(
            names = "--grpc",
            paramLabel = "HOST:PORT",
            description = "Where to serve gRPC. Default: 127.0.0.1:7443. Port 0: any free one.")
    private @Nullable String grpc;

    @Option(
            names = "--https",
            paramLabel = "HOST:PORT",
            description = "Where to serve HTTPS/JSON. Default: 127.0.0.1:8443.")
    private @Nullable String https;

    @Option(names = "--cert", paramLabel = "FILE", description = "The server's certificate.")
    private @Nullable Path certificate;

    @Option(names = "--key", paramLabel = "FILE", description = "Its private key.")
    private @Nullable Path key;

    @Option(names = "--ca", paramLabel = "FILE", description = "The authority of the clients.")
    private @Nullable Path ca;

    @Option(names = "--policy", paramLabel = "FILE", description = "Who may do what, and the trust domain.")
    private @Nullable Path policy;

    @Option(names = "--audit", paramLabel = "FILE", description = "Where decisions go. Default: audit.log in --state.")
    private @Nullable Path audit;

    @Option(
            names = "--on-close",
            paramLabel = "leave|stop",
            description = "What becomes of running jobs. Default: leave.")
    private @Nullable String onClose;

    @Option(
            names = "--max-running-jobs",
            paramLabel = "N",
            description = "Refuse starts beyond so many running jobs. Default: 1000.")
    private @Nullable String maxRunningJobs;

    @Option(names = "--max-output", paramLabel = "SIZE", description = "The most output kept of one job. Default: 1G.")
    private @Nullable String maxOutput;

    @Option(
            names = "--retain-jobs",
            paramLabel = "N",
            description = "Delete the oldest ended jobs beyond so many. Default: 10000.")
    private @Nullable String retainJobs;

    @Option(
            names = "--retain-bytes",
            paramLabel = "SIZE",
            description = "Delete the oldest ended jobs beyond so much output of all. Default: 32G.")
    private @Nullable String retainBytes;

    @Option(
            names = "--retain-age",
            paramLabel = "TIME",
            description = "Delete jobs that ended longer ago. Default: 7d.")
    private @Nullable String retainAge;

    ServeCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws InterruptedException {
        ServerOptions options = options();
        Logging.serving();
        CountDownLatch end = new CountDownLatch(1);
        AtomicBoolean again = new AtomicBoolean();
        try (Signals.Handling _ = console.signals().handle(() -> {
                    if (again.getAndSet(true)) {
                        Runtime.getRuntime().halt(ExitCodes.INTERRUPTED);
                    }
                    end.countDown();
                });
                WorkerServer server = WorkerServer.start(options)) {
            server.addresses().forEach(address -> console.say("serving " + address));
            end.await();
            console.say("shutting down");
        }
        return ExitCodes.OK;
    }

    ServerOptions options() {
        Map<String, String> file = config == null ? Map.of() : Yaml.readFlat(absolute(config), KEYS);
        Path stateFolder = path(state, file, "state");
        if (stateFolder == null) {
            stateFolder = LocalWorker.stateFolder(console).resolve("server");
        }
        Path auditFile = path(audit, file, "audit");
        Required required = new Required();
        ServerOptions options = new ServerOptions(
                stateFolder,
                listen(file),
                required.file("cert", path(certificate, file, "cert")),
                required.file("key", path(key, file, "key")),
                required.file("ca", path(ca, file, "ca")),
                required.file("policy", path(policy, file, "policy")),
                auditFile == null ? stateFolder.resolve("audit.log") : auditFile,
                engine(file));
        required.check();
        return options;
    }

    private Map<Transport, InetSocketAddress> listen(Map<String, String> file) {
        Map<Transport, InetSocketAddress> listen = new EnumMap<>(Transport.class);
        for (Transport transport : Transport.values()) {
            String option = switch (transport) {
                case GRPC -> grpc;
                case HTTPS -> https;
            };
            String text = option != null ? option : file.get(transport.scheme());
            if (text != null) {
                listen.put(transport, address(transport, text));
            }
        }
        if (listen.isEmpty()) {
            for (Transport transport : Transport.values()) {
                listen.put(transport, transport.defaultAddress());
            }
        }
        return listen;
    }

    private static String text(@Nullable String option, Map<String, String> file, String key, String otherwise) {
        return option != null ? option : file.getOrDefault(key, otherwise);
    }

    private @Nullable Path path(@Nullable Path option, Map<String, String> file, String key) {
        if (option != null) {
            return absolute(option);
        }
        String value = file.get(key);
        return value == null || config == null ? null : absolute(config).resolveSibling(value);
    }

    private Path absolute(Path path) {
        return console.directory().resolve(path);
    }

    private EngineOptions engine(Map<String, String> file) {
        EngineOptions options = EngineOptions.DEFAULTS;
        return options.withOnClose(onClose(text(onClose, file, "on-close", "leave")), options.closeGracePeriod())
                .withMaxRunningJobs(
                        value(maxRunningJobs, file, "max-running-jobs", options.maxRunningJobs(), ServeCommand::number))
                .withMaxOutputBytes(value(maxOutput, file, "max-output", options.maxOutputBytes(), Units::size))
                .withRetention(retention(file));
    }

    private Retention retention(Map<String, String> file) {
        Retention otherwise = Retention.DEFAULT;
        int jobs = value(retainJobs, file, "retain-jobs", otherwise.maxJobs(), ServeCommand::number);
        long bytes = value(retainBytes, file, "retain-bytes", otherwise.maxBytes(), Units::size);
        Duration age = value(retainAge, file, "retain-age", otherwise.maxAge(), Units::duration);
        if (!age.isPositive() || age.compareTo(JobSpec.MAX_DURATION) > 0) {
            throw CliException.usage("--retain-age is not between 0 and ten years");
        }
        return new Retention(jobs, bytes, age);
    }

    private static <T> T value(
            @Nullable String option, Map<String, String> file, String key, T otherwise, Function<String, T> parse) {
        String text = option != null ? option : file.get(key);
        try {
            return text == null ? otherwise : parse.apply(text);
        } catch (TypeConversionException e) {
            throw CliException.usage("--" + key + ": " + e.getMessage());
        }
    }

    private static int number(String text) {
        if (!text.matches("[1-9][0-9]{0,8}")) {
            throw new TypeConversionException("'" + Text.escape(text) + "' is not a number from 1 on");
        }
        return Integer.parseInt(text);
    }

    private static OnClose onClose(String text) {
        return switch (text) {
            case "leave" -> OnClose.LEAVE_RUNNING;
            case "stop" -> OnClose.STOP_JOBS;
            default -> throw CliException.usage("--on-close is leave or stop, not '" + text + "'");
        };
    }

    static InetSocketAddress address(Transport transport, String text) {
        String option = "--" + transport.scheme();
        try {
            URI uri = new URI(transport.scheme() + "://" + text);
            if (uri.getHost() != null && uri.getPort() >= 0 && text.equals(uri.getRawAuthority())) {
                InetSocketAddress address = new InetSocketAddress(Workers.host(uri), uri.getPort());
                if (!address.isUnresolved()) {
                    return address;
                }
                throw CliException.usage(option + ": unknown host '" + address.getHostString() + "'");
            }
        } catch (URISyntaxException | IllegalArgumentException e) {
            // The same as any other text that is no address.
        }
        throw CliException.usage(
                option + ": '" + text + "' is not HOST:PORT such as 127.0.0.1:" + transport.defaultPort());
    }

    /** Names all options that are missing at once. */
    private static final class Required {
        private final List<String> missing = new ArrayList<>();

        Path file(String name, @Nullable Path path) {
            if (path == null) {
                missing.add("--" + name);
                return Path.of(name);
            }
            return path;
        }

        void check() {
            if (!missing.isEmpty()) {
                throw CliException.usage(
                        "cannot serve without " + String.join(", ", missing) + " (jobworker ca makes all of them)");
            }
        }
    }
}

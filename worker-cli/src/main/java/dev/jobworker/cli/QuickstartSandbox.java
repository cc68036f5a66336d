package dev.jobworker.cli;

import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.EngineOptions.OnClose;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A throw-away authority, a server on loopback, and users with certificates. Closing it, or the end of the process by Ctrl-C, leaves nothing behind. */
final class QuickstartSandbox implements AutoCloseable {
    private final Path folder;
    private final Narrator narrator;
    private final Thread atExit = new Thread(this::abandon, "quickstart-cleanup");
    // Both guarded by this.
    private @Nullable WorkerServer server;
    private boolean closed;

    private QuickstartSandbox(Path folder, Narrator narrator) {
        this.folder = folder;
        this.narrator = narrator;
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    static QuickstartSandbox open(Narrator narrator) throws IOException {
        QuickstartSandbox sandbox = new QuickstartSandbox(Files.createTempDirectory("jobworker-quickstart-"), narrator);
        try {
            sandbox.fill();
            return sandbox;
        } catch (IOException | RuntimeException e) {
            sandbox.close();
            throw e;
        }
    }

    /** Not while it is being closed. */
    private synchronized void fill() throws IOException {
        if (closed) {
            throw new CliException(ExitCodes.INTERRUPTED, "interrupted");
        }
        Files.createDirectory(folder.resolve("work"));
        ca(narrator, folder, "init", "--trust-domain", "example.test");
        ca(narrator, folder, "issue", "--server", "localhost,127.0.0.1");
        ca(narrator, folder, "issue", "--user", "alice", "--role", "user");
        ca(narrator, folder, "issue", "--user", "bob", "--role", "user");
        ca(narrator, folder, "issue", "--user", "olga", "--role", "operator");
        ca(narrator, folder, "issue", "--user", "eve");
        Path foreign = Files.createDirectory(folder.resolve("other-ca"));
        run(foreign, "ca", "init", "--dir", foreign.toString(), "--trust-domain", "example.test");
        run(foreign, "ca", "issue", "--dir", foreign.toString(), "--user", "mallory");
        server = WorkerServer.start(new ServerOptions(
                folder.resolve("state"),
                Map.of(Transport.GRPC, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
                folder.resolve("server.crt"),
                folder.resolve("server.key"),
                folder.resolve("ca.crt"),
                folder.resolve("policy.yaml"),
                folder.resolve("audit.log"),
                EngineOptions.DEFAULTS.withOnClose(OnClose.STOP_JOBS, Duration.ofSeconds(1))));
        narrator.command(
                "server", List.of("serve", "--cert", "server.crt", "--key", "server.key", "--ca", "ca.crt", "..."));
    }

    private static void ca(Narrator narrator, Path folder, String command, String... options) {
        List<String> shown = Stream.concat(Stream.of("ca", command, "--dir", "DIR"), Stream.of(options))
                .toList();
        narrator.command("admin", shown);
        run(
                folder,
                shown.stream()
                        .map(word -> word.equals("DIR") ? folder.toString() : word)
                        .toArray(String[]::new));
    }

    private static void run(Path folder, String... arguments) {
        ByteArrayOutputStream problems = new ByteArrayOutputStream();
        Console console = new Console(
                InputStream.nullInputStream(),
                OutputStream.nullOutputStream(),
                problems,
                false,
                false,
                Map.of(),
                folder,
                Signals.NONE);
        if (Main.run(console, arguments) != ExitCodes.OK) {
            throw new CliException(
                    ExitCodes.FAILED, problems.toString(StandardCharsets.UTF_8).strip());
        }
    }

    Path folder() {
        return folder;
    }

    /** Returns a folder for files of jobs. */
    Path work() {
        return folder.resolve("work");
    }

    synchronized String address() {
        return Objects.requireNonNull(server, "not filled").address(Transport.GRPC);
    }

    /** Returns what a command of {@code user} has from its caller. */
    Console consoleOf(String user, OutputStream out, OutputStream err) {
        Path certificates = user.equals("mallory") ? folder.resolve("other-ca") : folder;
        Map<String, String> environment = Map.of(
                "JOBWORKER_SERVER", address(),
                "JOBWORKER_CERT", certificates.resolve(user + ".crt").toString(),
                "JOBWORKER_KEY", certificates.resolve(user + ".key").toString(),
                "JOBWORKER_CA", folder.resolve("ca.crt").toString(),
                "HOME", folder.toString());
        return new Console(InputStream.nullInputStream(), out, err, false, false, environment, work(), Signals.NONE);
    }

    /** Stops what runs and removes what was written. */
    @Override
    public void close() throws IOException {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            if (server != null) {
                server.close();
            }
            delete(folder);
        }
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            // It is running: this call came first, and it will find nothing to do.
        }
    }

    private void abandon() {
        narrator.mute();
        try {
            close();
        } catch (IOException e) {
            System.getLogger(QuickstartSandbox.class.getName())
                    .log(System.Logger.Level.WARNING, "removing " + folder, e);
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}

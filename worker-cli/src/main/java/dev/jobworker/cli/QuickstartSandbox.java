package dev.jobworker.cli;

import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.EngineOptions.OnClose;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;

/** A throw-away authority, a server on loopback, and users with certificates. Closing it, or the end of the process by Ctrl-C, leaves nothing behind. */
final class QuickstartSandbox implements AutoCloseable {
    private static final List<String> USERS_OF_GRPC = List.of("alice", "bob");
    private static final List<String> USERS_OF_HTTPS = List.of("olga", "eve", "mallory");

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
        InetSocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        server = WorkerServer.start(new ServerOptions(
                folder.resolve("state"),
                Map.of(Transport.GRPC, loopback, Transport.HTTPS, loopback),
                folder.resolve("server.crt"),
                folder.resolve("server.key"),
                folder.resolve("ca.crt"),
                folder.resolve("policy.yaml"),
                folder.resolve("audit.log"),
                EngineOptions.DEFAULTS.withOnClose(OnClose.STOP_JOBS, Duration.ofSeconds(1))));
        narrator.command(
                "server", List.of("serve", "--cert", "server.crt", "--key", "server.key", "--ca", "ca.crt", "..."));
        narrator.setting(USERS_OF_GRPC, "JOBWORKER_SERVER", server.address(Transport.GRPC));
        narrator.setting(USERS_OF_HTTPS, "JOBWORKER_SERVER", server.address(Transport.HTTPS));
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

    synchronized String address(Transport transport) {
        return Objects.requireNonNull(server, "not filled").address(transport);
    }

    /** Shakes hands as somebody without a certificate, and returns whether the server refuses just that. */
    boolean refusesWhoHasNoCertificate(Transport transport) throws IOException {
        URI server = URI.create(address(transport));
        TrustManager trust = TlsCredentials.load(
                        folder.resolve("alice.crt"), folder.resolve("alice.key"), folder.resolve("ca.crt"))
                .trustManager();
        try {
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(null, new TrustManager[] {trust}, null);
            try (Socket socket = context.getSocketFactory().createSocket(server.getHost(), server.getPort())) {
                socket.setSoTimeout(10_000);
                // In TLS 1.3 the client is done before the server has asked for its certificate in vain.
                socket.getInputStream().read();
                return false;
            }
        } catch (SSLException alert) {
            return String.valueOf(alert.getMessage()).contains("certificate");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has TLS 1.3", e);
        }
    }

    /** Returns what a command of {@code user} has from its caller. */
    Console consoleOf(String user, OutputStream out, OutputStream err) {
        Path certificates = user.equals("mallory") ? folder.resolve("other-ca") : folder;
        Map<String, String> environment = Map.of(
                "JOBWORKER_SERVER", address(USERS_OF_GRPC.contains(user) ? Transport.GRPC : Transport.HTTPS),
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

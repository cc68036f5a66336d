package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.EngineOptions.OnClose;
import dev.jobworker.core.JobSpec;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A folder with an authority, a policy, and the certificates of a server and of the people who use it. */
final class Site {
    static final InetSocketAddress ANY_PORT = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    static final Map<Transport, InetSocketAddress> BOTH = Map.of(Transport.GRPC, ANY_PORT, Transport.HTTPS, ANY_PORT);

    private final Path folder;

    private Site(Path folder) {
        this.folder = folder;
    }

    /** Makes the authority and the certificates of a server and of alice. */
    static Site in(Path folder) {
        Site site = new Site(folder);
        site.admin("init", "--dir", ".");
        site.admin("issue", "--dir", ".", "--server", "localhost,127.0.0.1");
        return site.with("alice", "--role", "user");
    }

    Site with(String user, String... options) {
        List<String> arguments = new ArrayList<>(List.of("issue", "--dir", ".", "--user", user));
        arguments.addAll(List.of(options));
        admin(arguments.toArray(String[]::new));
        return this;
    }

    /** Runs {@code ca}. */
    void admin(String... arguments) {
        List<String> command = new ArrayList<>(List.of("ca"));
        command.addAll(List.of(arguments));
        Shell.Result result = new Shell(folder).run(command.toArray(String[]::new));
        assertEquals(0, result.code(), result.err());
    }

    Path path(String name) {
        return folder.resolve(name);
    }

    /** Returns the audit log of servers with {@link #options}. */
    Path auditLog() {
        return path("audit.log");
    }

    /** Returns options of a server that stops its jobs when it ends. */
    ServerOptions options(Path state, Map<Transport, InetSocketAddress> listen) {
        return new ServerOptions(
                state,
                listen,
                path("server.crt"),
                path("server.key"),
                path("ca.crt"),
                path("policy.yaml"),
                auditLog(),
                EngineOptions.DEFAULTS.withOnClose(OnClose.STOP_JOBS, JobSpec.DEFAULT_GRACE_PERIOD));
    }

    /** Returns the arguments of {@code serve} with the files of this folder. */
    String[] serve(String state, String... options) {
        List<String> arguments = new ArrayList<>(List.of(
                "serve", "--state", path(state).toString(), "--cert", "server.crt", "--key", "server.key", "--ca"));
        arguments.addAll(List.of("ca.crt", "--policy", "policy.yaml"));
        arguments.addAll(List.of(options));
        return arguments.toArray(String[]::new);
    }

    /** Returns what {@code user} runs commands with. */
    Shell as(String user, String server) {
        return as(folder, user, server);
    }

    /** Returns the same for somebody whose certificate is in another folder. */
    Shell as(Path certificates, String user, String server) {
        return new Shell(folder)
                .with("JOBWORKER_SERVER", server)
                .with("JOBWORKER_CERT", certificates.resolve(user + ".crt").toString())
                .with("JOBWORKER_KEY", certificates.resolve(user + ".key").toString())
                .with("JOBWORKER_CA", path("ca.crt").toString());
    }

    /** Returns HOST:PORT of an address. */
    static String socket(String url) {
        return URI.create(url).getAuthority();
    }
}

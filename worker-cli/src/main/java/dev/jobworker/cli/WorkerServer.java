package dev.jobworker.cli;

import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.JobEngine;
import dev.jobworker.grpc.GrpcServer;
import dev.jobworker.grpc.GrpcServerOptions;
import dev.jobworker.https.HttpsServer;
import dev.jobworker.https.HttpsServerOptions;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.cert.CertificateException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * A running server. All that it is made of is wired here:
 *
 * <pre>
 *     policy.yaml --- Policy ---------+
 *     audit.log ----- AuditLog -------+
 *     state/ -------- JobEngine ------+-- JobWorkerAccess --+-- GrpcServer --- clients
 *     cert, key, ca - TlsCredentials -----------------------+-- HttpsServer -- clients
 * </pre>
 *
 * Opened from left to right and closed from right to left, the transports at the same time. Either of them may be absent. A transport gets the access,
 * never the engine.
 */
final class WorkerServer implements AutoCloseable {
    private final JobEngine engine;
    private final AuditLog audit;
    private final Map<Transport, Listener> listeners;

    private WorkerServer(JobEngine engine, AuditLog audit, Map<Transport, Listener> listeners) {
        this.engine = engine;
        this.audit = audit;
        this.listeners = listeners;
    }

    /**
     * The server of one transport.
     *
     * @param address the one that was bound
     * @param close ends what is open and returns when all is closed
     */
    private record Listener(InetSocketAddress address, Runnable close) {}

    /**
     * Starts serving.
     *
     * @throws CliException with a line for each thing that is wrong; then nothing was started
     */
    static WorkerServer start(ServerOptions options) {
        Problems problems = new Problems();
        @Nullable Policy policy = problems.tryTo("policy", () -> Policy.load(options.policy()));
        @Nullable
        TlsCredentials credentials = problems.tryTo("certificates", () -> {
            TlsCredentials loaded = TlsCredentials.load(options.certificate(), options.key(), options.ca());
            checkDates(options, loaded);
            return loaded;
        });
        @Nullable
        JobEngine engine = problems.tryTo("state directory", () -> JobEngine.open(options.state(), options.engine()));
        @Nullable AuditLog audit = problems.tryTo("audit log", () -> AuditLog.file(options.audit()));
        if (policy == null || credentials == null || engine == null || audit == null) {
            abandon(engine, audit);
            throw problems.toException();
        }
        JobWorkerAccess access = new JobWorkerAccess(engine, policy, audit, Version.TEXT);
        Map<Transport, Listener> listeners = new EnumMap<>(Transport.class);
        options.listen().forEach((transport, address) -> {
            @Nullable
            Listener listener = problems.tryTo(
                    "listen on " + transport.url(address), () -> listen(transport, address, credentials, access));
            if (listener != null) {
                listeners.put(transport, listener);
            }
        });
        if (listeners.size() < options.listen().size()) {
            close(listeners.values());
            abandon(engine, audit);
            throw problems.toException();
        }
        return new WorkerServer(engine, audit, listeners);
    }

    private static Listener listen(
            Transport transport, InetSocketAddress address, TlsCredentials credentials, JobWorkerAccess access)
            throws IOException {
        return switch (transport) {
            case GRPC -> {
                GrpcServer server = GrpcServer.start(address, credentials, access, GrpcServerOptions.DEFAULTS);
                yield new Listener(server.address(), server::close);
            }
            case HTTPS -> {
                HttpsServer server = HttpsServer.start(address, credentials, access, HttpsServerOptions.DEFAULTS);
                yield new Listener(server.address(), server::close);
            }
        };
    }

    /** Returns where it listens, as clients write it. */
    List<String> addresses() {
        return listeners.keySet().stream().map(this::address).toList();
    }

    /** Returns where it listens by one transport, as clients write it. */
    String address(Transport transport) {
        Listener listener = listeners.get(transport);
        if (listener == null) {
            throw new IllegalArgumentException("does not serve " + transport.scheme());
        }
        return transport.url(listener.address);
    }

    @Override
    public void close() {
        close(listeners.values());
        engine.close();
        close(audit);
    }

    /** Each may take the whole time that open calls have to end: all at once, so that together they take no longer. */
    private static void close(Collection<Listener> listeners) {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            listeners.forEach(listener -> threads.execute(listener.close));
        }
    }

    /** The jobs of the server before this one do not suffer from a mistake in its configuration. */
    private static void abandon(@Nullable JobEngine engine, @Nullable AuditLog audit) {
        if (engine != null) {
            engine.close(EngineOptions.OnClose.LEAVE_RUNNING);
        }
        close(audit);
    }

    private static void close(@Nullable AuditLog audit) {
        if (audit != null) {
            try {
                audit.close();
            } catch (IOException e) {
                System.getLogger(WorkerServer.class.getName())
                        .log(System.Logger.Level.WARNING, "closing the audit log", e);
            }
        }
    }

    private static void checkDates(ServerOptions options, TlsCredentials credentials) throws IOException {
        try {
            credentials.certificate().checkValidity();
        } catch (CertificateException e) {
            throw new IOException(
                    options.certificate() + ": is valid only from "
                            + credentials.certificate().getNotBefore().toInstant() + " to "
                            + credentials.certificate().getNotAfter().toInstant(),
                    e);
        }
    }

    /** Collects all that is wrong, so that one attempt shows it all. */
    private static final class Problems {
        private final List<Exception> found = new ArrayList<>();

        interface Step<T> {
            T perform() throws IOException;
        }

        <T> @Nullable T tryTo(String what, Step<T> step) {
            try {
                return step.perform();
            } catch (IOException e) {
                found.add(new IOException(what + ": " + FileErrors.describe(e), e));
                return null;
            }
        }

        CliException toException() {
            CliException all = new CliException(
                    ExitCodes.USAGE,
                    found.stream().map(e -> "cannot serve: " + e.getMessage()).toList());
            found.forEach(all::addSuppressed);
            return all;
        }
    }
}

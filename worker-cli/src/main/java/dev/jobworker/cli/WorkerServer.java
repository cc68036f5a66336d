package dev.jobworker.cli;

import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.JobEngine;
import dev.jobworker.grpc.GrpcServer;
import dev.jobworker.grpc.GrpcServerOptions;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.cert.CertificateException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A running server. All that it is made of is wired here:
 *
 * <pre>
 *     policy.yaml -- Policy ----------+
 *     audit.log ---- AuditLog --------+
 *     state/ ------- JobEngine -------+-- JobWorkerAccess --+
 *     cert, key, ca - TlsCredentials -----------------------+-- GrpcServer -- clients
 * </pre>
 *
 * Opened from left to right and closed from right to left. A transport gets the access, never the engine.
 */
final class WorkerServer implements AutoCloseable {
    private final JobEngine engine;
    private final AuditLog audit;
    private final GrpcServer grpc;

    private WorkerServer(JobEngine engine, AuditLog audit, GrpcServer grpc) {
        this.engine = engine;
        this.audit = audit;
        this.grpc = grpc;
    }

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
        @Nullable
        GrpcServer grpc = problems.tryTo(
                "listen on " + text(options.grpc()),
                () -> GrpcServer.start(options.grpc(), credentials, access, GrpcServerOptions.DEFAULTS));
        if (grpc == null) {
            abandon(engine, audit);
            throw problems.toException();
        }
        return new WorkerServer(engine, audit, grpc);
    }

    /** Returns where it listens, as clients write it. */
    String address() {
        return "grpc://" + text(grpc.address());
    }

    @Override
    public void close() {
        grpc.close();
        engine.close();
        close(audit);
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

    private static String text(InetSocketAddress address) {
        String host = address.getAddress() == null
                ? address.getHostString()
                : address.getAddress().getHostAddress();
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.getPort();
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

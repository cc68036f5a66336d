package dev.jobworker.api.auth;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobId;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.math.BigInteger;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** The only door from a transport to an engine: first {@link #authenticate}, then {@link #as}. Thread-safe. */
public final class JobWorkerAccess {
    private static final Logger LOG = System.getLogger(JobWorkerAccess.class.getName());

    private final JobEngine engine;
    private final Policy policy;
    private final AuditLog auditLog;
    private final String version;
    private final InstantSource clock;
    private final Instant startTime;
    private final StreamQuota streams = new StreamQuota();

    /**
     * @param auditLog closed by who made it
     * @param version of the program, for {@link JobWorker#serverInfo}
     */
    public JobWorkerAccess(JobEngine engine, Policy policy, AuditLog auditLog, String version) {
        this(engine, policy, auditLog, version, InstantSource.system());
    }

    JobWorkerAccess(JobEngine engine, Policy policy, AuditLog auditLog, String version, InstantSource clock) {
        this.engine = engine;
        this.policy = policy;
        this.auditLog = auditLog;
        this.version = version;
        this.clock = clock;
        this.startTime = clock.instant();
    }

    /**
     * Returns a worker for code that has the engine anyway, in the same process and without a certificate: it may do everything, as
     * "spiffe://local/user/{@code userName}".
     *
     * @throws IllegalArgumentException if that is no SPIFFE ID: names have letters, digits, dots, dashes and underscores, and begin with one of the
     *     first two
     */
    public static JobWorker embedded(JobEngine engine, String userName, String version) {
        String spiffeId = "spiffe://local/user/" + userName;
        Policy policy = new Policy(
                "local",
                Map.of(spiffeId, Role.ADMIN),
                Set.of(),
                Set.of(),
                Map.of(Role.ADMIN, new Policy.Limits(Integer.MAX_VALUE, Integer.MAX_VALUE)));
        JobWorkerAccess access = new JobWorkerAccess(engine, policy, AuditLog.DISCARD, version);
        return access.as(new Identity(spiffeId, BigInteger.ZERO, Instant.MAX));
    }

    /**
     * Turns the client certificate of a finished handshake into an identity.
     *
     * @throws WorkerException CERTIFICATE_REJECTED with the rule that it breaks
     */
    public Identity authenticate(X509Certificate leaf) {
        return authenticate(leaf, UUID.randomUUID());
    }

    /** The same for one call, whose audit line has this id if the certificate is rejected. */
    public Identity authenticate(X509Certificate leaf, UUID callId) {
        Instant now = now();
        try {
            return CertificateRules.identify(leaf, policy, now);
        } catch (WorkerException rejected) {
            auditRejected(leaf, rejected.getMessage(), callId);
            throw rejected;
        }
    }

    /** Records that a handshake was refused because of the client's certificate. Writes to the audit log. */
    public void auditRejected(X509Certificate leaf, String why) {
        auditRejected(leaf, why, UUID.randomUUID());
    }

    private void auditRejected(X509Certificate leaf, String why, UUID callId) {
        tryAudit(new AuditEvent(
                now(),
                callId,
                null,
                leaf.getSerialNumber(),
                null,
                "authenticate",
                null,
                AuditEvent.Decision.DENY,
                Reason.CERTIFICATE_REJECTED + ": " + why,
                null,
                null));
    }

    /** Returns the worker as {@code caller} may use it. Cheap: one can be made for each call. */
    public JobWorker as(Identity caller) {
        return new GuardedJobWorker(this, engine, caller, UUID::randomUUID);
    }

    /** Returns the worker for one call, whose audit lines have this id. */
    public JobWorker as(Identity caller, UUID callId) {
        return new GuardedJobWorker(this, engine, caller, () -> callId);
    }

    /**
     * Opens the input of a job for the pieces of one call, whose audit lines have this id. It is not interrupted when the certificate ends: that is for
     * the transport, with an {@link AdmissionWatch}.
     *
     * @throws WorkerException as {@link JobWorker#writeInput} does
     */
    public InputWriter input(Identity caller, UUID callId, JobId id) {
        return new GuardedJobWorker(this, engine, caller, () -> callId).input(id);
    }

    Policy policy() {
        return policy;
    }

    String version() {
        return version;
    }

    Instant startTime() {
        return startTime;
    }

    Instant now() {
        return clock.instant();
    }

    StreamQuota streams() {
        return streams;
    }

    /**
     * Checks what can be checked before a request is read: that {@code caller} is still admitted and that its role has the action on some job.
     *
     * @throws WorkerException CERTIFICATE_REJECTED or PERMISSION_DENIED
     */
    public void precheck(Identity caller, Action action) {
        precheck(caller, action, UUID.randomUUID());
    }

    /** The same for one call, whose audit line has this id if it is refused. */
    public void precheck(Identity caller, Action action, UUID callId) {
        new GuardedCall(this, engine, caller, action, callId, null, null).precheck();
    }

    /** Records that a transport itself refuses a call, and returns the refusal. */
    public WorkerException deny(Identity caller, Action action, UUID callId, WorkerException refusal) {
        return new GuardedCall(this, engine, caller, action, callId, null, null).deny(refusal);
    }

    /** Returns how long {@code caller} will still be admitted; throws CERTIFICATE_REJECTED if it is not any more. */
    public Duration admittedFor(Identity caller) {
        Instant now = now();
        CertificateRules.recheck(caller, policy, now);
        return Duration.between(now, caller.notAfter());
    }

    /** Records {@code event} and returns whether that was possible. */
    boolean tryAudit(AuditEvent event) {
        try {
            auditLog.record(event);
            return true;
        } catch (IOException unwritable) {
            LOG.log(Level.ERROR, "cannot write the audit log: " + AuditFile.json(event), unwritable);
            return false;
        }
    }
}

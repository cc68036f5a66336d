package dev.jobworker.api.auth;

import dev.jobworker.api.CoreFailures;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.Failure;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobException;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One call of one caller, from its admission to its audit lines. The order is: is the certificate still good, has the role the action, are the
 * arguments valid, is there such a job, is it the caller's own or may it be any; then the audit line; then the work. For one thread.
 */
final class GuardedCall {
    private final JobWorkerAccess access;
    private final JobEngine engine;
    private final Identity caller;
    private final @Nullable Role role;
    private final Action action;
    private final UUID requestId;
    private final @Nullable JobId named;
    private final @Nullable JobSpec spec;
    private boolean denied;

    /** What may throw, too, what waiting throws. */
    interface Work<T, X extends Exception> {
        T run() throws X;
    }

    /**
     * @param named the job that the call is about; null if none
     * @param spec of a start; else null
     */
    GuardedCall(
            JobWorkerAccess access,
            JobEngine engine,
            Identity caller,
            Action action,
            UUID requestId,
            @Nullable JobId named,
            @Nullable JobSpec spec) {
        this.access = access;
        this.engine = engine;
        this.caller = caller;
        this.role = access.policy().role(caller.spiffeId()).orElse(null);
        this.action = action;
        this.requestId = requestId;
        this.named = named;
        this.spec = spec;
    }

    /** Returns the caller's role; null if none is bound. */
    @Nullable
    Role role() {
        return role;
    }

    Policy.Limits limits() {
        return role == null ? new Policy.Limits(0, 0) : access.policy().limits(role);
    }

    /** Does the work if the call is admitted. Throws {@link WorkerException} and what {@code work} declares, nothing else. */
    <T, X extends Exception> T perform(Runnable validation, Work<T, X> work) throws X {
        try {
            admit(validation);
            auditAllowed();
            return work.run();
        } catch (JobException failed) {
            throw refused(CoreFailures.translate(failed));
        } catch (WorkerException refused) {
            throw refused(refused);
        } catch (RuntimeException defect) {
            throw refused(CoreFailures.internal(defect));
        }
    }

    /** What of {@link #perform} can be decided without the request. A refusal is recorded; that it goes on is not: the rest follows. */
    void precheck() {
        try {
            admitRole();
        } catch (WorkerException refused) {
            throw refused(refused);
        }
    }

    /** Records that the call is refused for a reason that is not of this package, and returns that. */
    WorkerException deny(WorkerException refusal) {
        denied = true;
        return refused(refusal);
    }

    /** Records what became of an admitted call. The call does not fail if that cannot be recorded: it has happened. */
    void audit(AuditEvent.Decision decision, @Nullable JobId job) {
        access.tryAudit(event(decision, null, job));
    }

    static void check(String field, boolean good, String problem) {
        if (!good) {
            throw new JobException(new Failure.Invalid(field, problem));
        }
    }

    private void admitRole() {
        try {
            access.admittedFor(caller);
        } catch (WorkerException noLongerAdmitted) {
            denied = true;
            throw noLongerAdmitted;
        }
        if (action.decide(role, caller.spiffeId(), null) == Action.Decision.NOT_PERMITTED) {
            denied = true;
            throw new WorkerException(
                    Reason.PERMISSION_DENIED,
                    role == null
                            ? "no role is bound to " + caller.spiffeId()
                            : "the role " + role.label() + " may not do this: " + action.label());
        }
    }

    private void admit(Runnable validation) {
        admitRole();
        validation.run();
        if (named != null
                && action.decide(role, caller.spiffeId(), engine.get(named).owner()) != Action.Decision.ALLOWED) {
            denied = true;
            // The same words as the engine's own for a job that does not exist.
            throw new JobException(new Failure.NoSuchJob(named));
        }
    }

    private void auditAllowed() {
        if (!access.tryAudit(event(AuditEvent.Decision.ALLOW, null, named)) && action.needsAudit(role)) {
            throw new WorkerException(Reason.AUDIT_UNAVAILABLE, "the audit log of the server cannot be written");
        }
    }

    /** Records that the call failed, and returns why. */
    WorkerException refused(WorkerException refusal) {
        access.tryAudit(event(
                denied ? AuditEvent.Decision.DENY : AuditEvent.Decision.ERROR,
                refusal.reason().name(),
                named));
        return refusal;
    }

    private AuditEvent event(AuditEvent.Decision decision, @Nullable String reason, @Nullable JobId job) {
        return new AuditEvent(
                access.now(),
                requestId,
                caller.spiffeId(),
                caller.serial(),
                role,
                action.label(),
                job,
                decision,
                reason,
                spec == null ? null : spec.argv().getFirst(),
                spec == null ? null : (Integer) spec.argv().size());
    }
}

package dev.jobworker.api.auth;

import static dev.jobworker.api.auth.Scope.ANY;
import static dev.jobworker.api.auth.Scope.NONE;
import static dev.jobworker.api.auth.Scope.OWN;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What one can do with a worker, and the permission table. There is no other. */
public enum Action {
    // unbound, user, viewer, operator, admin
    START(NONE, OWN, NONE, OWN, OWN),
    GET(NONE, OWN, ANY, ANY, ANY),
    LIST(NONE, OWN, ANY, ANY, ANY),
    OUTPUT(NONE, OWN, ANY, ANY, ANY),
    AWAIT(NONE, OWN, ANY, ANY, ANY),
    STOP(NONE, OWN, NONE, ANY, ANY),
    SIGNAL(NONE, OWN, NONE, ANY, ANY),
    /** Nobody's but the owner's: writing into somebody's shell is as good as starting processes as him. */
    WRITE_INPUT(NONE, OWN, NONE, OWN, OWN),
    DELETE(NONE, OWN, NONE, NONE, ANY),
    SERVER_INFO(NONE, NONE, ANY, ANY, ANY),
    WHOAMI(ANY, ANY, ANY, ANY, ANY);

    private final Scope unbound;
    private final Scope user;
    private final Scope viewer;
    private final Scope operator;
    private final Scope admin;

    Action(Scope unbound, Scope user, Scope viewer, Scope operator, Scope admin) {
        this.unbound = unbound;
        this.user = user;
        this.viewer = viewer;
        this.operator = operator;
        this.admin = admin;
    }

    /** What the table says about a call. */
    enum Decision {
        ALLOWED,
        /** The role does not have this action: PERMISSION_DENIED, whatever job was named. */
        NOT_PERMITTED,
        /** The job is another's: JOB_NOT_FOUND, as if it did not exist. */
        NOT_VISIBLE
    }

    /**
     * Decides a call. Pure.
     *
     * @param role of the caller; null if none is bound
     * @param owner of the job; null before it is known, and for actions on no job
     */
    Decision decide(@Nullable Role role, String caller, @Nullable String owner) {
        return switch (scope(role)) {
            case NONE -> Decision.NOT_PERMITTED;
            case OWN -> owner == null || owner.equals(caller) ? Decision.ALLOWED : Decision.NOT_VISIBLE;
            case ANY -> Decision.ALLOWED;
        };
    }

    Scope scope(@Nullable Role role) {
        return switch (role) {
            case null -> unbound;
            case USER -> user;
            case VIEWER -> viewer;
            case OPERATOR -> operator;
            case ADMIN -> admin;
        };
    }

    /** Whether a call may not go ahead when it cannot be audited. Ending a job stays possible for an admin. */
    boolean needsAudit(@Nullable Role role) {
        return switch (this) {
            case START, SIGNAL, WRITE_INPUT, DELETE -> true;
            case STOP -> role != Role.ADMIN;
            case GET, LIST, OUTPUT, AWAIT, SERVER_INFO, WHOAMI -> false;
        };
    }

    /** Returns the name for messages and audit lines, "server_info" for example. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}

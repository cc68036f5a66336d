package dev.jobworker.api.auth;

import static dev.jobworker.api.auth.Action.Decision.ALLOWED;
import static dev.jobworker.api.auth.Action.Decision.NOT_PERMITTED;
import static dev.jobworker.api.auth.Action.Decision.NOT_VISIBLE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every cell of the permission table. */
class ActionTest {
    private static final String CALLER = "spiffe://example.test/user/alice";
    private static final String OTHER = "spiffe://example.test/user/bob";

    @ParameterizedTest(name = "{0}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            action,      unbound, user, viewer, operator, admin
            START,       NONE,    OWN,  NONE,   OWN,      OWN
            GET,         NONE,    OWN,  ANY,    ANY,      ANY
            LIST,        NONE,    OWN,  ANY,    ANY,      ANY
            OUTPUT,      NONE,    OWN,  ANY,    ANY,      ANY
            AWAIT,       NONE,    OWN,  ANY,    ANY,      ANY
            STOP,        NONE,    OWN,  NONE,   ANY,      ANY
            SIGNAL,      NONE,    OWN,  NONE,   ANY,      ANY
            WRITE_INPUT, NONE,    OWN,  NONE,   OWN,      OWN
            DELETE,      NONE,    OWN,  NONE,   NONE,     ANY
            SERVER_INFO, NONE,    NONE, ANY,    ANY,      ANY
            WHOAMI,      ANY,     ANY,  ANY,    ANY,      ANY
            """)
    void table_everyCell(Action action, Scope unbound, Scope user, Scope viewer, Scope operator, Scope admin) {
        assertCell(unbound, action, null);
        assertCell(user, action, Role.USER);
        assertCell(viewer, action, Role.VIEWER);
        assertCell(operator, action, Role.OPERATOR);
        assertCell(admin, action, Role.ADMIN);
    }

    private static void assertCell(Scope scope, Action action, @Nullable Role role) {
        assertEquals(scope, action.scope(role));
        assertEquals(scope == Scope.NONE ? NOT_PERMITTED : ALLOWED, action.decide(role, CALLER, null));
        assertEquals(scope == Scope.NONE ? NOT_PERMITTED : ALLOWED, action.decide(role, CALLER, CALLER));
        Action.Decision aboutAnothers = switch (scope) {
            case NONE -> NOT_PERMITTED;
            case OWN -> NOT_VISIBLE;
            case ANY -> ALLOWED;
        };
        assertEquals(aboutAnothers, action.decide(role, CALLER, OTHER));
    }

    @Test
    void needsAudit_whatChangesSomething_butNotTheStopOfAnAdmin() {
        for (Action action : Action.values()) {
            boolean changes = Arrays.asList(Action.START, Action.STOP, Action.SIGNAL, Action.WRITE_INPUT, Action.DELETE)
                    .contains(action);
            assertEquals(changes, action.needsAudit(Role.USER));
            assertEquals(changes, action.needsAudit(Role.OPERATOR));
            assertEquals(changes && action != Action.STOP, action.needsAudit(Role.ADMIN));
        }
    }
}

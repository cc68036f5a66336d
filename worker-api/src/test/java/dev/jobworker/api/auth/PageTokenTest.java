package dev.jobworker.api.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobState;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Tokens belong to one filter. */
class PageTokenTest {
    private static final JobId ID = new JobId(UUID.fromString("01890a5d-ac96-774b-bcce-b302099a8057"));

    /** Filters of which some differ only in where a name ends. */
    private static final List<JobFilter> FILTERS = List.of(
            JobFilter.ALL,
            new JobFilter(Set.of(), "", Map.of()),
            new JobFilter(Set.of(), "a", Map.of()),
            new JobFilter(Set.of(), "b", Map.of()),
            new JobFilter(Set.of(JobState.RUNNING), null, Map.of()),
            new JobFilter(Set.of(JobState.RUNNING, JobState.LOST), null, Map.of()),
            new JobFilter(Set.of(), null, Map.of("ab", "c")),
            new JobFilter(Set.of(), null, Map.of("a", "bc")),
            new JobFilter(Set.of(), null, Map.of("a", "b", "c", "d")),
            new JobFilter(Set.of(), null, Map.of("a", "d", "c", "b")));

    @Test
    void token_ofItsFilter_givesTheJob() {
        for (JobFilter filter : FILTERS) {
            String token = PageToken.of(ID, filter);
            assertEquals(ID, PageToken.parse(token, filter));
            assertTrue(token.matches("[A-Za-z0-9_-]+"), token);
        }
    }

    @Test
    void token_ofAnotherFilter_isInvalid() {
        for (JobFilter one : FILTERS) {
            for (JobFilter other : FILTERS) {
                if (!one.equals(other)) {
                    assertNotEquals(PageToken.of(ID, one), PageToken.of(ID, other));
                    assertInvalid(PageToken.of(ID, one), other);
                }
            }
        }
    }

    @Test
    void garbage_isInvalid() {
        String good = PageToken.of(ID, JobFilter.ALL);
        Random random = new Random(7);
        for (String bad : List.of(" ", "x", good + "A", good.substring(1), good + "=", "é".repeat(good.length()))) {
            assertInvalid(bad, JobFilter.ALL);
        }
        for (int round = 0; round < 2000; round++) {
            char[] damaged = good.toCharArray();
            int place = random.nextInt(damaged.length);
            char change = (char) (32 + random.nextInt(96));
            if (damaged[place] != change) {
                damaged[place] = change;
                // A change of the id's random bits gives another position, and no rights.
                try {
                    assertNotEquals(ID, PageToken.parse(new String(damaged), JobFilter.ALL));
                } catch (WorkerException refused) {
                    assertEquals(Reason.PAGE_TOKEN_INVALID, refused.reason());
                }
            }
        }
    }

    private static void assertInvalid(String token, JobFilter filter) {
        WorkerException refused = assertThrows(WorkerException.class, () -> PageToken.parse(token, filter));
        assertEquals(Reason.PAGE_TOKEN_INVALID, refused.reason());
    }
}

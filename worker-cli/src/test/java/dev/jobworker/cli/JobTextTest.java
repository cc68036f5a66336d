package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.core.Cause;
import dev.jobworker.core.Descendants;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.Signal;
import java.util.List;
import org.junit.jupiter.api.Test;

final class JobTextTest {
    private static final String HOSTILE = "a\u001b[2J\r\n\u0007\u009b\u202eb\u2028\ud800";

    @Test
    void table_withHostileArguments_escapesControlsAndKeepsLetters() {
        Job job = Jobs.of(
                JobSpec.of("prüfe", "a\u001b[2J\r\n\u0007\u009b\u202eb\u2028", "日本"),
                new JobStatus.Running(7, Jobs.CREATED));
        String table = JobText.table(List.of(job), false);
        assertEquals(2, table.lines().count());
        assertTrue(table.contains("prüfe"), table);
        assertTrue(table.contains("日本"), table);
        assertTrue(table.contains("a\\u{1b}[2J\\r\\n\\u{7}\\u{9b}\\u{202e}b\\u{2028}"), table);
    }

    @Test
    void details_withHostileEvidence_areOneFactALine() {
        String details = JobText.details(Jobs.of(JobSpec.of("true"), new JobStatus.Lost(HOSTILE, Jobs.CREATED)), false);
        assertTrue(details.chars().noneMatch(c -> Character.isISOControl(c) && c != '\n'), details);
        assertTrue(details.contains("a\\u{1b}[2J\\r\\n"), details);
        assertTrue(details.contains("\\u{d800}"), details);
    }

    @Test
    void command_thatIsLong_isCutByCharactersNotBytes() {
        String shown = Text.command(List.of("echo", "𝄞".repeat(200)));
        assertEquals(80, shown.codePointCount(0, shown.length()));
        assertTrue(shown.endsWith("𝄞…"), shown);
    }

    @Test
    void command_isQuotedAsAShellWants() {
        assertEquals("sh -c 'echo \"$A\"' '' 'it'\\''s'", Text.shell(List.of("sh", "-c", "echo \"$A\"", "", "it's")));
    }

    @Test
    void colours_onlyOnATerminal() {
        Job job = Jobs.ended(new ExitStatus.Code(0), Cause.Kind.OWN_ACCORD);
        assertFalse(JobText.table(List.of(job), false).contains("\u001b"));
        assertTrue(JobText.table(List.of(job), true).contains("\u001b"));
    }

    @Test
    void details_ofWhatIsNotTheDefault_areShown() {
        String plain = JobText.details(Jobs.ended(new ExitStatus.Code(0), Cause.Kind.OWN_ACCORD), false);
        for (String fact : List.of("Input:", "Stopped by:", "Descendants:")) {
            assertFalse(plain.contains(fact), plain);
        }
        JobSpec spec = JobSpec.builder("true")
                .streamInput(true)
                .stopSignal(Signal.HUP)
                .descendants(Descendants.WAIT)
                .build();
        String all = JobText.details(Jobs.of(spec, new JobStatus.Running(0, Jobs.CREATED)), false);
        assertTrue(all.contains("Input:       0 bytes\n"), all);
        assertTrue(all.contains("Stopped by:  SIGHUP\n"), all);
        assertTrue(all.contains("Descendants: waits for them\n"), all);
        assertTrue(all.contains("Process:     the main one has ended, others have not\n"), all);
    }

    @Test
    void remark_tellsWhatTheCodeDoesNot() {
        assertEquals("", JobText.remark(Jobs.ended(new ExitStatus.Code(3), Cause.Kind.OWN_ACCORD)));
        Job killed = Jobs.of(
                JobSpec.of("true"),
                Jobs.endedStatus(
                        new ExitStatus.Signaled(Signal.KILL, false),
                        new Cause(Cause.Kind.STOP_REQUEST, "spiffe://example.test/user/bob", true)));
        assertEquals(
                "job " + Jobs.ID + " ended with SIGKILL (stop requested by spiffe://example.test/user/bob,"
                        + " killed after the grace period)",
                JobText.remark(killed));
    }
}

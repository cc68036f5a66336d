package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The short form of the crash matrix; {@code .ci/torture} runs the long one. {@code -Dtorture.seed=N} replays a seed. */
@Timeout(600)
final class CrashMatrixTest {
    @Test
    void g7_s15_s16_s17_s18_s20_workersKilledAtEveryStepAndAtRandom_nothingIsLostOrRunTwice() throws Exception {
        long seed = Long.getLong("torture.seed", ThreadLocalRandom.current().nextLong(1_000_000));
        // Every other one dies at a fault point, each in its turn.
        int kills = Torture.repetitions(2 * FaultPoint.values().length);
        CrashMatrix.Result result = CrashMatrix.run(new CrashMatrix.Settings(seed, kills, CrashMatrix.temporary()));
        assertEquals(List.of(), result.violations());
        assertEquals(EnumSet.allOf(FaultPoint.class), result.reached(), () -> "seed " + seed);
    }
}

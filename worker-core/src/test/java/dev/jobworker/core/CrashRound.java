package dev.jobworker.core;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What one worker of the crash matrix will live through, drawn before it starts.
 *
 * @param number counts from 1
 * @param settling whether it lives until every job has ended and all of it was read, and is closed then
 * @param helperKill which helper is killed besides
 * @param helperKillAfter at which answer of the worker that happens; -1 for before it starts
 */
record CrashRound(
        int number,
        boolean settling,
        boolean sync,
        EngineOptions.OnWorkerDeath onWorkerDeath,
        Death death,
        HelperKill helperKill,
        int helperKillAfter,
        List<CrashJob> jobs) {

    private static final int SETTLING_EVERY = 12;

    /** How the worker dies. */
    sealed interface Death {
        /** SIGKILL at some time after it began to open its engine: it may not be done by then. */
        record AtOpening(int millis) implements Death {}

        /** SIGKILL at some time after it opened its engine. */
        record AfterReady(int millis) implements Death {}

        /** SIGKILL right after it gave so many answers. */
        record AfterAnswers(int answers) implements Death {}

        /** SIGKILL at a fault point. */
        record AtFault(FaultPoint point, int pass) implements Death {}

        /** A planned restart under load. */
        record Close(int millis) implements Death {}
    }

    enum HelperKill {
        NONE,
        SHIM,
        LAUNCHER,
        BOTH
    }

    /** Draws round {@code number}: every other one dies at a fault point, each in its turn. */
    static CrashRound draw(long seed, int number, boolean last, CrashJob.Source source) {
        SplittableRandom random = new SplittableRandom(seed * 1_000_003 + number);
        boolean settling = last || number % SETTLING_EVERY == 0;
        FaultPoint[] points = FaultPoint.values();
        int turn = number / 2;
        FaultPoint point = points[turn % points.length];
        Death death = number % 2 == 1
                ? new Death.AtFault(point, 1 + turn / points.length % 4)
                : switch (random.nextInt(10)) {
                    case 0, 1 -> new Death.AtOpening(random.nextInt(250));
                    case 2, 3, 4 -> new Death.AfterReady(random.nextInt(250));
                    case 5 -> new Death.Close(random.nextInt(250));
                    default -> new Death.AfterAnswers(random.nextInt(120));
                };
        HelperKill helperKill = switch (random.nextInt(20)) {
            case 0, 1, 2 -> HelperKill.SHIM;
            case 3 -> HelperKill.LAUNCHER;
            case 4 -> HelperKill.BOTH;
            default -> HelperKill.NONE;
        };
        int after = random.nextInt(4) == 0 ? -1 : random.nextInt(40);
        if (death instanceof Death.AtFault && point == FaultPoint.LOSS_FOUND) {
            helperKill = HelperKill.SHIM;
            after = Math.min(after, 0);
            death = new Death.AtFault(point, 1);
        }
        List<CrashJob> jobs = new ArrayList<>();
        int count = settling ? 0 : 4 + random.nextInt(5);
        for (int i = 0; i < count; i++) {
            // One that lives on, one that ends at once: so there is always something to lose and something to delete.
            CrashJob.Kind wanted = switch (i) {
                case 0 -> CrashJob.Kind.GATED;
                case 1 -> CrashJob.Kind.CHATTY;
                default -> null;
            };
            jobs.add(source.draw(random, number * 100 + i, wanted));
        }
        return new CrashRound(
                number,
                settling,
                random.nextInt(4) == 0,
                random.nextInt(10) == 0 ? EngineOptions.OnWorkerDeath.KILL : EngineOptions.OnWorkerDeath.LEAVE_RUNNING,
                death,
                settling ? HelperKill.NONE : helperKill,
                after,
                jobs);
    }

    String scenario() {
        return settling
                ? "s16"
                : switch (death) {
                    case Death.AtOpening _, Death.AfterReady _, Death.AfterAnswers _ -> "s15 s16 s17";
                    case Death.AtFault(FaultPoint point, int _) ->
                        switch (point) {
                            case FOLDER_MADE, FOLDER_WRITTEN, REQUEST_SENT, REPLY_RECEIVED, JOB_ENTERED -> "s17";
                            case LOSS_FOUND -> "s18";
                            default -> "s15";
                        };
                    case Death.Close _ -> "s20";
                };
    }

    /** Says in words how its worker ends. */
    String what() {
        return settling
                ? "worker that sees the end of all jobs"
                : switch (death) {
                    case Death.AtOpening _ -> "worker killed about the time that it opens, at random";
                    case Death.AfterReady _ -> "worker killed under load, at a random time";
                    case Death.AfterAnswers _ -> "worker killed under load, at a random answer";
                    case Death.AtFault(FaultPoint point, int _) -> "worker killed at " + point;
                    case Death.Close _ -> "planned restart under load";
                };
    }
}

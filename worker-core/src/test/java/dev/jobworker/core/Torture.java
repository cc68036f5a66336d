package dev.jobworker.core;

import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** How often a test of a scenario repeats what it does: a little in every build, often under {@code .ci/torture}. */
final class Torture {
    private static final Pattern SCENARIO = Pattern.compile("_(s\\d\\d)(?=_)");

    private Torture() {}

    /**
     * Returns {@code usual} times the system property {@code torture.scale}, and says so on standard output, where {@code .ci/torture} finds it.
     * To be called by the thread of a test method whose name has its scenarios, {@code g7_s15_s16_...}.
     */
    static int repetitions(int usual) {
        int repetitions = usual * Integer.getInteger("torture.scale", 1);
        System.out.println("torture: " + scenarios() + " repetitions=" + repetitions);
        return repetitions;
    }

    /** Returns {@code usual}, or {@code torture} under {@code .ci/torture}, and says how much of {@code what} that is, as {@link #repetitions} does. */
    static int scaled(String what, int usual, int torture) {
        int amount = Integer.getInteger("torture.scale", 1) > 1 ? torture : usual;
        System.out.println("torture: " + scenarios() + " " + what + "=" + amount);
        return amount;
    }

    private static String scenarios() {
        return StackWalker.getInstance()
                .walk(frames -> frames.map(StackWalker.StackFrame::getMethodName)
                        .map(name -> SCENARIO.matcher(name)
                                .results()
                                .map(Torture::scenario)
                                .collect(Collectors.joining(" ")))
                        .filter(found -> !found.isEmpty())
                        .findFirst()
                        .orElseThrow(() -> new IllegalStateException("not called by a test that names its scenario")));
    }

    private static String scenario(MatchResult match) {
        return match.group(1);
    }
}

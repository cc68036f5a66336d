package dev.jobworker.core;

/** How much of what is too much for every build: the whole of it with {@code -Dtorture=long}. */
final class TortureScale {
    private TortureScale() {}

    /** Returns the first number, or the second one under torture, and says so as {@code what} of the scenario. */
    static int scaled(int scenario, String what, int gate, int torture) {
        int chosen = "long".equals(System.getProperty("torture")) ? torture : gate;
        System.out.println("torture: s%02d %s=%d".formatted(scenario, what, chosen));
        return chosen;
    }
}

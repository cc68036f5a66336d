package dev.jobworker.core;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A job of the crash matrix: what it does, what it must print, how it must end, and what the client will do with it. All of it is drawn before the
 * job starts, so that one seed gives the same jobs whatever happens to them.
 *
 * @param number names its files and its processes
 * @param lines how much it prints
 * @param code its exit code, if it comes to that
 * @param follow the view that the client follows from the start, or null
 * @param copies how many calls with its request id are made at a time
 * @param repeated whether the client asks again if it has no answer
 * @param deleted whether the client removes the job when it has seen all of it
 * @param gateRounds how many workers it lives through, if it waits at its gate
 * @param releasedWhileDown whether its gate opens while no worker runs
 */
record CrashJob(
        int number,
        UUID requestId,
        Kind kind,
        int lines,
        int code,
        boolean merge,
        @Nullable OutputView follow,
        int copies,
        boolean repeated,
        boolean deleted,
        int gateRounds,
        boolean releasedWhileDown,
        String token,
        Path runs,
        Path gate) {

    private static final List<Integer> SIGNALS = List.of(1, 6, 9, 10, 11, 13, 14, 15);

    /** What a job does. {@code gated} ones wait until their gate opens, {@code stopped} ones until they are stopped. */
    enum Kind {
        INSTANT(false, false),
        CHATTY(false, false),
        BULK(false, false),
        BINARY(false, false),
        INPUT(false, false),
        SIGNALLED(false, false),
        DAEMONS(true, false),
        SILENT(true, false),
        GATED(true, false),
        STOPPABLE(false, true),
        OBEDIENT(false, true),
        STUBBORN(false, true),
        FROZEN(false, true),
        TIMED(false, false),
        MISSING(false, false);

        final boolean gated;
        final boolean stopped;

        Kind(boolean gated, boolean stopped) {
            this.gated = gated;
            this.stopped = stopped;
        }

        /** Whether it runs for as long as the client wants. */
        boolean waits() {
            return gated || stopped;
        }
    }

    /** Makes jobs that know where they may leave their traces. */
    record Source(Path directory, String run) {
        CrashJob draw(SplittableRandom random, int number, @Nullable Kind wanted) {
            Kind[] kinds = Kind.values();
            Kind drawn = kinds[random.nextInt(kinds.length)];
            Kind kind = wanted == null ? drawn : wanted;
            OutputView[] views = OutputView.values();
            int view = random.nextInt(2 * views.length);
            int size = random.nextInt(100);
            return new CrashJob(
                    number,
                    new UUID(
                            (random.nextLong() & ~0xF000L) | 0x4000L,
                            (random.nextLong() & 0x3FFF_FFFF_FFFF_FFFFL) | Long.MIN_VALUE),
                    kind,
                    size < 70 ? 1 + random.nextInt(20) : 200 + random.nextInt(1500),
                    List.of(0, 1, 2, 126, 127, 128, 137, 255).get(random.nextInt(8)),
                    kind != Kind.BULK && random.nextInt(5) == 0,
                    view < views.length ? views[view] : null,
                    random.nextInt(4) == 0 ? 3 : 1,
                    random.nextInt(10) != 0,
                    random.nextInt(3) != 0 || wanted == Kind.CHATTY,
                    random.nextInt(4) + (wanted == null ? 0 : 1),
                    random.nextBoolean(),
                    "99999.%s%07d".formatted(run, number),
                    directory.resolve("runs/" + number),
                    directory.resolve("gates/" + number));
        }
    }

    List<String> argv() {
        return kind == Kind.MISSING ? List.of("/nonexistent/" + number) : List.of("sh", "-c", script());
    }

    byte[] input() {
        return kind == Kind.INPUT ? lines("i").getBytes(StandardCharsets.US_ASCII) : new byte[0];
    }

    boolean usesGate() {
        return kind.gated || kind.stopped || kind == Kind.TIMED;
    }

    long timeoutMillis() {
        return kind == Kind.TIMED ? 150 : 0;
    }

    Duration grace() {
        return Duration.ofMillis(kind == Kind.STUBBORN ? 20 + lines % 200 : 20_000);
    }

    /** Dies without a core file, whatever the machine's habits are. */
    int signal() {
        return SIGNALS.get(code % SIGNALS.size());
    }

    private String script() {
        String wait = "read go < " + gate + "; ";
        String print = "i=0; while [ $i -lt " + lines + " ]; do echo \"o $i " + number + "\"; echo \"e $i " + number
                + "\" >&2; i=$((i+1)); done; ";
        String exit = "exit " + code;
        return "echo " + requestId + " >> " + runs + "; "
                + switch (kind) {
                    case INSTANT -> exit;
                    case CHATTY -> print + exit;
                    case BULK ->
                        "seq -f '" + number + " %.0f' " + 20 * lines + " >&2 & seq " + 20 * lines + "; wait; " + exit;
                    case BINARY ->
                        "i=0; while [ $i -lt " + lines
                                + " ]; do printf '\\303'; printf '\\251\\000\\377'; i=$((i+1)); done; " + exit;
                    case INPUT -> "cat; " + exit;
                    case SIGNALLED -> print + "ulimit -c 0; kill -" + signal() + " $$; exit 99";
                    case DAEMONS ->
                        "env -i setsid sleep " + token + " < /dev/null > /dev/null 2>&1 & (setsid sleep " + token
                                + " &); sleep " + token + " & echo up; " + wait + exit;
                    case SILENT -> wait + exit;
                    case GATED -> print + wait + print + exit;
                    case STOPPABLE -> print + wait;
                    case OBEDIENT -> "trap 'exit 42' TERM; " + print + wait;
                    case STUBBORN -> "trap '' TERM INT HUP; " + print + wait;
                    case FROZEN -> print + "kill -STOP $$; " + wait;
                    case TIMED -> print + wait;
                    case MISSING -> throw new IllegalStateException("has no script");
                };
    }

    private String lines(String stream) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < lines; i++) {
            text.append(stream).append(' ').append(i).append(' ').append(number).append('\n');
        }
        return text.toString();
    }

    /** Returns what it prints on a stream if it comes to its own end (or, for those that are stopped, may print before). */
    byte[] expected(StdStream stream) {
        if (merge) {
            return stream == StdStream.STDOUT ? merged() : new byte[0];
        }
        return stream == StdStream.STDOUT ? stdout() : stderr();
    }

    private byte[] stdout() {
        return switch (kind) {
            case INSTANT, SILENT, MISSING -> new byte[0];
            case CHATTY, SIGNALLED, STOPPABLE, OBEDIENT, STUBBORN, FROZEN, TIMED -> ascii(lines("o"));
            case GATED -> ascii(lines("o") + lines("o"));
            case BULK -> sequence("");
            case INPUT -> input();
            case DAEMONS -> ascii("up\n");
            case BINARY -> {
                byte[] one = {(byte) 0xC3, (byte) 0xA9, 0, (byte) 0xFF};
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                for (int i = 0; i < lines; i++) {
                    all.writeBytes(one);
                }
                yield all.toByteArray();
            }
        };
    }

    private byte[] stderr() {
        return switch (kind) {
            case INSTANT, SILENT, MISSING, INPUT, DAEMONS, BINARY -> new byte[0];
            case CHATTY, SIGNALLED, STOPPABLE, OBEDIENT, STUBBORN, FROZEN, TIMED -> ascii(lines("e"));
            case GATED -> ascii(lines("e") + lines("e"));
            case BULK -> sequence(number + " ");
        };
    }

    private byte[] merged() {
        StringBuilder both = new StringBuilder();
        for (int i = 0; i < lines; i++) {
            both.append("o ").append(i).append(' ').append(number).append('\n');
            both.append("e ").append(i).append(' ').append(number).append('\n');
        }
        return switch (kind) {
            case INSTANT, SILENT, MISSING, INPUT, DAEMONS, BINARY, BULK -> stdout();
            case CHATTY, SIGNALLED, STOPPABLE, OBEDIENT, STUBBORN, FROZEN, TIMED -> ascii(both.toString());
            case GATED -> ascii(both.toString() + both);
        };
    }

    private byte[] sequence(String prefix) {
        StringBuilder text = new StringBuilder();
        for (int i = 1; i <= 20 * lines; i++) {
            text.append(prefix).append(i).append('\n');
        }
        return ascii(text.toString());
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

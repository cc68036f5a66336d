package dev.jobworker.cli;

import java.util.List;
import java.util.stream.Collectors;

/** Text that came from elsewhere, made harmless for a terminal. */
final class Text {
    private static final int MAX_COMMAND = 80;

    private Text() {}

    /** Returns {@code text} with everything visible that could move a cursor, change a colour or reorder what one reads. */
    static String escape(String text) {
        StringBuilder out = new StringBuilder(text.length());
        text.codePoints().forEach(point -> {
            switch (point) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (isVisible(point)) {
                        out.appendCodePoint(point);
                    } else {
                        out.append("\\u{%x}".formatted(point));
                    }
                }
            }
        });
        return out.toString();
    }

    /** Returns words as one would type them in a shell, escaped. */
    static String shell(List<String> words) {
        return words.stream().map(Text::quote).collect(Collectors.joining(" "));
    }

    /** Returns a command as one would type it, cut if it is long. */
    static String command(List<String> argv) {
        String all = shell(argv);
        return all.codePointCount(0, all.length()) <= MAX_COMMAND
                ? all
                : all.substring(0, all.offsetByCodePoints(0, MAX_COMMAND - 1)) + "…";
    }

    private static String quote(String word) {
        return word.matches("[A-Za-z0-9_@%+=:,./-]+")
                ? word
                : "'" + escape(word).replace("'", "'\\''") + "'";
    }

    private static boolean isVisible(int point) {
        return switch (Character.getType(point)) {
            // FORMAT has the bidirectional controls; a lone surrogate cannot be written at all.
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            default -> true;
        };
    }
}

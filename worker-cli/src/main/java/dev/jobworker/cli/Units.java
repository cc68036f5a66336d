package dev.jobworker.cli;

import dev.jobworker.core.JobId;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.ResourceLimit;
import dev.jobworker.core.Signal;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The values that options take, as text. */
final class Units {
    private static final Pattern DURATION = Pattern.compile("([0-9]{1,18}(?:\\.[0-9]{1,9})?)(ms|s|m|h|d)");
    private static final Map<String, Long> NANOS = Map.of(
            "ms",
            1_000_000L,
            "s",
            1_000_000_000L,
            "m",
            60_000_000_000L,
            "h",
            3_600_000_000_000L,
            "d",
            86_400_000_000_000L);
    private static final Pattern SIZE = Pattern.compile("([0-9]{1,19})([kKMG]?)");
    private static final String UNIT_LETTERS = "kMG";

    private Units() {}

    static void register(CommandLine line) {
        line.registerConverter(Duration.class, Units::duration);
        line.registerConverter(JobId.class, Units::jobId);
        line.registerConverter(Signal.class, Units::signal);
    }

    static Duration duration(String text) {
        Matcher matcher = DURATION.matcher(text);
        if (!matcher.matches()) {
            throw new TypeConversionException(
                    "'" + Text.escape(text) + "' is not a duration such as 10s, 1.5s, 2m, 1h, 500ms, 1d");
        }
        BigInteger nanos = new BigDecimal(matcher.group(1))
                .multiply(BigDecimal.valueOf(NANOS.getOrDefault(matcher.group(2), 1L)))
                .toBigInteger();
        BigInteger[] parts = nanos.divideAndRemainder(BigInteger.valueOf(1_000_000_000));
        try {
            return Duration.ofSeconds(parts[0].longValueExact(), parts[1].longValueExact());
        } catch (ArithmeticException e) {
            throw tooLarge(text, e);
        }
    }

    /** Returns a duration as JSON and tables have it: seconds with as many decimals as needed, "1.5s". */
    static String text(Duration duration) {
        return BigDecimal.valueOf(duration.getSeconds())
                        .add(BigDecimal.valueOf(duration.getNano(), 9))
                        .stripTrailingZeros()
                        .toPlainString()
                + "s";
    }

    static long size(String text) {
        Matcher matcher = SIZE.matcher(text);
        if (!matcher.matches()) {
            throw new TypeConversionException(
                    "'" + Text.escape(text) + "' is not a number of bytes such as 1000, 64k, 10M, 2G");
        }
        int power = matcher.group(2).isEmpty() ? 0 : UNIT_LETTERS.indexOf(unit(matcher.group(2))) + 1;
        try {
            return new BigInteger(matcher.group(1)).shiftLeft(10 * power).longValueExact();
        } catch (ArithmeticException e) {
            throw tooLarge(text, e);
        }
    }

    private static String unit(String letter) {
        return letter.equals("K") ? "k" : letter;
    }

    private static TypeConversionException tooLarge(String text, ArithmeticException cause) {
        TypeConversionException e = new TypeConversionException("'" + text + "' is too large");
        e.initCause(cause);
        return e;
    }

    static JobId jobId(String text) {
        return JobId.parse(text)
                .orElseThrow(() -> new TypeConversionException("'" + Text.escape(text) + "' is not a job id"));
    }

    static Signal signal(String text) {
        return Signal.parse(text)
                .orElseThrow(() -> new TypeConversionException(
                        "'" + Text.escape(text) + "' is not a signal such as SIGHUP, HUP or 1"));
    }

    /** The name of a resource limit. */
    static final class Limit implements ITypeConverter<ResourceLimit> {
        @Override
        public ResourceLimit convert(String text) {
            return ResourceLimit.parse(text)
                    .orElseThrow(() -> new TypeConversionException("'" + Text.escape(text) + "' is not one of "
                            + Arrays.stream(ResourceLimit.values())
                                    .map(ResourceLimit::label)
                                    .collect(Collectors.joining(", "))));
        }
    }

    /** A number of bytes with an optional unit. */
    static final class Size implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            return size(text);
        }
    }

    /** What to do at the output limit; with a dash where Java has an underscore. */
    static final class AtLimit implements ITypeConverter<OutputPolicy.AtLimit> {
        @Override
        public OutputPolicy.AtLimit convert(String text) {
            return Arrays.stream(OutputPolicy.AtLimit.values())
                    .filter(value -> value.name().replace('_', '-').equalsIgnoreCase(text))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException(
                            "'" + Text.escape(text) + "' is not one of truncate, kill, keep-tail"));
        }
    }

    /** A file mode creation mask: octal, as umask(1) takes it. */
    static final class Umask implements ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            if (!text.matches("[0-7]{1,4}")) {
                throw new TypeConversionException("'" + Text.escape(text) + "' is not an octal mask such as 022");
            }
            return Integer.parseInt(text, 8);
        }
    }
}

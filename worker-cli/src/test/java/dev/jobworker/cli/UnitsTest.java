package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

final class UnitsTest {

    @ParameterizedTest
    @CsvSource({
        "10s, PT10S",
        "1.5s, PT1.5S",
        "2m, PT2M",
        "1h, PT1H",
        "500ms, PT0.5S",
        "1d, P1D",
        "0s, PT0S",
        "0.000000001s, PT0.000000001S"
    })
    void duration_withUnit_isTaken(String text, Duration expected) {
        assertEquals(expected, Units.duration(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "10", "-1s", "1 s", "s", "1.s", ".5s", "1e3s", "10S", "999999999999999999d", "1h30m"})
    void duration_withoutUnitOrIllFormed_isRefused(String text) {
        assertThrows(TypeConversionException.class, () -> Units.duration(text));
    }

    @ParameterizedTest
    @CsvSource({"PT1.5S, 1.5s", "PT0S, 0s", "PT10S, 10s", "PT2H, 7200s", "PT0.000001S, 0.000001s"})
    void text_ofDuration_isSecondsWithoutTrailingZeros(Duration duration, String expected) {
        assertEquals(expected, Units.text(duration));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1000, 1000", "64k, 65536", "64K, 65536", "10M, 10485760", "2G, 2147483648"})
    void size_withOptionalUnit_isTaken(String text, long expected) {
        assertEquals(expected, Units.size(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-1", "1.5M", "1T", "1 k", "9999999999G", "99999999999999999999"})
    void size_illFormedOrTooLarge_isRefused(String text) {
        assertThrows(TypeConversionException.class, () -> Units.size(text));
    }

    @Test
    void jobId_ofAnotherShape_isRefusedWithoutControlCharacters() {
        var e = assertThrows(TypeConversionException.class, () -> Units.jobId("../\u001b[31m"));
        assertEquals("'../\\u{1b}[31m' is not a job id", e.getMessage());
    }
}

package io.passatelli.app;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

class HumanTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.0 KiB",
        "1048524, 1023.9 KiB",
        "1048575, 1.0 MiB",
        "9223372036854775807, 8.0 EiB",
    })
    void bytesHaveAUnitOfAThousandAndTwentyFour(long bytes, String text) {
        assertThat(Human.bytes(bytes)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0.0s",
        "9949, 9.9s",
        "10000, 10s",
        "59999, 59s",
        "60000, 1m00s",
        "3599999, 59m59s",
        "3600000, 1h00m",
        "86399999, 23h59m",
        "86400000, 1d00h",
        "8640000000, 100d00h",
    })
    void durationHasItsTwoLargestUnits(long ms, String text) {
        assertThat(Human.duration(ms)).isEqualTo(text);
    }

    @Test
    void whatIsNotKnownIsADash() {
        assertThat(Human.bytes(null) + Human.duration(null) + Human.micros(null) + Human.count(null) + Human.text(null))
                .isEqualTo("-----");
    }
}

package io.passatelli.config;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Map;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class AnnotationsTest {
    @ParameterizedTest
    @CsvSource({"1280, 1280", "1500, 1500", "65520, 65520", "' 9000 ', 9000", "01500, 1500"})
    void anMtuIsRead(String text, int mtu) {
        assertThat(Annotations.mtu(Map.of(Annotations.MTU, text))).isEqualTo(mtu);
    }

    @Test
    void withoutOneItIsTheLargest() {
        assertThat(Annotations.mtu(Map.of())).isEqualTo(65_520);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "1279",
                "65521",
                "-1500",
                "+1500",
                "1500 bytes",
                "9999999999999",
                "0x5dc",
                "\u0661\u0665\u0660\u0660"
            })
    void anotherMtuIsRefused(String text) {
        assertThatThrownBy(() -> Annotations.mtu(Map.of(Annotations.MTU, text)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("passatelli\\.io/mtu: '[ -~]*' is not a number of bytes from 1280 to 65520");
    }

    @Test
    void whatHasNoEffectIsSaid() {
        assertThat(Annotations.remarks(Set.of(
                        Annotations.FORWARD,
                        Annotations.TRANSPORT,
                        Annotations.MTU,
                        Annotations.DNS,
                        Annotations.OUTBOUND,
                        Annotations.CONTROLLER_KEY,
                        Annotations.STATUS,
                        "example.com/forward")))
                .isEmpty();
        assertThat(Annotations.remarks(Set.of("passatelli.io/foward", "passatelli.io/Mtu")))
                .containsExactly(
                        "annotation passatelli.io/Mtu is none that we know, so it has no effect",
                        "annotation passatelli.io/foward is none that we know, so it has no effect");
    }
}

package io.passatelli.base;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class MacTest {
    @Property
    void whatIsWrittenIsReadBack(@ForAll @LongRange(min = 0, max = 0xffff_ffff_ffffL) long bits) {
        var mac = new Mac(bits);
        assertThat(Mac.parse(mac.toString())).isEqualTo(mac);
        assertThat(mac.toString()).matches("([0-9a-f]{2}:){5}[0-9a-f]{2}");
    }

    @Test
    void octetsStandInTheirOrderInEitherCaseAndWithEitherMark() {
        assertThat(Mac.parse("9A:55:9a:55:9a:56").bits()).isEqualTo(0x9a559a559a56L);
        assertThat(Mac.parse("00-11-22-33-44-55").bits()).isEqualTo(0x001122334455L);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "00:11:22:33:44",
                "00:11:22:33:44:55:66",
                "0:11:22:33:44:55",
                "000:11:22:33:44:5",
                "00:11:22:33:44:5g",
                "001122334455",
                "00:11:22:33:44:55 ",
                "00:11:22:33:44:55\n",
                "00.11.22.33.44.55",
            })
    void otherTextIsRefusedWithAReason(String text) {
        assertThatThrownBy(() -> Mac.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + text + "'")
                .hasMessageContaining("six hexadecimal octets");
    }

    @Test
    void groupBitIsTheLowestOfTheFirstOctet() {
        assertThat(Mac.isGroup(Mac.BROADCAST.bits())).isTrue();
        assertThat(Mac.isGroup(Mac.parse("01:00:5e:00:00:01").bits())).isTrue();
        assertThat(Mac.isGroup(Mac.parse("33:33:00:00:00:01").bits())).isTrue();
        assertThat(Mac.isGroup(Mac.parse("02:ff:ff:ff:ff:ff").bits())).isFalse();
        assertThat(Mac.isGroup(Mac.ZERO.bits())).isFalse();
    }
}

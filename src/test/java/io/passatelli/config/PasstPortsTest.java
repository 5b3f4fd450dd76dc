package io.passatelli.config;

import io.passatelli.base.Limits;
import io.passatelli.config.PortForward.Protocol;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;
import java.util.StringJoiner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PasstPortsTest {
    private static List<PortForward> parse(String... specs) {
        return PasstPorts.parse(Protocol.UDP, List.of(specs));
    }

    private static String text(String... specs) {
        return String.join(
                "; ", parse(specs).stream().map(PortForward::toString).toList());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "none | ''",
                "53 | UDP 53",
                "1 | UDP 1",
                "65535 | UDP 65535",
                "00080 | UDP 80",
                "5353:53 | UDP 5353 to 53",
                "53:53 | UDP 53",
                "100-199 | UDP 100-199",
                "100-100 | UDP 100",
                "100-199:1100-1199 | UDP 100-199 to 1100-1199",
                "1-65535 | UDP 1-65535",
                "53,123:1123,1000-1001 | UDP 53; UDP 123 to 1123; UDP 1000-1001",
            })
    void portsAreRead(String spec, String rules) {
        assertThat(text(spec)).isEqualTo(rules);
    }

    @Test
    void aRuleListensEverywhere() {
        assertThat(parse("7:8")).containsExactly(new PortForward(Protocol.UDP, null, null, 7, 7, 8));
    }

    @Test
    void rulesAreOfTheProtocolThatIsAskedFor() {
        assertThat(PasstPorts.parse(Protocol.TCP, List.of("7:8", "22")))
                .containsExactly(
                        new PortForward(Protocol.TCP, null, null, 7, 7, 8),
                        new PortForward(Protocol.TCP, null, null, 22, 22, 22));
    }

    @Test
    void specificationsAddUp() {
        assertThat(text("53", "54:1054,60-61")).isEqualTo("UDP 53; UDP 54 to 1054; UDP 60-61");
        assertThat(parse()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | 1 | a port is missing",
                "53, | 4 | a port is missing",
                ",53 | 1 | ',' is no port",
                "53,,54 | 4 | ',' is no port",
                "53: | 4 | a port is missing",
                "53- | 4 | a port is missing",
                "-53 | 1 | '-' is no port",
                "53-54-55 | 6 | '-' cannot stand here",
                "53:54:55 | 6 | ':' cannot stand here",
                "53 54 | 3 | ' ' cannot stand here",
                "domain | 1 | 'd' is no port",
                "5x | 2 | 'x' cannot stand here",
                "0 | 1 | 0 is not a port from 1 to 65535",
                "80:0 | 4 | 0 is not a port from 1 to 65535",
                "65536 | 1 | 65536 is not a port from 1 to 65535",
                "80-99999999999 | 4 | 99999999999 is not a port from 1 to 65535",
                "54-53 | 4 | the range 54-53 ends before it begins",
                "10-19:20-28 | 7 | a range of 9 ports cannot be the target of 10",
                "10-19:20 | 7 | a range of 1 ports cannot be the target of 10",
                "53,53:54 | 4 | port 53 is forwarded already",
                "50-60,7,55-70 | 9 | port 55 is forwarded already",
                "53,none | 4 | 'none' stands alone",
                "all | 1 | 'all' is not supported",
                "53,auto | 4 | 'auto' is not supported",
                "~53 | 1 | exclusions are not supported",
                "1-100,~53 | 7 | exclusions are not supported",
                "192.0.2.1/53 | 10 | addresses and interfaces to listen on are not supported",
                "[2001:db8::1]/53 | 14 | addresses and interfaces to listen on are not supported",
                "2001:db8::1/53 | 12 | addresses and interfaces to listen on are not supported",
                "%eth0/53 | 6 | addresses and interfaces to listen on are not supported",
                "%eth0 | 1 | interfaces to listen on are not supported",
                "53:192.0.2.1/54 | 13 | target addresses are not supported",
            })
    void whatIsWrongIsSaidWithItsColumn(String spec, int column, String why) {
        assertThatThrownBy(() -> parse(spec))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'" + spec + "', column " + column + ": " + why);
    }

    @Test
    void noneStandsAlone() {
        assertThat(parse("none")).isEmpty();
        assertThatThrownBy(() -> parse("53", "none"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'none' stands alone, and 2 specifications are given");
    }

    @Test
    void portsOfTwoSpecificationsDoNotOverlap() {
        assertThatThrownBy(() -> parse("50-60", "60"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'60', column 1: port 60 is forwarded already");
    }

    @Test
    void rulesAreBounded() {
        StringJoiner most = new StringJoiner(",");
        for (int port = 1; port <= Limits.FORWARD_RULES; port++) {
            most.add(Integer.toString(port));
        }
        assertThat(parse(most.toString())).hasSize(Limits.FORWARD_RULES);
        assertThatThrownBy(() -> parse(most + ",65535"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("there are more than " + Limits.FORWARD_RULES + " rules");
    }

    @Property
    void whatIsWrittenIsRead(
            @ForAll @IntRange(min = 1, max = 65_535) int first,
            @ForAll @IntRange(max = 1_000) int more,
            @ForAll @IntRange(min = 1, max = 65_535) int target) {
        int last = Math.min(65_535, first + more);
        int to = Math.min(target, 65_535 - (last - first));
        assertThat(parse(first + "-" + last + ":" + to + "-" + (to + last - first)))
                .containsExactly(new PortForward(Protocol.UDP, null, null, first, last, to));
    }

    @Property
    void anyTextIsReadOrRefused(
            @ForAll
                    @StringLength(max = 24)
                    @Chars({'0', '1', '5', '9', ',', ',', '-', ':', '/', '~', '%', '.', '[', 'n', 'o', 'e', ' '})
                    String spec) {
        try {
            assertThat(parse(spec)).hasSizeLessThanOrEqualTo(Limits.FORWARD_RULES);
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageContaining("column");
        }
    }
}

package io.passatelli.config;

import io.passatelli.base.Ip;
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
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.StringJoiner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PasstPortsTest {
    private static final EphemeralPorts EPHEMERAL = new EphemeralPorts(32_768, 60_999);

    private static List<PortForward> parse(String... specs) {
        return PasstPorts.parse(Protocol.UDP, List.of(specs), EPHEMERAL);
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
                // where
                "*/53 | UDP 53",
                "*/53:54,60 | UDP 53 to 54; UDP 60",
                "192.0.2.1/53 | UDP 192.0.2.1 53",
                "192.0.2.1/53,54:1054 | UDP 192.0.2.1 53; UDP 192.0.2.1 54 to 1054",
                "0.0.0.0/53 | UDP 0.0.0.0 53",
                "127.0.0.1/53 | UDP 127.0.0.1 53",
                "2001:db8::1/53 | UDP 2001:db8::1 53",
                "1:2::3/53 | UDP 1:2::3 53",
                "53:fd00::1/54 | UDP 53:fd00::1 54", // a target would need an address that listens
                "1:2:3:4:5:6:7:8/53 | UDP 1:2:3:4:5:6:7:8 53",
                "::/53 | UDP :: 53",
                "::1/53 | UDP ::1 53",
                "[2001:db8::1]/53 | UDP 2001:db8::1 53",
                "%eth0/53 | UDP % eth0 53",
                "*%eth0/53 | UDP % eth0 53",
                "192.0.2.1%eth0.100/53 | UDP 192.0.2.1 % eth0.100 53",
                "fe80::1%br-lan/53 | UDP fe80::1 % br-lan 53",
                "[fe80::1]%br-lan/53 | UDP fe80::1 % br-lan 53",
                "%abcdefghijklmno/53 | UDP % abcdefghijklmno 53",
                // target addresses
                "192.0.2.1/53:10.0.0.2 | UDP 192.0.2.1 53 to 10.0.0.2 53",
                "192.0.2.1/53:10.0.0.2/54 | UDP 192.0.2.1 53 to 10.0.0.2 54",
                "192.0.2.1/50-59:10.0.0.2 | UDP 192.0.2.1 50-59 to 10.0.0.2 50-59",
                "192.0.2.1/50-59:10.0.0.2/60-69,7 | UDP 192.0.2.1 50-59 to 10.0.0.2 60-69; UDP 192.0.2.1 7",
                "0.0.0.0%eth0/53:10.0.0.2 | UDP 0.0.0.0 % eth0 53 to 10.0.0.2 53",
                "::/53:fd00::2/54 | UDP :: 53 to fd00::2 54",
                "::/53:[fd00::2]/54 | UDP :: 53 to fd00::2 54",
                "::/53:[fd00::2] | UDP :: 53 to fd00::2 53",
                "::/53:1:2:3:4:5:6:7:8 | UDP :: 53 to 1:2:3:4:5:6:7:8 53",
                "fe80::1%eth0/53:fe80::2 | UDP fe80::1 % eth0 53 to fe80::2 53",
                // exclusions
                "1-100,~20-29 | UDP 1-19; UDP 30-100",
                "~20-29,1-100 | UDP 1-19; UDP 30-100",
                "1-100:1001-1100,~1,~50 | UDP 2-49 to 1002-1049; UDP 51-100 to 1051-1100",
                "1-100,~90-200 | UDP 1-89",
                "5,6,~7 | UDP 5; UDP 6",
                "192.0.2.1/1-3:10.0.0.2/11-13,~2 | UDP 192.0.2.1 1 to 10.0.0.2 11; UDP 192.0.2.1 3 to 10.0.0.2 13",
                "40000 | UDP 40000",
                // all
                "all | UDP 1-32767; UDP 61000-65535",
                "*/all | UDP 1-32767; UDP 61000-65535",
                "all,~80 | UDP 1-79; UDP 81-32767; UDP 61000-65535",
                "~80 | UDP 1-79; UDP 81-32767; UDP 61000-65535",
                "~30000-61999 | UDP 1-29999; UDP 62000-65535",
                "~1-32767,~61001-65535 | UDP 61000",
                "192.0.2.1%eth0/~2-65535 | UDP 192.0.2.1 % eth0 1",
                "192.0.2.1/all:10.0.0.2 | UDP 192.0.2.1 1-32767 to 10.0.0.2 1-32767; UDP 192.0.2.1 61000-65535 to 10.0.0.2 61000-65535",
                "::/all:[fd00::2],~1-65534 | UDP :: 65535 to fd00::2 65535",
                "all,40000:80 | UDP 1-32767; UDP 61000-65535; UDP 40000 to 80",
            })
    void portsAreRead(String spec, String rules) {
        assertThat(text(spec)).isEqualTo(rules);
    }

    @Test
    void aRuleListensEverywhere() {
        assertThat(parse("7:8")).containsExactly(new PortForward(Protocol.UDP, null, null, 7, 7, 8));
    }

    @Test
    void partsOfARuleAreWhereTheyBelong() {
        assertThat(parse("192.0.2.1%eth0/7-8:10.0.0.2/17-18"))
                .containsExactly(new PortForward(
                        Protocol.UDP, Ip.parse("192.0.2.1"), "eth0", 7, 8, Ip.parse("10.0.0.2"), 17, false));
    }

    @Test
    void rulesAreOfTheProtocolThatIsAskedFor() {
        assertThat(PasstPorts.parse(Protocol.TCP, List.of("7:8", "22"), EPHEMERAL))
                .containsExactly(
                        new PortForward(Protocol.TCP, null, null, 7, 7, 8),
                        new PortForward(Protocol.TCP, null, null, 22, 22, 22));
    }

    @Test
    void specificationsAddUp() {
        assertThat(text("53", "54:1054,60-61")).isEqualTo("UDP 53; UDP 54 to 1054; UDP 60-61");
        assertThat(parse()).isEmpty();
    }

    @Test
    void anExclusionIsOfItsSpecificationAlone() {
        assertThat(text("10-12,~11", "11:80")).isEqualTo("UDP 10; UDP 12; UDP 11 to 80");
    }

    @ParameterizedTest
    @CsvSource({"all, true", "~7, true", "'all,~7', true", "'1-100,~7', false", "'7', false", "1-65535, false"})
    void onlyRulesThatNameNoPortMayBeHadInPart(String spec, boolean weak) {
        assertThat(parse(spec)).isNotEmpty().allMatch(rule -> rule.weak() == weak);
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
                "domain | 1 | 'domain' is no port",
                "53:domain | 4 | 'd' is no port",
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
                // words
                "53,none | 4 | 'none' stands alone",
                "192.0.2.1/none | 11 | 'none' stands alone",
                "auto | 1 | 'auto' is of pasta alone: nobody sees the ports of a guest",
                "53,auto | 4 | 'auto' is of pasta alone: nobody sees the ports of a guest",
                "all,80 | 5 | port 80 is forwarded already",
                "all,all | 5 | port 1 is forwarded already",
                "allx | 1 | 'allx' is no port",
                "all1 | 4 | '1' cannot stand here",
                "all-80 | 4 | '-' cannot stand here",
                "all: | 5 | behind 'all' stands an address of the guest alone",
                "all:80 | 5 | behind 'all' stands an address of the guest alone",
                "0.0.0.0/all:10.0.0.2/80 | 21 | '/' cannot stand here",
                // exclusions
                "~ | 2 | a port is missing",
                "~all | 2 | 'a' is no port",
                "~53:54 | 4 | ':' cannot stand here",
                "~9-8 | 4 | the range 9-8 ends before it begins",
                "53,~53 | 1 | all of it is excluded",
                "7,50-59,~1-6,~40-60 | 3 | all of it is excluded",
                "~1-65535 | 1 | all of it is excluded",
                "0.0.0.0/~1-32767,~61000-65535 | 9 | all of it is excluded",
                // where
                "%eth0 | 6 | '/' and ports are missing",
                "* | 2 | '/' and ports are missing",
                "[::1] | 6 | '/' and ports are missing",
                "192.0.2.1 | 4 | '.' cannot stand here",
                "/53 | 1 | '/' is no port",
                "22/53 | 3 | '/' cannot stand here",
                "22,192.0.2.1/53 | 7 | '.' cannot stand here",
                "192.0.2.1/ | 11 | a port is missing",
                "192.0.2.256/53 | 1 | '192.0.2.256' is not an IP address: octet 256 is over 255",
                "2001:db8:1/53 | 1 | '2001:db8:1' is not an IP address: an IPv6 address has eight groups",
                "[2001:db8::1/53 | 1 | '[2001:db8::1' is not an IP address: '[2001' is not 1 to 4 digits",
                "[192.0.2.1]/53 | 1 | only IPv6 addresses stand in brackets",
                "**/53 | 1 | '**' is not an IP address: an IPv4 address has four octets",
                "%/53 | 2 | the name of an interface is missing",
                "192.0.2.1%/53 | 11 | the name of an interface is missing",
                "%abcdefghijklmnop/53 | 2 | an interface's name has at most 15 characters",
                "%eth%0/53 | 5 | '%' cannot stand in an interface's name",
                "%eth 0/53 | 5 | ' ' cannot stand in an interface's name",
                "53,%eth0 | 4 | '%' is no port",
                "%eth0/53,192.0.2.1/54 | 13 | '.' cannot stand here",
                // target addresses
                "53:192.0.2.1/54 | 4 | a target address needs an address of its family that listens",
                "53:192.0.2.1 | 4 | a target address needs an address of its family that listens",
                "5-6:fd00::1/5-6 | 5 | a target address needs an address of its family that listens",
                "*/53:192.0.2.1 | 6 | a target address needs an address of its family that listens",
                "%eth0/53:192.0.2.1 | 10 | a target address needs an address of its family that listens",
                "all:192.0.2.1/3 | 5 | a target address needs an address of its family that listens",
                "0.0.0.0/53:fd00::2 | 12 | the target address is of another family than the one that listens",
                "::/53:10.0.0.2/53 | 7 | the target address is of another family than the one that listens",
                "0.0.0.0/53:224.0.0.1 | 12 | 224.0.0.1 is no address at which a guest can be reached",
                "0.0.0.0/53:0.0.0.0 | 12 | 0.0.0.0 is no address at which a guest can be reached",
                "0.0.0.0/53:127.0.0.1 | 12 | 127.0.0.1 is no address at which a guest can be reached",
                "0.0.0.0/53:255.255.255.255 | 12 | 255.255.255.255 is no address at which a guest can be reached",
                "::/53:[::1] | 7 | ::1 is no address at which a guest can be reached",
                "::/53:[ff02::1]/54 | 7 | ff02::1 is no address at which a guest can be reached",
                "0.0.0.0/53:10.0.0.2.3 | 12 | '10.0.0.2.3' is not an IP address: an IPv4 address has four octets",
                "0.0.0.0/53:10.0.0.2/ | 21 | a port is missing",
                "0.0.0.0/53:10.0.0.2/54-55 | 21 | a range of 2 ports cannot be the target of 1",
                "0.0.0.0/53:10.0.0.2:54 | 12 | '10.0.0.2:54' is not an IP address: '10.0.0.2' is not 1 to 4 digits",
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

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "50-60 | 60",
                "50-60 | 0.0.0.0/60:80",
                "50-60 | ::/60",
                "::/60 | 50-60",
                "192.0.2.1/60 | 192.0.2.1/50-60",
                "%eth0/60 | *%eth0/60",
                "%eth0/60 | ::%eth0/60",
                "192.0.2.1%eth0/60 | 192.0.2.1%eth0/60",
                "~59 | 60",
            })
    void rulesForOnePlaceDoNotOverlap(String first, String second) {
        assertThatThrownBy(() -> parse(first, second))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("'" + second + "', column ")
                .hasMessageEndingWith(": port 60 is forwarded already");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "60 | 192.0.2.1/60",
                "0.0.0.0/60 | ::/60",
                "192.0.2.1/60 | 192.0.2.2/60",
                "60 | %eth0/60",
                "%eth0/60 | %eth1/60",
                "192.0.2.1%eth0/60 | 192.0.2.1/60",
                "~60 | 60",
                "all | 40000",
            })
    void rulesForOtherPlacesMayOverlap(String first, String second) {
        assertThat(parse(first, second)).hasSizeGreaterThanOrEqualTo(2);
    }

    @Test
    void rulesAreBounded() {
        StringJoiner most = new StringJoiner(",");
        for (int port = 1; port <= Limits.PASST_RULES; port++) {
            most.add(Integer.toString(port));
        }
        assertThat(parse(most.toString())).hasSize(Limits.PASST_RULES);
        assertThatThrownBy(() -> parse(most + ",65535"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("there are more than " + Limits.PASST_RULES + " rules");
        assertThatThrownBy(() -> parse(most.toString(), "192.0.2.1/all"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'192.0.2.1/all', column 11: there are more than " + Limits.PASST_RULES + " rules");
    }

    @Test
    void whatExclusionsSplitIsOneRule() {
        StringJoiner most = new StringJoiner(",");
        most.add("1000-2000");
        for (int i = 1; i <= Limits.PASST_RULES; i++) {
            most.add("~" + (1000 + 2 * i));
        }
        assertThat(parse(most.toString())).hasSize(Limits.PASST_RULES + 1);
        assertThatThrownBy(() -> parse(most + ",~5"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("there are more than " + Limits.PASST_RULES + " exclusions");
    }

    @Test
    void messagesArePrintable() {
        assertThatThrownBy(() -> parse("5\n\u00fc"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'5\\u000a\\u00fc', column 2: '\\u000a' cannot stand here");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1-65535", "2-65534", "40000-40000"})
    void ephemeralPortsThatAreNamedAreForwarded(String spec) {
        assertThat(parse(spec)).hasSize(1);
    }

    @Test
    void ifAllPortsAreEphemeralThereIsNothingLeft() {
        assertThatThrownBy(() -> PasstPorts.parse(Protocol.TCP, List.of("all"), new EphemeralPorts(1, 65_535)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'all', column 1: all of it is excluded");
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
                    @Chars({
                        '0', '1', '5', '9', ',', ',', '-', ':', ':', '/', '~', '%', '.', '[', ']', '*', 'a', 'l', ' '
                    })
                    String spec) {
        PassedText.assertReadOrRefused(spec);
    }
}

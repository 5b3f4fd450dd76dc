package io.passatelli.config;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.ForwardRules.Item;
import io.passatelli.config.PortForward.Protocol;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.StringLength;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** In tables rules stand as they are written in the annotation, forwards as they are logged. */
class ForwardRulesTest {
    private static final EphemeralPorts EPHEMERAL = new EphemeralPorts(32_768, 60_999);
    private static final List<PortRange> RESERVED =
            List.of(new PortRange(Protocol.TCP, 15_987, 15_989), new PortRange(Protocol.TCP, 15_001, 15_001));

    private static String forwards(String annotation, String specPorts, List<PortRange> reserved) {
        List<PortForward> base = specPorts.isEmpty()
                ? List.of()
                : List.of(specPorts.split(" ")).stream().map(PortForward::parse).toList();
        return ForwardRules.parse(annotation).resolve(base, reserved, EPHEMERAL).forwards().stream()
                .map(rule -> (rule.weak() ? "weak " : "") + rule)
                .collect(Collectors.joining("; "));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // as documented
                "tcp:2222:22, tcp:8000-8010, udp:53 | tcp:2222:22, tcp:8000-8010, udp:53",
                "none, tcp:443:8443 | none, tcp:443:8443",
                "!tcp:9100 | !tcp:9100",
                "auto | auto",
                // words
                "all | all",
                "none | none",
                "auto,all | all, auto",
                "none all auto | none, all, auto",
                "none,tcp:80,none | none, tcp:80",
                // items
                "any:53 | any:53",
                "tcp:80:80 | tcp:80",
                "tcp:80-80:90-90 | tcp:80:90",
                "udp:00053 | udp:53",
                "tcp:1-65535 | tcp:1-65535",
                "tcp:all | tcp:all",
                "udp:all/4 | udp:all/4",
                "!any:all | !any:all",
                "!any:all/6 | !any:all/6",
                "tcp:80/4 | tcp:80/4",
                "tcp:80:8080/6 | tcp:80:8080/6",
                "any:10-19:20-29/4 | any:10-19:20-29/4",
                "!udp:10-19 | !udp:10-19",
                // separators and repetition
                "'' | ''",
                "' ' | ''",
                "' tcp:80 ' | tcp:80",
                "tcp:80 udp:80 | tcp:80, udp:80",
                "tcp:80,udp:80 | tcp:80, udp:80",
                "'tcp:80  ,   udp:80' | tcp:80, udp:80",
                "tcp:80,tcp:80 | tcp:80",
                "tcp:80,tcp:80:80,any:80 | tcp:80, any:80",
                "tcp:80-89,tcp:85 | tcp:80-89, tcp:85",
                "tcp:80:90,udp:80:91 | tcp:80:90, udp:80:91",
                "tcp:80:90/4,tcp:80:91/6 | tcp:80:90/4, tcp:80:91/6",
                "tcp:80,!tcp:80 | tcp:80, !tcp:80",
                // JSON
                "[] | ''",
                "'[ ]' | ''",
                "'  [ ] ' | ''",
                "[\"tcp:80\"] | tcp:80",
                "'[ \"none\" , \"tcp:443:8443\",\"!any:53\" ]' | none, tcp:443:8443, !any:53",
                "[\"auto\",\"auto\"] | auto",
            })
    void rulesAreReadAndWritten(String annotation, String rules) {
        assertThat(ForwardRules.parse(annotation)).hasToString(rules);
        assertThat(ForwardRules.parse(rules)).isEqualTo(ForwardRules.parse(annotation));
    }

    @Test
    void everyWhiteSpaceSeparates() {
        assertThat(ForwardRules.parse("tcp:1\ttcp:2\n tcp:3\r\ntcp:4,\n\ttcp:5\n"))
                .hasToString("tcp:1, tcp:2, tcp:3, tcp:4, tcp:5");
        assertThat(ForwardRules.parse("[\n\t\"tcp:1\",\r\n\"tcp:2\"\n]\n")).hasToString("tcp:1, tcp:2");
    }

    @Test
    void partsAreWhereTheyBelong() {
        assertThat(ForwardRules.parse("none auto any:10-19:20-29/6 !tcp:5"))
                .isEqualTo(new ForwardRules(
                        true,
                        false,
                        true,
                        List.of(
                                new Item(false, null, false, 10, 19, 20, Ip.UNSPECIFIED6),
                                new Item(true, Protocol.TCP, false, 5, 5, 5, null))));
        assertThat(ForwardRules.parse("")).isEqualTo(ForwardRules.NOTHING);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tpc:80 | 1 | 'tpc' is neither none, all, auto, tcp, udp nor any",
                "TCP:80 | 1 | 'TCP' is neither none, all, auto, tcp, udp nor any",
                "tcp:80, 443 | 9 | '443' is neither none, all, auto, tcp, udp nor any",
                "allx | 1 | 'allx' is neither none, all, auto, tcp, udp nor any",
                "!none | 2 | 'none' is neither tcp, udp nor any",
                "!all | 2 | 'all' is neither tcp, udp nor any",
                "!auto | 2 | 'auto' is neither tcp, udp nor any",
                "!!tcp:80 | 2 | '!tcp' is neither tcp, udp nor any",
                "! tcp:80 | 2 | an item is missing",
                "! | 2 | an item is missing",
                ", | 1 | an item is missing",
                ",tcp:80 | 1 | an item is missing",
                "tcp:80, | 8 | an item is missing",
                "tcp:80,,udp:53 | 8 | an item is missing",
                "tcp | 4 | ':' is missing",
                "tcp 80 | 4 | ' ' cannot stand here",
                "tcp: | 5 | a port is missing",
                "tcp: 80 | 5 | ' ' is no port",
                "tcp:http | 5 | 'http' is neither ports nor all",
                "tcp:0 | 5 | 0 is not a port from 1 to 65535",
                "tcp:65536 | 5 | 65536 is not a port from 1 to 65535",
                "tcp:80:123456 | 8 | 123456 is not a port from 1 to 65535",
                "tcp:80- | 8 | a port is missing",
                "tcp:80-79 | 8 | the range 80-79 ends before it begins",
                "tcp:80-89:90 | 11 | a range of 1 ports cannot be the target of 10",
                "tcp:80:90-91 | 8 | a range of 2 ports cannot be the target of 1",
                "tcp:80: | 8 | a port is missing",
                "tcp:80:81:82 | 10 | ':' cannot stand here",
                "tcp:80;udp:53 | 7 | ';' cannot stand here",
                "tcp:all:80 | 8 | 'all' has no ports of the guest",
                "!tcp:all:80 | 9 | 'all' has no ports of the guest",
                "!tcp:80:81 | 8 | an exclusion has no ports of the guest",
                "tcp:80/ | 8 | 4 or 6 is wanted here",
                "tcp:80/5 | 8 | 4 or 6 is wanted here",
                "tcp:80/46 | 9 | '6' cannot stand here",
                "tcp:80/4:90 | 9 | ':' cannot stand here",
                "all/4 | 4 | '/' cannot stand here",
                "tcp:80 none | 8 | 'none' stands first or not at all",
                "all,none | 5 | 'none' stands first or not at all",
                "tcp:80:90,tcp:80 | 11 | port 80 is forwarded to 90 already",
                "tcp:70-90,any:80:90 | 11 | port 80 is forwarded to 80 already",
                "any:80:90/4 udp:80 | 13 | port 80 is forwarded to 90 already",
                "tcp:80,tcp:79-81:179-181/6 | 8 | port 80 is forwarded to 80 already",
                // JSON
                "[ | 2 | a string in double quotes is wanted here",
                "[80] | 2 | a string in double quotes is wanted here",
                "[null] | 2 | a string in double quotes is wanted here",
                "[[\"tcp:80\"]] | 2 | a string in double quotes is wanted here",
                "['tcp:80'] | 2 | a string in double quotes is wanted here",
                "[\"tcp:80\",] | 11 | a string in double quotes is wanted here",
                "[\"\"] | 3 | an item is missing",
                "[\" tcp:80\"] | 3 | an item is missing",
                "[\"tcp:80 \"] | 9 | ' ' cannot stand here",
                "[\"tcp:80,udp:53\"] | 9 | ',' cannot stand here",
                "[\"tcp:80\\/4\"] | 9 | '\\' cannot stand here",
                "[\"tcp:80 | 9 | '\"' is missing",
                "[\"tcp:80\" | 10 | ']' is missing",
                "[\"tcp:80\" \"udp:53\"] | 11 | '\"' cannot stand here",
                "[\"tcp:80\"] tcp:81 | 12 | 't' cannot stand here",
                "[\"tcp:80\",\"none\"] | 12 | 'none' stands first or not at all",
                "{\"tcp\":80} | 1 | '{' is neither none, all, auto, tcp, udp nor any",
            })
    void whatIsWrongIsSaidWithItsColumn(String annotation, int column, String why) {
        assertThatThrownBy(() -> ForwardRules.parse(annotation))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("column " + column + ": " + why);
    }

    @Test
    void textAndItemsAreBounded() {
        String most = IntStream.rangeClosed(1, Limits.FORWARD_ITEMS)
                .mapToObj(i -> "!any:" + (10_000 + 2 * i) + "-" + (10_001 + 2 * i) + "/4")
                .collect(Collectors.joining(", "));
        assertThat(ForwardRules.parse(most).items()).hasSize(Limits.FORWARD_ITEMS);
        assertThatThrownBy(() -> ForwardRules.parse(most + " tcp:1"))
                .hasMessage("column " + (most.length() + 2) + ": there are more than 255 items");
        String padded = "tcp:1" + " ".repeat(Limits.FORWARD_TEXT_CHARS - 5);
        assertThat(ForwardRules.parse(padded)).hasToString("tcp:1");
        assertThatThrownBy(() -> ForwardRules.parse(padded + " "))
                .hasMessage("column 12289: there are more than 12288 characters");
    }

    @Test
    void messagesAreShortAndPrintable() {
        assertThatThrownBy(() -> ForwardRules.parse("x".repeat(5_000)))
                .hasMessage("column 1: '" + "x".repeat(40) + "...' is neither none, all, auto, tcp, udp nor any");
        assertThatThrownBy(() -> ForwardRules.parse("\u00fc".repeat(5_000)))
                .hasMessage(
                        "column 1: '" + "\\u00fc".repeat(6) + "\\u00...' is neither none, all, auto, tcp, udp nor any");
        assertThatThrownBy(() -> ForwardRules.parse("tcp:80\u0000"))
                .hasMessage("column 7: '\\u0000' cannot stand here");
        assertThatThrownBy(() -> ForwardRules.parse("tcp:" + "9".repeat(5_000)))
                .hasMessage("column 5: " + "9".repeat(40) + "... is not a port from 1 to 65535");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // base: the ports of the VMI, or all TCP ports
                "'' | tcp:80:8080 udp:53 | TCP 80 to 8080; UDP 53",
                "'' | '' | weak TCP 1-32767; weak TCP 61000-65535",
                "none | tcp:80:8080 udp:53 | ''",
                "none | '' | ''",
                "auto | tcp:80 | TCP 80",
                // as documented
                "tcp:2222:22, tcp:8000-8010, udp:53 | tcp:80 | TCP 80; TCP 2222 to 22; TCP 8000-8010; UDP 53",
                "none, tcp:443:8443 | tcp:80 | TCP 443 to 8443",
                "!tcp:9100 | '' | weak TCP 1-9099; weak TCP 9101-32767; weak TCP 61000-65535",
                "!tcp:9100 | tcp:80 tcp:9100 | TCP 80",
                // an item wins over the base and over all
                "tcp:80:8080 | tcp:80 | TCP 80 to 8080",
                "tcp:80:8080 | tcp:79-81 | TCP 79; TCP 80 to 8080; TCP 81",
                "tcp:80 | '' | weak TCP 1-79; TCP 80; weak TCP 81-32767; weak TCP 61000-65535",
                "tcp:80:8080 | '' | weak TCP 1-79; TCP 80 to 8080; weak TCP 81-32767; weak TCP 61000-65535",
                "tcp:40000 | '' | weak TCP 1-32767; TCP 40000; weak TCP 61000-65535",
                "all | tcp:80:8080 | weak TCP 1-79; TCP 80 to 8080; weak TCP 81-32767; weak TCP 61000-65535",
                "none all | tcp:80:8080 | weak TCP 1-32767; weak TCP 61000-65535",
                "none tcp:all | tcp:80:8080 | weak TCP 1-32767; weak TCP 61000-65535",
                "none any:all !any:1-65534 | '' | weak TCP 65535; weak UDP 65535",
                "udp:all !udp:2-65535 | tcp:80 | TCP 80; weak UDP 1",
                // exclusions win
                "tcp:80,!tcp:80 | tcp:22 | TCP 22",
                "!tcp:8005,tcp:8000-8010:9000-9010 | tcp:22 | TCP 22; TCP 8000-8004 to 9000-9004; TCP 8006-8010 to 9006-9010",
                "!udp:53 | tcp:53 udp:53 | TCP 53",
                "!any:53 | tcp:53 udp:53 | ''",
                "!any:all | tcp:53 udp:53 | ''",
                "!tcp:all | '' | ''",
                "!any:1-100 | tcp:1 udp:100 | ''",
                // families
                "none tcp:80/4 | '' | TCP 0.0.0.0 80",
                "none tcp:80:8080/6 | '' | TCP :: 80 to 8080",
                "none tcp:80/4 tcp:80/6 | '' | TCP 80",
                "tcp:80:8080/4 | tcp:80 | TCP 0.0.0.0 80 to 8080; TCP :: 80",
                "!tcp:80/6 | tcp:80 | TCP 0.0.0.0 80",
                "!tcp:all/6 | tcp:80 udp:53 | TCP 0.0.0.0 80; UDP 53",
                "none tcp:all/6 !tcp:2-65535 | '' | weak TCP :: 1",
                "!tcp:2-65535/4 !tcp:3-65535 | '' | weak TCP 1; weak TCP :: 2",
                // neighbours become one rule if they lead to neighbours
                "none tcp:80 tcp:81 tcp:82:83 | '' | TCP 80-81; TCP 82 to 83",
                "none tcp:65535 tcp:1 | '' | TCP 1; TCP 65535",
            })
    void whatIsForwardedComesOfTheBaseAndTheItems(String annotation, String specPorts, String forwards) {
        assertThat(forwards(annotation, specPorts, List.of())).isEqualTo(forwards);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tcp:15987 | tcp:80 | TCP 80",
                "tcp:15980-15990:80-90 | tcp:1 | TCP 1; TCP 15980-15986 to 80-86; TCP 15990 to 90",
                "udp:15987 | tcp:80 tcp:15001 | TCP 80; UDP 15987",
                "none tcp:all !tcp:1-15000 !tcp:15988-65535 | '' | weak TCP 15002-15986",
                "all | tcp:80 | weak TCP 1-79; TCP 80; weak TCP 81-15000; weak TCP 15002-15986; weak TCP 15990-32767; weak TCP 61000-65535",
            })
    void reservedPortsAreNeverForwarded(String annotation, String specPorts, String forwards) {
        assertThat(forwards(annotation, specPorts, RESERVED)).isEqualTo(forwards);
    }

    @Test
    void orderDoesNotMatter() {
        List<String> some = List.of("all", "tcp:80:8080/4", "!tcp:81", "udp:53/4", "tcp:70-79");
        String expected = forwards(String.join(" ", some), "tcp:22", RESERVED);
        assertThat(expected).contains("TCP 0.0.0.0 80 to 8080", "TCP 70-79", "UDP 0.0.0.0 53");
        for (int from = 0; from < some.size(); from++) {
            List<String> turned = new ArrayList<>(some.subList(from, some.size()));
            turned.addAll(some.subList(0, from));
            assertThat(forwards(String.join(" ", turned), "tcp:22", RESERVED)).isEqualTo(expected);
        }
    }

    @Test
    void whoAsksForAReservedPortIsTold() {
        var rules = ForwardRules.parse("tcp:15980-15990 !tcp:15001 all");
        assertThat(rules.resolve(List.of(PortForward.parse("tcp:15001")), RESERVED, EPHEMERAL)
                        .remarks())
                .containsExactly("TCP port 15987 is reserved, so it is not forwarded");
        assertThat(ForwardRules.NOTHING.resolve(List.of(), RESERVED, EPHEMERAL).remarks())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp:8080:80", "udp:5000-5009", "tcp:1-10:11-20/4", "udp:53/6"})
    void oneItemIsOneRule(String item) {
        Item expected = ForwardRules.parse(item).items().getFirst();
        assertThat(PortForward.parse(item))
                .isEqualTo(new PortForward(
                        expected.protocol() == Protocol.TCP ? Protocol.TCP : Protocol.UDP,
                        expected.family(),
                        null,
                        expected.first(),
                        expected.last(),
                        null,
                        expected.target(),
                        false));
    }

    @Test
    void allIsNoRuleByItself() {
        assertThatThrownBy(() -> PortForward.parse("tcp:all/4"))
                .hasMessage("column 1: 'all' is no rule by itself: say which ports, such as 1-32767");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | 1 | an item is missing",
                "all | 1 | a rule begins with tcp or udp",
                "none | 1 | a rule begins with tcp or udp",
                "auto | 1 | a rule begins with tcp or udp",
                "!tcp:80 | 1 | an exclusion is no rule",
                "any:80 | 1 | 'any' is two rules, tcp and udp",
                "tcp:80 tcp:81 | 7 | ' ' cannot stand here",
                "' tcp:80' | 1 | an item is missing",
                "tcp:80:0 | 8 | 0 is not a port from 1 to 65535",
            })
    void whatIsNotOneRuleIsRefused(String item, int column, String why) {
        assertThatThrownBy(() -> PortForward.parse(item))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("column " + column + ": " + why);
    }

    @Property
    void whatIsWrittenIsRead(@ForAll("rules") ForwardRules rules) {
        String text = rules.toString();
        String json = text.isEmpty() ? "[]" : "[\"" + text.replace(", ", "\",\"") + "\"]";
        ForwardRules read;
        try {
            read = ForwardRules.parse(text);
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageContaining("already");
            return;
        }
        assertThat(read).isEqualTo(rules);
        assertThat(ForwardRules.parse(json)).isEqualTo(rules);
    }

    @Provide
    Arbitrary<ForwardRules> rules() {
        Arbitrary<Boolean> flag = Arbitraries.of(true, false);
        return Combinators.combine(
                        flag, flag, flag, item().list().uniqueElements().ofMaxSize(6))
                .as(ForwardRules::new);
    }

    private static Arbitrary<Item> item() {
        Arbitrary<@Nullable Protocol> protocol = Arbitraries.of(Protocol.class).injectNull(0.3);
        Arbitrary<@Nullable Ip> family =
                Arbitraries.of(Ip.UNSPECIFIED4, Ip.UNSPECIFIED6).injectNull(0.5);
        Arbitrary<Integer> port = Arbitraries.integers().between(1, 60_000);
        Arbitrary<Integer> more = Arbitraries.integers().between(0, 5_000);
        Arbitrary<Integer> kind = Arbitraries.integers().between(0, 4);
        return Combinators.combine(kind, protocol, port, more, port, family).as((k, its, first, rest, target, ip) -> {
            boolean every = k == 0;
            boolean excluded = k == 1;
            return every
                    ? new Item(first > 30_000, its, true, 1, 65_535, 1, ip)
                    : new Item(excluded, its, false, first, first + rest, excluded ? first : target, ip);
        });
    }

    @Property
    void anyTextIsReadOrRefused(
            @ForAll
                    @StringLength(max = 24)
                    @Chars({
                        '0', '1', '5', '9', ',', ' ', '-', ':', ':', '/', '4', '!', '[', ']', '"', 't', 'c', 'p', 'a',
                        'l', 'n'
                    })
                    String text) {
        PassedText.assertAnnotationReadOrRefused(text);
    }

    @Property
    void anyItemsAreReadOrRefused(@ForAll("items") List<String> items) {
        PassedText.assertAnnotationReadOrRefused(String.join(" ", items));
    }

    @Provide
    Arbitrary<List<String>> items() {
        return Arbitraries.of(
                        "none",
                        "all",
                        "auto",
                        "tcp:",
                        "udp:",
                        "any:",
                        "!",
                        "!tcp:",
                        "80",
                        ":81",
                        "-90",
                        "/4",
                        "/6",
                        "tcp:all",
                        "any:5",
                        "!udp:7-9",
                        "tcp:1:2/4")
                .list()
                .ofMaxSize(4)
                .map(parts -> String.join("", parts))
                .list()
                .ofMaxSize(4);
    }
}

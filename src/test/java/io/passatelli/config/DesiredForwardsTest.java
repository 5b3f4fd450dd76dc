package io.passatelli.config;

import io.passatelli.config.PortForward.Protocol;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class DesiredForwardsTest {
    private static final EphemeralPorts EPHEMERAL = new EphemeralPorts(32_768, 60_999);
    private static final int[] ISTIO = {15_000, 15_001, 15_004, 15_006, 15_008, 15_009, 15_020, 15_021, 15_053, 15_090};

    private static ForwardRules.Resolution desired(String specPorts, @Nullable String annotation, boolean istio) {
        List<PortForward> base = Stream.of(specPorts.split(" "))
                .filter(port -> !port.isEmpty())
                .map(PortForward::parse)
                .toList();
        return DesiredForwards.of(base, annotation, istio, EPHEMERAL);
    }

    private static String text(ForwardRules.Resolution resolution) {
        return resolution.forwards().stream()
                .map(rule -> (rule.weak() ? "weak " : "") + rule)
                .collect(Collectors.joining("; "));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tcp:80 udp:53 | | TCP 80; UDP 53",
                "tcp:80 udp:53 | '' | TCP 80; UDP 53",
                "'' | | weak TCP 1-15986; weak TCP 15990-15998; weak TCP 16000-32767; weak TCP 61000-65535",
                "tcp:80 | tcp:2222:22 | TCP 80; TCP 2222 to 22",
                "tcp:80 | none, tcp:2222:22 | TCP 2222 to 22",
                "tcp:80 | tcp:80:8080 | TCP 80 to 8080",
                "tcp:80 tcp:81 | !tcp:80 | TCP 81",
                "tcp:80 tcp:15988 | | TCP 80",
                "tcp:80 | tcp:15980-16000 | TCP 80; TCP 15980-15986; TCP 15990-15998; TCP 16000",
                "udp:15987 udp:15999 | | UDP 15987; UDP 15999",
                "'' | none | ''",
                "tcp:80 | auto | TCP 80",
                "tcp:80 | none, auto | ''",
            })
    void baseAnnotationAndReserve(String specPorts, @Nullable String annotation, String expected) {
        assertThat(text(desired(specPorts, annotation, false))).isEqualTo(expected);
    }

    @Test
    void istiosPortsAreItsOwnOnlyWhereItIs() {
        ForwardRules.Resolution without = desired("tcp:80", "tcp:15000-15100", false);
        assertThat(text(without)).isEqualTo("TCP 80; TCP 15000-15100");
        assertThat(without.remarks()).isEmpty();
        ForwardRules.Resolution with = desired("tcp:80", "tcp:15000-15100 udp:15001", true);
        for (int port = 15_000; port <= 15_100; port++) {
            int one = port;
            boolean its = Arrays.stream(ISTIO).anyMatch(taken -> taken == one);
            assertThat(with.forwards().stream()
                            .anyMatch(rule ->
                                    rule.protocol() == Protocol.TCP && rule.first() <= one && one <= rule.last()))
                    .as("%d", port)
                    .isEqualTo(!its);
        }
        assertThat(with.forwards()).contains(PortForward.parse("udp:15001"));
        assertThat(with.remarks()).hasSize(ISTIO.length).allMatch(remark -> remark.contains("reserved"));
    }

    @Test
    void autoWithoutAControllerIsSaid() {
        assertThat(desired("tcp:80", "auto", false).remarks())
                .containsExactly("auto opens nothing before a controller has looked at the Services of the cluster");
    }

    @Test
    void whatIsWrongHoldsInNoPart() {
        assertThatThrownBy(() -> desired("tcp:80", "tcp:443 tpc:80", false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("passatelli.io/forward, column 9: 'tpc' is neither none, all, auto, tcp, udp nor any");
        assertThat(text(DesiredForwards.withoutAnnotation(List.of(PortForward.parse("tcp:80")), false, EPHEMERAL)))
                .isEqualTo("TCP 80");
        assertThat(DesiredForwards.withoutAnnotation(List.of(), false, EPHEMERAL)
                        .forwards())
                .isEmpty();
    }
}

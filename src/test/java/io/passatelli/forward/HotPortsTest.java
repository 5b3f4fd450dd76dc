package io.passatelli.forward;

import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;

import java.util.BitSet;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import static org.assertj.core.api.Assertions.assertThat;

class HotPortsTest {
    private static BitSet ports(int first, int last) {
        BitSet ports = new BitSet();
        ports.set(first, last + 1);
        return ports;
    }

    private static Set<Integer> of(HotPorts hot) {
        return IntStream.range(0, hot.count()).mapToObj(hot::port).collect(Collectors.toSet());
    }

    @Test
    void wellKnownOnesAreThereAsFarAsTheyAreWanted() {
        HotPorts hot = new HotPorts();
        hot.begin(ports(20, 443));
        assertThat(of(hot)).contains(22, 80, 443).allMatch(port -> port >= 20 && port <= 443);
    }

    @Test
    void theOnesSeenLastStayAndTheWellKnownAnyway() {
        HotPorts hot = new HotPorts();
        hot.begin(ports(1, 65_535));
        hot.seen(80);
        int wellKnown = hot.count();
        for (int port = 20_000; port < 21_000; port++) {
            hot.seen(port);
        }
        assertThat(hot.count()).isEqualTo(Limits.SWEEP_HOT_PORTS);
        Set<Integer> all = of(hot);
        assertThat(all)
                .hasSize(Limits.SWEEP_HOT_PORTS)
                .contains(22, 80, 443, 20_999, 21_000 - (all.size() - wellKnown));
        assertThat(all).doesNotContain(20_000, 21_000 - (all.size() - wellKnown) - 1);
    }

    @Test
    void whatIsWantedNoMoreIsForgottenAndTheRestIsNot() {
        HotPorts hot = new HotPorts();
        hot.begin(ports(1, 65_535));
        hot.seen(20_000);
        hot.seen(30_001);
        hot.begin(ports(1, 30_000));
        assertThat(of(hot)).contains(80, 20_000).doesNotContain(30_001);
        hot.seen(30_000);
        assertThat(of(hot)).contains(20_000, 30_000);
    }
}

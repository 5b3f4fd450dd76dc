package io.passatelli.app;

import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.host.MemoryLimit;
import org.junit.jupiter.api.Test;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class ForwardBudgetTest {
    private static final long MIB = 1 << 20;

    private static PortForward rule(Protocol protocol, int first, int last, boolean weak) {
        return new PortForward(protocol, null, null, first, last, null, first, weak);
    }

    private static final PortForward SSH = rule(Protocol.TCP, 2222, 2222, false);
    private static final PortForward LOW = rule(Protocol.TCP, 1, 32_767, true);
    private static final PortForward HIGH = rule(Protocol.TCP, 61_000, 65_535, true);

    private static long ports(ForwardBudget budget) {
        return budget.rules().stream()
                .mapToInt(rule -> rule.last() - rule.first() + 1)
                .sum();
    }

    @Test
    void allFitsWhereThereIsNoLimit() {
        ForwardBudget budget = ForwardBudget.of(List.of(LOW, SSH, HIGH), MemoryLimit.NONE);
        assertThat(budget.rules()).containsExactly(LOW, SSH, HIGH);
        assertThat(budget.leftOut()).isNull();
    }

    @Test
    void allFitsIntoALotOfMemory() {
        ForwardBudget budget = ForwardBudget.of(List.of(LOW, SSH, HIGH), 512 * MIB);
        assertThat(budget.rules()).containsExactly(LOW, SSH, HIGH);
        assertThat(budget.leftOut()).isNull();
    }

    @Test
    void lowerPortsComeFirstAndNamedOnesBeforeAll() {
        ForwardBudget budget = ForwardBudget.of(List.of(LOW, SSH, HIGH), 64 * MIB);
        assertThat(budget.rules()).containsExactly(rule(Protocol.TCP, 1, 1_023, true), SSH);
        assertThat(budget.leftOut())
                .isEqualTo("a memory limit of 64 MiB leaves room for 1024 ports that listen, so 36280 more are not"
                        + " forwarded, the first: TCP port 1024; name the ports that are needed, or raise the limit of"
                        + " the sidecar");
    }

    @Test
    void moreMemoryHasRoomForMore() {
        long before = 0;
        for (long limit : new long[] {64 * MIB, 96 * MIB, 128 * MIB, 190 * MIB}) {
            ForwardBudget budget = ForwardBudget.of(List.of(LOW, HIGH), limit);
            assertThat(ports(budget)).isGreaterThan(before).isLessThanOrEqualTo(limit / 4_096);
            before = ports(budget);
        }
    }

    @Test
    void namedPortsAreBoundedToo() {
        PortForward many = rule(Protocol.UDP, 10_000, 19_999, false);
        ForwardBudget budget = ForwardBudget.of(List.of(many, LOW), 64 * MIB);
        assertThat(budget.rules()).containsExactly(rule(Protocol.UDP, 10_000, 11_023, false));
        assertThat(budget.leftOut()).contains("the first: UDP port 11024");
    }

    @Test
    void partOfARuleLeadsToTheSamePorts() {
        PortForward moved = new PortForward(Protocol.TCP, null, null, 10_000, 19_999, null, 30_000, true);
        PortForward kept = ForwardBudget.of(List.of(moved), 64 * MIB).rules().getFirst();
        assertThat(kept.last()).isEqualTo(11_023);
        assertThat(kept.guestPort(11_023)).isEqualTo(31_023);
    }
}

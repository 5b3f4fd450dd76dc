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

    private static final PortForward UDP_LOW = rule(Protocol.UDP, 1, 32_767, true);
    private static final PortForward UDP_HIGH = rule(Protocol.UDP, 61_000, 65_535, true);

    @Test
    void allFitsWhereThereIsNoLimit() {
        ForwardBudget budget = ForwardBudget.of(List.of(LOW, SSH, UDP_LOW, HIGH, UDP_HIGH), MemoryLimit.NONE);
        assertThat(budget.rules()).containsExactly(LOW, SSH, UDP_LOW, HIGH, UDP_HIGH);
        assertThat(budget.remarks()).isEmpty();
    }

    @Test
    void allFitsIntoALotOfMemory() {
        ForwardBudget budget = ForwardBudget.of(List.of(LOW, UDP_LOW, UDP_HIGH), 512 * MIB);
        assertThat(budget.rules()).containsExactly(LOW, UDP_LOW, UDP_HIGH);
        assertThat(budget.remarks()).isEmpty();
    }

    @Test
    void allOfTcpCostsNothingBefore() {
        ForwardBudget budget = ForwardBudget.of(List.of(LOW, SSH, HIGH), 64 * MIB);
        assertThat(budget.rules()).containsExactly(LOW, SSH, HIGH);
        assertThat(budget.remarks()).isEmpty();
    }

    @Test
    void allOfUdpIsHadAsAWholeOrNotAndTheRefusalSaysWhatItCosts() {
        ForwardBudget budget = ForwardBudget.of(List.of(LOW, UDP_LOW, SSH, UDP_HIGH), 128 * MIB);
        assertThat(budget.rules()).containsExactly(LOW, SSH);
        assertThat(budget.remarks())
                .containsExactly(
                        "all UDP ports are 37303 sockets that take 146 MiB of the kernel's memory, but a memory"
                                + " limit of 128 MiB leaves 68, so none of them is forwarded; name the UDP ports that are needed,"
                                + " or raise the limit of the sidecar by 78 MiB");
    }

    /** One that is raised has to do; but with more memory there is more that takes memory. */
    @Test
    void whatTheRefusalAsksForIsEnough() {
        assertThat(ForwardBudget.of(List.of(UDP_LOW, UDP_HIGH), 289 * MIB).remarks())
                .singleElement()
                .asString()
                .endsWith("by 1 MiB");
        assertThat(ForwardBudget.of(List.of(UDP_LOW, UDP_HIGH), 290 * MIB).remarks())
                .isEmpty();
    }

    @Test
    void moreMemoryHasRoomForMorePortsThatTheGuestAnswersOn() {
        int before = 0;
        for (long limit : new long[] {64 * MIB, 70 * MIB, 90 * MIB}) {
            int most = ForwardBudget.sweptListeners(limit);
            assertThat(most).isGreaterThan(before).isLessThanOrEqualTo((int) (limit / 4_096));
            before = most;
        }
        assertThat(ForwardBudget.sweptListeners(MemoryLimit.NONE)).isEqualTo(Integer.MAX_VALUE);
    }

    @Test
    void namedPortsAreBoundedToo() {
        PortForward many = rule(Protocol.UDP, 10_000, 19_999, false);
        ForwardBudget budget = ForwardBudget.of(List.of(many, LOW), 64 * MIB);
        assertThat(budget.rules()).containsExactly(rule(Protocol.UDP, 10_000, 11_023, false), LOW);
        assertThat(budget.remarks())
                .containsExactly("a memory limit of 64 MiB leaves room for 1024 ports that listen, so 8976 more are not"
                        + " forwarded, the first: UDP port 11024; name the ports that are needed, or raise the limit of"
                        + " the sidecar");
    }

    @Test
    void partOfARuleLeadsToTheSamePorts() {
        PortForward moved = new PortForward(Protocol.UDP, null, null, 10_000, 19_999, null, 30_000, false);
        PortForward kept = ForwardBudget.of(List.of(moved), 64 * MIB).rules().getFirst();
        assertThat(kept.last()).isEqualTo(11_023);
        assertThat(kept.guestPort(11_023)).isEqualTo(31_023);
    }
}

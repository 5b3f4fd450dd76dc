package io.passatelli.loop;

import io.passatelli.base.Allocation;
import io.passatelli.base.Limits;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class ReadyListTest {
    private static final long QUANTUM = Limits.QUANTUM_BYTES;

    private final ReadyList list = new ReadyList();
    private final List<Worker> visits = new ArrayList<>();

    /** Moves {@code each} bytes a visit; {@code then} runs within the visit. */
    private class Worker extends ReadyList.Node {
        final long each;
        final List<Long> allowances = new ArrayList<>();
        boolean again;
        Runnable then = () -> {};

        Worker(long each) {
            this.each = each;
            list.add(this);
        }

        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            assertThat(isListed()).isFalse();
            visits.add(this);
            allowances.add(allowanceBytes);
            if (again) {
                list.add(this);
            }
            then.run();
            return each;
        }
    }

    private void drain(int rounds) {
        for (int i = 0; i < rounds; i++) {
            list.drain(i);
        }
    }

    @Test
    void nodesAreVisitedInTheirOrderAndThenGone() {
        var a = new Worker(0);
        var b = new Worker(0);
        list.add(a); // is listed already
        list.drain(0);

        assertThat(visits).containsExactly(a, b);
        assertThat(a.isListed()).isFalse();
        assertThat(list.isEmpty()).isTrue();
    }

    @Test
    void nodesThatJoinDuringADrainWaitForTheNext() {
        var late = new Worker(0);
        list.remove(late);
        var first = new Worker(0);
        first.again = true;
        first.then = () -> list.add(late);
        list.drain(0);
        assertThat(visits).containsExactly(first);
        list.drain(0);
        assertThat(visits).containsExactly(first, first, late);
    }

    @Test
    void removedNodesAreNotVisitedEvenWithinTheirRound() {
        var first = new Worker(0);
        var gone = new Worker(0);
        var moved = new Worker(0);
        var last = new Worker(0);
        first.then = () -> {
            list.remove(gone);
            list.remove(gone);
            list.remove(moved);
            list.add(moved); // to the next round
        };
        list.drain(0);
        assertThat(visits).containsExactly(first, last);
        list.drain(0);
        assertThat(visits).containsExactly(first, last, moved);
        assertThat(gone.isListed()).isFalse();
    }

    @Test
    void nodeThatIsNotThroughCarriesUpToOneQuantum() {
        var slow = new Worker(100);
        slow.again = true;
        drain(4);
        assertThat(slow.allowances).containsExactly(QUANTUM, 2 * QUANTUM - 100, 2 * QUANTUM, 2 * QUANTUM);
    }

    @Test
    void nodeThatLeavesLosesWhatItDidNotUse() {
        var worker = new Worker(100);
        list.drain(0);
        list.add(worker);
        list.drain(0);
        assertThat(worker.allowances).containsExactly(QUANTUM, QUANTUM);

        worker.again = true;
        list.add(worker);
        list.drain(0);
        list.remove(worker); // by somebody else, while it had something saved
        list.add(worker);
        list.drain(0);
        assertThat(worker.allowances).last().isEqualTo(QUANTUM);
    }

    @Test
    void nodeThatMovedTooMuchPaysEvenIfItLeftMeanwhile() {
        var greedy = new Worker(QUANTUM + 1_000);
        list.drain(0);
        list.add(greedy);
        list.drain(0);
        assertThat(greedy.allowances).containsExactly(QUANTUM, QUANTUM - 1_000);
    }

    @Test
    void nodeInDebtSitsRoundsOutAndStaysListed() {
        var greedy = new Worker(3 * QUANTUM);
        greedy.again = true;
        list.drain(0);
        assertThat(visits).hasSize(1);
        list.drain(0);
        list.drain(0);
        assertThat(visits).hasSize(1);
        assertThat(greedy.isListed()).isTrue();
        list.drain(0);
        assertThat(greedy.allowances).containsExactly(QUANTUM, QUANTUM);
    }

    @Test
    void debtIsBounded() {
        var greedy = new Worker(Long.MAX_VALUE);
        greedy.again = true;
        drain(1 + Limits.DEBT_QUANTA);
        assertThat(visits).hasSize(1);
        drain(1);
        assertThat(visits).hasSize(2);
    }

    @Test
    void throwingNodeLosesNoOther() {
        var bad = new Worker(0);
        bad.again = true;
        bad.then = () -> {
            throw new IllegalStateException("bad");
        };
        var good = new Worker(0);
        assertThatThrownBy(() -> list.drain(0)).hasMessage("bad");
        assertThat(list.isEmpty()).isFalse();
        bad.then = () -> {};
        list.drain(0);
        assertThat(visits).containsExactly(bad, good, bad);
    }

    @Test
    void faultsGoToTheListenerAndTheOthersAreVisitedAtOnce() {
        var bad = new Worker(0);
        bad.then = () -> {
            throw new IllegalStateException("bad");
        };
        var good = new Worker(0);
        List<ReadyList.Node> faulty = new ArrayList<>();
        list.drain(0, (node, thrown) -> faulty.add(node));
        assertThat(faulty).containsExactly(bad);
        assertThat(visits).containsExactly(bad, good);
        assertThat(list.isEmpty()).isTrue();
    }

    /** The bound of deficit round robin: who always has work gets a quantum a round, give or take what one visit may be off. */
    @Property(tries = 300)
    void everyBusyNodeGetsItsShare(
            @ForAll @Size(min = 1, max = 8) List<@IntRange(min = 1, max = 2 << 20) Integer> sizes,
            @ForAll @IntRange(min = 1, max = 200) int rounds) {
        var own = new ReadyList();
        List<Chunked> nodes = new ArrayList<>();
        for (int size : sizes) {
            nodes.add(new Chunked(own, Math.min(size, 4 * (int) QUANTUM)));
        }
        for (int i = 0; i < rounds; i++) {
            own.drain(i);
        }
        for (Chunked node : nodes) {
            assertThat(Math.abs(node.moved - rounds * QUANTUM)).isLessThanOrEqualTo(QUANTUM + node.size);
        }
    }

    /** Moves whole chunks, as long as it is allowed at least one more byte. */
    private static final class Chunked extends ReadyList.Node {
        final ReadyList list;
        final int size;
        long moved;

        Chunked(ReadyList list, int size) {
            this.list = list;
            this.size = size;
            list.add(this);
        }

        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            long used = 0;
            while (used < allowanceBytes) {
                used += size;
            }
            moved += used;
            list.add(this);
            return used;
        }
    }

    /** Against two ordered sets: who waits, and who is still to be visited in this round. */
    @Property(tries = 500)
    void listVisitsWhatAnOrderedSetWould(@ForAll @Size(max = 120) List<@IntRange(min = 0, max = 39) Integer> program) {
        var own = new ReadyList();
        var model = new LinkedHashSet<Plain>();
        List<Plain> nodes = new ArrayList<>();
        List<Plain> visited = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            nodes.add(new Plain(own, visited));
        }
        for (int step : program) {
            Plain node = nodes.get(step % 12);
            switch (step / 12) {
                case 0 -> {
                    own.add(node);
                    model.add(node);
                }
                case 1 -> {
                    own.remove(node);
                    model.remove(node);
                }
                case 2 -> node.again = !node.again;
                default -> {
                    visited.clear();
                    List<Plain> expected = List.copyOf(model);
                    model.clear();
                    expected.stream().filter(each -> each.again).forEach(model::add);
                    own.drain(0);
                    assertThat(visited).containsExactlyElementsOf(expected);
                }
            }
            assertThat(own.isEmpty()).isEqualTo(model.isEmpty());
            for (Plain each : nodes) {
                assertThat(each.isListed()).isEqualTo(model.contains(each));
            }
        }
    }

    private static final class Plain extends ReadyList.Node {
        final ReadyList list;
        final List<Plain> visited;
        boolean again;

        Plain(ReadyList list, List<Plain> visited) {
            this.list = list;
            this.visited = visited;
        }

        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            visited.add(this);
            if (again) {
                list.add(this);
            }
            return 0;
        }
    }

    @Test
    void visitsAllocateNothing() {
        var own = new ReadyList();
        List<Chunked> nodes = List.of(new Chunked(own, 1_000), new Chunked(own, 65_536), new Chunked(own, 300_000));
        assertThat(Allocation.leastBytes(10_000, () -> own.drain(0))).isZero();
        assertThat(nodes).allSatisfy(node -> assertThat(node.moved).isPositive());
    }
}

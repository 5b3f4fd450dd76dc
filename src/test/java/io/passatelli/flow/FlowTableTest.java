package io.passatelli.flow;

import io.passatelli.base.Allocation;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class FlowTableTest {
    private static final int TCP = 6;
    private static final int UDP = 17;

    private static final class Plain extends Flow {
        @Override
        public FlowView view(long nowNs) {
            throw new AssertionError();
        }
    }

    private final FlowTable table = new FlowTable(Limits.FLOWS, 1, 2);
    private final FlowKey key = new FlowKey();

    private FlowKey key(int number) {
        return key.set(TCP, 0, Ip.low(0x0a000002), number & 0xffff, 0, Ip.low(0xc0000200 | number >>> 16), 443);
    }

    @Test
    void flowIsFoundUnderItsKeyAndTellsIt() {
        Ip guest = Ip.parse("2001:db8::2");
        Ip far = Ip.parse("2001:db8:1::3");
        key.set(UDP, guest.high(), guest.low(), 40_000, far.high(), far.low(), 53);
        var flow = new Plain();
        int index = table.insert(key, flow);

        assertThat(table.find(key)).isEqualTo(index);
        assertThat(table.at(index)).isSameAs(flow);
        assertThat(flow.index()).isEqualTo(index);
        assertThat(flow.generation()).isEqualTo(table.generation(index));
        assertThat(flow.protocol()).isEqualTo(UDP);
        assertThat(new Ip(flow.guestHigh(), flow.guestLow())).isEqualTo(guest);
        assertThat(flow.guestPort()).isEqualTo(40_000);
        assertThat(new Ip(flow.farHigh(), flow.farLow())).isEqualTo(far);
        assertThat(flow.farPort()).isEqualTo(53);
        assertThat(table.count()).isEqualTo(1);

        key(1); // the table kept a copy
        assertThat(flow.guestPort()).isEqualTo(40_000);
    }

    @ParameterizedTest
    @CsvSource({
        "17, 1, 2, 3, 4, 5, 6",
        "6, 9, 2, 3, 4, 5, 6",
        "6, 1, 9, 3, 4, 5, 6",
        "6, 1, 2, 9, 4, 5, 6",
        "6, 1, 2, 3, 9, 5, 6",
        "6, 1, 2, 3, 4, 9, 6",
        "6, 1, 2, 3, 4, 5, 9",
        "6, 4, 5, 6, 1, 2, 3",
    })
    void everyPartOfTheKeyTells(
            int protocol, long guestHigh, long guestLow, int guestPort, long farHigh, long farLow, int farPort) {
        var known = new FlowKey().set(TCP, 1, 2, 3, 4, 5, 6);
        table.insert(known, new Plain());
        key.set(protocol, guestHigh, guestLow, guestPort, farHigh, farLow, farPort);

        assertThat(table.find(key)).isEqualTo(FlowTable.NONE);
        assertThat(key.sameAs(known)).isFalse();
        assertThat(key.hash(new SipHash(1, 2))).isNotEqualTo(known.hash(new SipHash(1, 2)));
        assertThat(table.find(key.set(TCP, 1, 2, 3, 4, 5, 6))).isZero();
        assertThat(key.sameAs(known)).isTrue();
    }

    /** Cells keep 32 bits of the hash: two keys that agree in them (a birthday's search finds some) are still two. */
    @Test
    void keysOfOneHashAreToldApart() {
        var hash = new SipHash(1, 2);
        var byHash = new HashMap<Integer, Integer>();
        int second = 0;
        Integer first = null;
        while (first == null) {
            second++;
            first = byHash.put((int) key(second).hash(hash), second);
        }
        int place = table.insert(key(first), new Plain());
        assertThat(table.find(key(second))).isEqualTo(FlowTable.NONE);
        int other = table.insert(key(second), new Plain());
        assertThat(table.find(key(first))).isEqualTo(place);
        assertThat(table.find(key(second))).isEqualTo(other);
        table.remove(other);
        assertThat(table.find(key(first))).isEqualTo(place);
        table.insert(key(second), new Plain());
        table.remove(place);
        assertThat(table.find(key(second))).isEqualTo(other);
        assertThat(table.find(key(first))).isEqualTo(FlowTable.NONE);
    }

    @Test
    void removedPlaceHasAnotherGenerationAndIsUsedAgainFirst() {
        table.insert(key(1), new Plain());
        var flow = new Plain();
        int index = table.insert(key(2), flow);
        table.insert(key(3), new Plain());
        int generation = table.generation(index);
        table.remove(index);

        assertThat(flow.index()).isEqualTo(FlowTable.NONE);
        assertThat(table.find(key(2))).isEqualTo(FlowTable.NONE);
        assertThat(table.generation(index)).isEqualTo(generation + 1);
        assertThatThrownBy(() -> table.at(index)).isInstanceOf(IllegalStateException.class);
        var next = new Plain();
        assertThat(table.insert(key(4), next)).isEqualTo(index);
        assertThat(next.generation()).isEqualTo(generation + 1);
        assertThat(table.insert(key(2), flow)).as("a flow may come back").isEqualTo(3);
    }

    @Test
    void generationsMoveOnAtEachRemovalAndWrapAtTwentyFourBits() {
        var flow = new Plain();
        for (int i = 0; i < 1_000; i++) {
            table.remove(table.insert(key(5), flow));
        }
        assertThat(table.generation(0)).isEqualTo(1_000);
        assertThat(FlowTable.after((1 << 24) - 2)).isEqualTo((1 << 24) - 1);
        assertThat(FlowTable.after((1 << 24) - 1)).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 44, 45, 63, 64, 65, 255, 256, 257, 1_000, Limits.FLOWS})
    void fullTableRefusesOneMoreAndFindsAll(int capacity) {
        var full = new FlowTable(capacity, 3, 4);
        var seen = new HashSet<Integer>();
        for (int i = 0; i < capacity; i++) {
            int index = full.insert(key(i), new Plain());
            assertThat(index).isEqualTo(i);
            seen.add(index);
        }
        assertThat(full.insert(key(capacity), new Plain())).isEqualTo(FlowTable.NONE);
        assertThat(full.count()).isEqualTo(capacity).isEqualTo(full.capacity()).isEqualTo(seen.size());
        assertThat(full.find(key(capacity))).isEqualTo(FlowTable.NONE);
        for (int i = 0; i < capacity; i++) {
            assertThat(full.find(key(i))).isEqualTo(i);
        }
        full.remove(capacity / 2);
        assertThat(full.insert(key(capacity), new Plain())).isEqualTo(capacity / 2);
        assertThat(full.insert(key(capacity / 2), new Plain())).isEqualTo(FlowTable.NONE);
        for (int i = full.next(0); i != FlowTable.NONE; i = full.next(i + 1)) {
            full.remove(i);
        }
        assertThat(full.count()).isZero();
        assertThat(full.next(0)).isEqualTo(FlowTable.NONE);
    }

    @Test
    void walkVisitsThePlacesInOrderAndMayRemoveThem() {
        for (int i = 0; i < 1_000; i++) {
            table.insert(key(i), new Plain());
        }
        for (int i = table.next(0); i != FlowTable.NONE; i = table.next(i + 1)) {
            if (i % 7 != 0) {
                table.remove(i);
            }
        }
        List<Integer> left = new ArrayList<>();
        for (int i = table.next(0); i != FlowTable.NONE; i = table.next(i + 1)) {
            left.add(i);
        }
        assertThat(left).hasSize(143).isSorted().allMatch(i -> i % 7 == 0);
        assertThat(table.next(994)).isEqualTo(994);
        assertThat(table.next(995)).isEqualTo(FlowTable.NONE);
        assertThat(table.next(Limits.FLOWS - 1)).isEqualTo(FlowTable.NONE);
        assertThat(table.next(Limits.FLOWS)).isEqualTo(FlowTable.NONE);
    }

    @Test
    void generationOfAPlaceThatWasNeverUsedIsZero() {
        assertThat(table.generation(Limits.FLOWS - 1)).isZero();
        assertThatThrownBy(() -> table.generation(-1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> table.generation(Limits.FLOWS)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void misuseIsRefused() {
        var flow = new Plain();
        table.insert(key(1), flow);
        assertThatThrownBy(() -> table.insert(key(1), new Plain()))
                .as("present")
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> table.insert(key(2), flow)).as("in already").isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> table.remove(1)).as("empty").isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> key.set(256, 0, 0, 0, 0, 0, 0)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> key.set(TCP, 0, 0, 65_536, 0, 0, 0)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> key.set(TCP, 0, 0, 0, 0, 0, -1)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> new FlowTable(0, 1, 2)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new FlowTable(Limits.FLOWS + 1, 1, 2)).isInstanceOf(IllegalArgumentException.class);
        assertThat(table.count()).isEqualTo(1);
    }

    @Test
    void secretChangesTheHash() {
        key(7);
        long hash = key.hash(new SipHash(1, 2));
        assertThat(key.hash(new SipHash(1, 2))).isEqualTo(hash);
        assertThat(key.hash(new SipHash(2, 2))).isNotEqualTo(hash);
        assertThat(key.hash(new SipHash(1, 3))).isNotEqualTo(hash);
    }

    @Test
    void findAllocatesNothing() {
        for (int i = 0; i < 10_000; i++) {
            table.insert(key(i), new Plain());
        }
        var work = new Runnable() {
            int step;
            int found;

            @Override
            public void run() {
                step++;
                if (table.find(key(step % 20_000)) != FlowTable.NONE) {
                    found++;
                }
            }
        };
        assertThat(Allocation.leastBytes(100_000, work)).isZero();
        assertThat(work.found).isBetween(work.step / 2 - 10_000, work.step / 2 + 10_000);
    }

    @Test
    void insertAndRemoveAllocateNothingOnceThePlacesAreMade() {
        var flow = new Plain();
        assertThat(Allocation.leastBytes(100_000, () -> table.remove(table.insert(key(5), flow))))
                .isZero();
        assertThat(table.count()).isZero();
    }
}

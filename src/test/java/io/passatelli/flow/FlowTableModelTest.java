package io.passatelli.flow;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** The table against a hash map, with few keys and small tables, so that runs of cells meet, wrap and are torn apart. */
class FlowTableModelTest {
    private static final int KEYS = 60;

    private static final class Plain extends Flow {
        @Override
        public FlowView view(long nowNs) {
            throw new AssertionError();
        }
    }

    /** {@code insert}: else remove, which is as frequent. */
    record Step(boolean insert, int number) {}

    @Property(tries = 2_000)
    void tableHoldsWhatAHashMapWould(
            @ForAll long secret, @ForAll @IntRange(min = 1, max = 50) int capacity, @ForAll("steps") List<Step> steps) {
        var table = new FlowTable(capacity, secret, ~secret);
        var model = new HashMap<Integer, Flow>();
        var generations = new int[capacity];
        for (Step step : steps) {
            FlowKey key = key(step.number());
            if (step.insert()) {
                insert(table, model, key, step.number(), capacity);
            } else {
                remove(table, model, key, step.number(), generations);
            }
            assertSame(table, model, generations);
        }
    }

    private static void insert(FlowTable table, Map<Integer, Flow> model, FlowKey key, int number, int capacity) {
        if (model.containsKey(number)) {
            return;
        }
        var flow = new Plain();
        int index = table.insert(key, flow);
        if (model.size() == capacity) {
            assertThat(index).isEqualTo(FlowTable.NONE);
            assertThat(flow.index()).isEqualTo(FlowTable.NONE);
        } else {
            assertThat(table.at(index)).isSameAs(flow);
            model.put(number, flow);
        }
    }

    private static void remove(FlowTable table, Map<Integer, Flow> model, FlowKey key, int number, int[] generations) {
        Flow flow = model.remove(number);
        if (flow != null) {
            int index = flow.index();
            table.remove(index);
            generations[index]++;
        }
        assertThat(table.find(key)).isEqualTo(FlowTable.NONE);
    }

    private static void assertSame(FlowTable table, Map<Integer, Flow> model, int[] generations) {
        assertThat(table.count()).isEqualTo(model.size());
        for (int number = 0; number < KEYS; number++) {
            int index = table.find(key(number));
            Flow flow = model.get(number);
            if (flow == null) {
                assertThat(index).isEqualTo(FlowTable.NONE);
            } else {
                assertThat(index).isEqualTo(flow.index());
                assertThat(table.at(index)).isSameAs(flow);
                assertThat(flow.generation()).isEqualTo(generations[index]);
            }
        }
        int walked = 0;
        for (int i = table.next(0); i != FlowTable.NONE; i = table.next(i + 1)) {
            assertThat(model).containsValue(table.at(i));
            walked++;
        }
        assertThat(walked).isEqualTo(model.size());
        for (int i = 0; i < generations.length; i++) {
            assertThat(table.generation(i)).isEqualTo(generations[i]);
        }
    }

    /** The hash is as a random one even where keys differ in a bit: a full table's longest run of cells stays short. */
    @Property(tries = 20)
    void neighbouringKeysSpread(
            @ForAll long secret, @ForAll @Size(value = 2) List<@IntRange(min = 0, max = 3) Integer> parts) {
        int flows = 4_096;
        var homes = new int[8_192];
        var hash = new SipHash(secret, secret + 1);
        var key = new FlowKey();
        for (int i = 0; i < flows; i++) {
            key.set(6, i >>> parts.get(0) * 4, i, i & 0xffff, 0, i >>> parts.get(1), 80);
            homes[(int) key.hash(hash) & homes.length - 1]++;
        }
        int most = 0;
        for (int home : homes) {
            most = Math.max(most, home);
        }
        assertThat(most).isLessThanOrEqualTo(12); // chance of more by luck: below 10^-11
    }

    private static FlowKey key(int number) {
        return new FlowKey().set(17, 0, number % 3, number, 0, number / 7, 53);
    }

    @Provide
    Arbitrary<List<Step>> steps() {
        return Combinators.combine(
                        Arbitraries.of(true, false), Arbitraries.integers().between(0, KEYS - 1))
                .as(Step::new)
                .list()
                .ofMaxSize(200)
                .withoutEdgeCases();
    }
}

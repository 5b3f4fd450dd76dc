package io.passatelli.app.monitor;

import io.passatelli.base.Durations;
import io.prometheus.client.Collector;
import io.prometheus.client.Collector.MetricFamilySamples;

import java.util.ArrayList;
import java.util.List;

/** Prometheus' families as they are made, each ahead of its samples. */
final class Families {
    private static final double NS_PER_S = 1e9;

    /** Bounds of histograms are powers of two ns, every second of them. */
    private static final int POWER_STEP = 2;

    private final List<Family> families = new ArrayList<>();

    /** All, with the samples that they have now. */
    List<MetricFamilySamples> list() {
        return families.stream()
                .map(family -> new MetricFamilySamples(family.name, family.type, family.help, family.samples))
                .toList();
    }

    /** One sample, or one for each value of a label: {@link Family#add}. */
    Family counter(String name, String help, String... label) {
        return new Family(name, help, Collector.Type.COUNTER, List.of(label));
    }

    Family gauge(String name, String help, String... label) {
        return new Family(name, help, Collector.Type.GAUGE, List.of(label));
    }

    Family histogram(String name, String help, String... label) {
        return new Family(name, help, Collector.Type.HISTOGRAM, List.of(label));
    }

    final class Family {
        private final String name;
        private final String help;
        private final Collector.Type type;
        private final List<String> labels;
        private final List<MetricFamilySamples.Sample> samples = new ArrayList<>();

        private Family(String name, String help, Collector.Type type, List<String> labels) {
            this.name = name;
            this.help = help;
            this.type = type;
            this.labels = labels;
            families.add(this);
        }

        /** {@code values}: of the labels, in their order. */
        Family add(double value, String... values) {
            samples.add(new MetricFamilySamples.Sample(name, labels, List.of(values), value));
            return this;
        }

        Family add(long value, String... values) {
            return add((double) value, values);
        }

        /** Buckets up to 2^{@code from}, …, 2^{@code to} ns, in seconds. */
        Family add(Durations.Snapshot durations, int from, int to, String... values) {
            List<String> names = new ArrayList<>(labels);
            names.add("le");
            for (int power = from; power <= to; power += POWER_STEP) {
                bucket(names, values, Collector.doubleToGoString((1L << power) / NS_PER_S), durations.below(power));
            }
            bucket(names, values, "+Inf", durations.count());
            samples.add(sample("_count", labels, List.of(values), (double) durations.count()));
            samples.add(sample("_sum", labels, List.of(values), durations.sumNs() / NS_PER_S));
            return this;
        }

        private void bucket(List<String> names, String[] values, String bound, long count) {
            List<String> all = new ArrayList<>(List.of(values));
            all.add(bound);
            samples.add(sample("_bucket", names, all, (double) count));
        }

        private MetricFamilySamples.Sample sample(String end, List<String> names, List<String> values, double value) {
            return new MetricFamilySamples.Sample(name + end, names, values, value);
        }
    }
}

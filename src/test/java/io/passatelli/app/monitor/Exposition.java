package io.passatelli.app.monitor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Prometheus' text format, version 0.0.4, read as strictly as promtool(1) does: what Prometheus would not take, or what its conventions forbid, fails.
 */
public final class Exposition {
    private static final Pattern COMMENT = Pattern.compile("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
    private static final Pattern SAMPLE =
            Pattern.compile("([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(.*)\\})? (NaN|[+-]?Inf|[-+0-9.eE]+)");
    private static final Pattern LABEL =
            Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\\n]|\\\\[\\\\\"n])*)\",?");
    private static final Pattern NO_BASE_UNIT = Pattern.compile(
            "passatelli_.*_(milliseconds|ms|microseconds|nanoseconds|ns|kilobytes|kb|megabytes|minutes|percent)(_.*)?");
    private static final Set<String> TYPES = Set.of("counter", "gauge", "histogram", "summary", "untyped");

    /** A sample: its name, its labels in order of their names, its value. */
    public record Sample(String name, Map<String, String> labels, double value) {}

    /** A family as it was told of. */
    public record Family(String name, String type, String help, List<Sample> samples) {}

    private final Map<String, Family> families = new LinkedHashMap<>();
    private final Map<String, String> helps = new HashMap<>();
    private final Set<String> series = new HashSet<>();

    private Exposition() {}

    public static Exposition parse(String text) {
        assertThat(text).endsWith("\n");
        Exposition exposition = new Exposition();
        String family = "";
        for (String line : text.split("\n", -1)) {
            if (line.startsWith("#")) {
                family = exposition.comment(line);
            } else if (!line.isEmpty()) {
                exposition.sample(line, family);
            }
        }
        exposition.families.values().forEach(Exposition::check);
        return exposition;
    }

    private String comment(String line) {
        Matcher words = COMMENT.matcher(line);
        assertThat(words.matches()).as(line).isTrue();
        String name = words.group(2);
        if (words.group(1).equals("HELP")) {
            assertThat(helps.put(name, words.group(3)))
                    .as("second HELP of %s", name)
                    .isNull();
            return "";
        }
        assertThat(TYPES).contains(words.group(3));
        Family family = new Family(name, words.group(3), helps.getOrDefault(name, ""), new ArrayList<>());
        assertThat(families.put(name, family)).as("second TYPE of %s", name).isNull();
        return name;
    }

    private void sample(String line, String name) {
        Matcher parts = SAMPLE.matcher(line);
        assertThat(parts.matches()).as(line).isTrue();
        Map<String, String> labels = labels(parts.group(2) == null ? "" : parts.group(2), line);
        Family family = families.get(name);
        assertThat(family).as("TYPE ahead of %s", line).isNotNull();
        assertThat(ends(family).stream().map(end -> name + end)).as(line).contains(parts.group(1));
        assertThat(series.add(parts.group(1) + labels)).as("once: %s", line).isTrue();
        family.samples().add(new Sample(parts.group(1), labels, value(parts.group(3))));
    }

    private static double value(String text) {
        return Double.parseDouble(text.replace("Inf", "Infinity"));
    }

    private static Set<String> ends(Family family) {
        return switch (family.type()) {
            case "histogram" -> Set.of("_bucket", "_count", "_sum");
            case "summary" -> Set.of("", "_count", "_sum");
            default -> Set.of("");
        };
    }

    private static Map<String, String> labels(String text, String line) {
        Map<String, String> labels = new TreeMap<>();
        Matcher label = LABEL.matcher(text);
        int at = 0;
        while (at < text.length()) {
            assertThat(label.find(at) && label.start() == at).as(line).isTrue();
            assertThat(labels.put(label.group(1), label.group(2))).as(line).isNull();
            at = label.end();
        }
        return labels;
    }

    private static void check(Family family) {
        assertThat(family.help()).as("HELP of %s", family.name()).isNotBlank();
        assertThat(family.samples()).as(family.name()).isNotEmpty();
        assertThat(family.name()).doesNotMatch(NO_BASE_UNIT);
        if (family.type().equals("counter")) {
            assertThat(family.name()).endsWith("_total");
            assertThat(family.samples()).allMatch(sample -> sample.value() >= 0);
        } else {
            assertThat(family.name()).doesNotEndWith("_total");
        }
        if (family.type().equals("histogram")) {
            checkHistogram(family);
        }
    }

    /** Buckets grow with their bounds, and the last is the count. */
    private static void checkHistogram(Family family) {
        Map<Map<String, String>, List<Sample>> buckets = new HashMap<>();
        for (Sample sample : family.samples()) {
            if (sample.name().endsWith("_bucket")) {
                Map<String, String> others = new TreeMap<>(sample.labels());
                others.remove("le");
                buckets.computeIfAbsent(others, key -> new ArrayList<>()).add(sample);
            }
        }
        assertThat(buckets).as(family.name()).isNotEmpty();
        buckets.forEach((labels, row) -> {
            for (int i = 1; i < row.size(); i++) {
                assertThat(bound(row.get(i))).isGreaterThan(bound(row.get(i - 1)));
                assertThat(row.get(i).value())
                        .isGreaterThanOrEqualTo(row.get(i - 1).value());
            }
            assertThat(bound(row.getLast())).isInfinite();
            assertThat(row.getLast().value()).isEqualTo(only(family, family.name() + "_count", labels));
        });
    }

    private static double bound(Sample bucket) {
        return value(bucket.labels().getOrDefault("le", "NaN"));
    }

    private static double only(Family family, String name, Map<String, String> labels) {
        List<Sample> found = family.samples().stream()
                .filter(sample -> sample.name().equals(name) && sample.labels().equals(labels))
                .toList();
        assertThat(found).as("%s%s", name, labels).hasSize(1);
        return found.getFirst().value();
    }

    public Map<String, Family> families() {
        return families;
    }

    /** How many samples there are in all. */
    public int size() {
        return series.size();
    }

    /** Names and labels of all samples. */
    public Set<String> series() {
        return Set.copyOf(series);
    }

    /** The one sample of this name and labels, {@code NAME=VALUE}. */
    public double value(String name, String... labels) {
        Map<String, String> wanted = new TreeMap<>();
        for (String label : labels) {
            int equals = label.indexOf('=');
            wanted.put(label.substring(0, equals), label.substring(equals + 1));
        }
        return families.values().stream()
                .filter(family -> name.startsWith(family.name()))
                .flatMap(family -> family.samples().stream())
                .filter(sample -> sample.name().equals(name) && sample.labels().equals(wanted))
                .mapToDouble(Sample::value)
                .findFirst()
                .orElseThrow(() -> new AssertionError("there is no " + name + wanted));
    }
}

package io.passatelli.config;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward.Protocol;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** What holds for any text that is given to the grammars of forwards. */
final class PassedText {
    private static final EphemeralPorts EPHEMERAL = new EphemeralPorts(32_768, 60_999);

    /** Weak rules of one place belong together: only as {@code all} can they be said. */
    private record Place(
            @Nullable Ip address,
            @Nullable String device,
            @Nullable Ip targetAddress) {
        String where() {
            return device == null
                    ? address == null ? "" : address + "/"
                    : (address == null ? "" : address) + "%" + device + "/";
        }
    }

    private PassedText() {}

    /** As a specification of passt(1): refused by one sentence, or the same again when it is written and read. */
    static void assertReadOrRefused(String spec) {
        List<PortForward> rules;
        try {
            rules = PasstPorts.parse(Protocol.TCP, List.of(spec), EPHEMERAL);
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageMatching("'[ -~]*', column [0-9]+: [ -~]+");
            return;
        }
        assertThat(rules).hasSizeLessThanOrEqualTo(2 * Limits.PASST_RULES + 2);
        List<String> specs = specs(rules);
        if (specs.size() <= Limits.PASST_RULES) {
            assertThat(PasstPorts.parse(Protocol.TCP, specs, EPHEMERAL)).hasSameElementsAs(rules);
        }
    }

    /** Rules as specifications, one for each that is strong. */
    static List<String> specs(List<PortForward> rules) {
        List<String> specs = new ArrayList<>();
        Map<Place, BitSet> weak = new LinkedHashMap<>();
        for (PortForward rule : rules) {
            Place place = new Place(rule.address(), rule.device(), rule.targetAddress());
            if (rule.weak()) {
                assertThat(rule.target()).isEqualTo(rule.first());
                weak.computeIfAbsent(place, its -> new BitSet()).set(rule.first(), rule.last() + 1);
                continue;
            }
            int more = rule.last() - rule.first();
            String to = rule.targetAddress() == null ? "" : "[" + rule.targetAddress() + "]/";
            if (rule.targetAddress() != null && rule.targetAddress().isV4()) {
                to = rule.targetAddress() + "/";
            }
            specs.add(place.where() + rule.first() + "-" + rule.last() + ":" + to + rule.target() + "-"
                    + (rule.target() + more));
        }
        weak.forEach((place, ports) -> {
            StringBuilder spec = new StringBuilder(place.where() + "all");
            if (place.targetAddress != null) {
                spec.append(":").append(place.targetAddress);
            }
            int gap = ports.nextClearBit(1);
            while (gap <= PortText.PORT_MAX) {
                int end = ports.nextSetBit(gap);
                int last = end < 0 ? PortText.PORT_MAX : end - 1;
                spec.append(",~").append(gap).append("-").append(last);
                gap = ports.nextClearBit(last + 1);
            }
            specs.add(spec.toString());
        });
        return specs;
    }

    /** As an annotation: refused by one sentence, or the same again when it is written and read; and then it can be resolved. */
    static void assertAnnotationReadOrRefused(String text) {
        ForwardRules rules;
        try {
            rules = ForwardRules.parse(text);
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageMatching("column [0-9]+: [ -~]+");
            assertThat(e.getMessage()).hasSizeLessThan(200);
            return;
        }
        assertThat(rules.items()).hasSizeLessThanOrEqualTo(Limits.FORWARD_ITEMS).doesNotHaveDuplicates();
        assertThat(ForwardRules.parse(rules.toString())).isEqualTo(rules);
        List<PortForward> forwards =
                rules.resolve(List.of(), List.of(), EPHEMERAL).forwards();
        assertThat(forwards).doesNotHaveDuplicates();
    }
}

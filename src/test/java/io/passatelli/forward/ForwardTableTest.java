package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class ForwardTableTest {
    private static PortForward rule(@Nullable String address, int first, int last, int target) {
        return new PortForward(Protocol.UDP, address == null ? null : Ip.parse(address), null, first, last, target);
    }

    private static List<String> wanted(boolean ip4, boolean ip6, PortForward... rules) {
        return new ForwardTable(List.of(rules), ip4, ip6)
                .endpoints().entrySet().stream()
                        .map(e -> e.getKey().address() + " " + e.getKey().port() + " to "
                                + e.getValue().guestPort(e.getKey().port()))
                        .toList();
    }

    @Test
    void ruleWithoutAddressListensInTheFamiliesThatAreOn() {
        assertThat(wanted(true, true, rule(null, 53, 53, 5353))).containsExactly("0.0.0.0 53 to 5353", ":: 53 to 5353");
        assertThat(wanted(true, false, rule(null, 53, 53, 53))).containsExactly("0.0.0.0 53 to 53");
        assertThat(wanted(false, true, rule(null, 53, 53, 53))).containsExactly(":: 53 to 53");
    }

    @Test
    void ruleWithAddressListensThereIfItsFamilyIsOn() {
        assertThat(wanted(true, true, rule("192.0.2.1", 53, 53, 53))).containsExactly("192.0.2.1 53 to 53");
        assertThat(wanted(false, true, rule("192.0.2.1", 53, 53, 53))).isEmpty();
    }

    @Test
    void rangeGoesOneToOne() {
        assertThat(wanted(true, false, rule(null, 100, 102, 200)))
                .containsExactly("0.0.0.0 100 to 200", "0.0.0.0 101 to 201", "0.0.0.0 102 to 202");
    }

    @Test
    void rulesOfTwoProtocolsForOnePortAreTwoEndpoints() {
        PortForward tcp = new PortForward(Protocol.TCP, null, null, 53, 53, 54);
        ForwardTable table = new ForwardTable(List.of(rule(null, 53, 53, 5353), tcp), true, false);
        assertThat(table.refusals()).isEmpty();
        assertThat(table.endpoints().keySet().stream().map(Object::toString))
                .containsExactly("UDP port 53", "TCP port 53");
    }

    @Test
    void ofTwoRulesForOnePortTheFirstHasItAndTheOtherIsRefusedInWords() {
        ForwardTable table = new ForwardTable(List.of(rule(null, 53, 54, 153), rule(null, 54, 54, 200)), true, false);
        assertThat(table.endpoints()).hasSize(2);
        assertThat(table.refusals())
                .containsExactly(new ForwardTable.Refusal(
                        rule(null, 54, 54, 200), "UDP port 54 is forwarded to port 154 already"));
        assertThat(new ForwardTable(List.of(rule(null, 53, 53, 53), rule(null, 53, 53, 53)), true, false).refusals())
                .isEmpty();
    }
}

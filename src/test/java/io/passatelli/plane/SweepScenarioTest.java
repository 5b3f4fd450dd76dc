package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.forward.RuleState;
import io.passatelli.forward.SweepCounts;
import io.passatelli.os.Errno;
import io.passatelli.os.SockAddr;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** "All" TCP ports are those that the guest answers on, and named ones wait until it is there. */
@Tag("sim")
class SweepScenarioTest {
    private static final int MOST = Limits.SWEEP_LISTENERS;
    private static final long HOT_NS = 3 * S;
    private static final long ANY_NS = 60 * S;

    /** As the annotation's "all" means it where ephemeral ports are those of Linux. */
    private static final List<PortForward> ALL = List.of(all(1, 32_767), all(61_000, 65_535));

    private static PortForward all(int first, int last) {
        return new PortForward(Protocol.TCP, null, null, first, last, null, first, true);
    }

    private static PortForward named(Protocol protocol, int port, int target) {
        return new PortForward(protocol, null, null, port, port, target);
    }

    private static SweptGuest guest(List<PortForward> rules, int most) {
        return new SweptGuest(
                PlaneScenario.setup().change(config -> config.forwards(rules)).sweeps(most));
    }

    private static SweptGuest guest() {
        return guest(ALL, MOST);
    }

    private static SweptGuest both(List<PortForward> rules) {
        return new SweptGuest(PlaneScenario.setup()
                .ip6()
                .change(config -> config.forwards(rules))
                .sweeps(MOST));
    }

    private static SweepCounts counts(SweptGuest g) {
        return g.t.stats().sweep();
    }

    private static List<RuleState> states(SweptGuest g) {
        var answer = g.t.plane.handle().forwards();
        g.runs(MS);
        return answer.join();
    }

    // ---- found, and lost

    @Test
    void wellKnownPortListensSoonAfterTheGuestDoesAndNotLongAfter() {
        try (SweptGuest g = guest()) {
            g.runs(40 * S);
            assertThat(g.listening()).isZero();
            assertThat(g.listens(80)).isFalse();
            g.open4.set(80);
            assertThat(g.until(1, HOT_NS)).isPositive();
            assertThat(g.listens(80)).isTrue();
            assertThat(g.listens(81)).isFalse();
            StreamPeer lives = g.connect(GUEST, 80);
            g.open4.clear(80);
            g.until(0, HOT_NS);
            assertThat(g.listens(80)).isFalse();
            assertThat(lives.peek()).as("an established connection").isEqualTo(-Errno.EAGAIN);
            assertThat(g.t.stats().flows()).isOne();
            lives.reset();
            g.runs(S);
            assertThat(g.said("TCP port 80 of IPv4 is")).hasSize(2);
        }
    }

    /** Sockets that others asked for are no reason to do without those of the guest's ports, where there is memory. */
    @Test
    void allUdpPortsBesideDoNotTakeThePlaces() {
        List<PortForward> both = new ArrayList<>(ALL);
        both.add(new PortForward(Protocol.UDP, null, null, 1, 2 * MOST, null, 1, true));
        try (SweptGuest g = guest(both, Integer.MAX_VALUE)) {
            g.open4.set(80);
            g.runs(HOT_NS);
            assertThat(g.listening()).isEqualTo(2 * MOST + 1);
            assertThat(g.listens(80)).isTrue();
        }
    }

    /** What is had by somebody else is tried for again and again, and that alone asks nobody quickly. */
    @Test
    void anotherTryIsNoReasonToHurry() {
        try (SweptGuest g = guest()) {
            g.runs(60 * S);
            long before = counts(g).probes();
            g.runs(10 * S);
            long slowly = counts(g).probes() - before;
            for (int i = 0; i < 10; i++) {
                CompletableFuture<List<RuleState>> tried = g.t.plane.handle().retryForwards();
                g.runs(S);
                assertThat(tried).isCompleted();
            }
            assertThat(counts(g).probes() - before - slowly).isLessThan(slowly * 3 / 2);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 32_767, 65_535})
    void anyPortIsFoundWithinAMinuteHoweverLongTheGuestIsThere(int port) {
        try (SweptGuest g = guest()) {
            g.runs(100 * S);
            g.open4.set(port);
            g.until(1, ANY_NS);
            assertThat(g.listens(port)).isTrue();
            g.open4.clear(port);
            g.until(0, HOT_NS); // it was seen, so it is hot
            g.open4.set(port);
            g.until(1, HOT_NS);
        }
    }

    @Test
    void bothFamiliesTogetherAreFoundWithinAMinute() {
        try (SweptGuest g = both(ALL)) {
            g.speaksIp6().runs(100 * S);
            g.open4.set(32_000);
            g.open6.set(32_700);
            g.until(2, ANY_NS);
        }
    }

    @Test
    void whatIsOpenWhenTheGuestComesIsFoundQuickly() {
        try (SweptGuest g = guest()) {
            g.open4.set(22);
            g.open4.set(31_000);
            g.until(2, 25 * S);
        }
    }

    @Test
    void familiesAreApart() {
        try (SweptGuest g = both(ALL)) {
            g.speaksIp6();
            g.open4.set(80);
            g.open6.set(443);
            g.until(2, HOT_NS);
            assertThat(List.of(g.listens(GUEST, 80), g.listens(GUEST, 443))).containsExactly(true, false);
            assertThat(List.of(g.listens(GUEST6, 80), g.listens(GUEST6, 443))).containsExactly(false, true);
            g.open6.set(80);
            g.until(3, HOT_NS);
            assertThat(g.listens(GUEST6, 80)).isTrue();
        }
    }

    @Test
    void familyThatTheGuestDoesNotSpeakIsNotAsked() {
        try (SweptGuest g = both(ALL)) {
            g.runs(10 * S);
            assertThat(g.probes4).isPositive();
            assertThat(g.probes6).isZero();
        }
    }

    // ---- what it costs

    @Test
    void questionsAreFewAndBecomeFewer() {
        try (SweptGuest g = guest()) {
            g.runs(S);
            List<Long> perSecond = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                long before = g.probes4;
                g.runs(S);
                perSecond.add(g.probes4 - before);
            }
            int hot = Limits.SWEEP_HOT_PORTS / 2;
            assertThat(perSecond).allMatch(count -> count <= Limits.SWEEP_PROBES_PER_SECOND + hot);
            assertThat(perSecond.subList(0, 10)).allMatch(count -> count > 1_500);
            assertThat(perSecond.subList(40, 100)).allMatch(count -> count < 900);
            SweepCounts counts = counts(g);
            assertThat(counts.probes()).isEqualTo(g.probes4);
            assertThat(counts.closed()).isCloseTo(counts.probes(), within(150L));
            assertThat(counts.open()).isZero();
            g.t.dropped(repeated(Drop.ARP_NOT_REQUEST, g.t.count(Drop.ARP_NOT_REQUEST)));
        }
    }

    private static Drop[] repeated(Drop drop, long times) {
        Drop[] all = new Drop[(int) times];
        Arrays.fill(all, drop);
        return all;
    }

    @Test
    void nobodyIsAskedWhereAllPortsAreNamed() {
        try (SweptGuest g = guest(List.of(named(Protocol.TCP, 80, 80)), MOST)) {
            g.until(1, HOT_NS);
            g.runs(60 * S);
            assertThat(g.probes4).isZero();
            assertThat(counts(g))
                    .isEqualTo(new SweepCounts(0, 0, 0, 0, 0, counts(g).spentNs()));
        }
    }

    @Test
    void pausedGuestIsAskedNothingAndFoundAgainAtOnce() {
        try (SweptGuest g = guest()) {
            g.open4.set(80);
            g.runs(30 * S);
            g.silent = true;
            g.runs(4 * S);
            long before = g.probes4;
            long frames = g.t.stats().traffic().framesToGuest();
            g.runs(3_600 * S);
            assertThat(g.probes4).isEqualTo(before);
            assertThat(g.t.stats().traffic().framesToGuest() - frames)
                    .as("calls")
                    .isBetween(800L, 1_000L);
            assertThat(g.listening()).as("what was open stays so").isOne();
            g.silent = false;
            g.open4.clear(80);
            g.open4.set(443);
            g.runs(5 * S);
            assertThat(List.of(g.listens(80), g.listens(443))).containsExactly(false, true);
        }
    }

    // ---- guests that are not as others

    @Test
    void guestThatDropsSynsHasNoOpenPortsButThoseThatItLetsThrough() {
        try (SweptGuest g = guest()) {
            g.drops = true;
            g.open4.set(1, 65_536);
            g.runs(60 * S);
            assertThat(g.listening()).isZero();
            assertThat(counts(g).open() + counts(g).closed()).isZero();
            g.passed.set(8080);
            g.until(1, HOT_NS);
            g.passed.set(20_202);
            g.until(2, ANY_NS);
            g.passed.clear();
            g.runs(45 * S);
            assertThat(g.listening()).as("a busy guest loses SYNs").isEqualTo(2);
            g.until(0, 110 * S);
            g.passed.set(20_202);
            g.until(1, HOT_NS);
        }
    }

    @Test
    void guestThatAnswersAllHasAsManyAsMayListenAndIsSaidOnce() {
        try (SweptGuest g = guest(ALL, 300)) {
            g.open4.set(1, 65_536);
            g.runs(60 * S);
            assertThat(g.listening()).isEqualTo(300);
            assertThat(counts(g).listening()).isEqualTo(300);
            assertThat(counts(g).refused()).isEqualTo(32_767 + 4_536 - 300);
            assertThat(g.said("name those that are needed")).hasSize(1);
            g.open4.clear(1, 65_536);
            g.until(0, ANY_NS);
            g.runs(ANY_NS);
            assertThat(counts(g).refused()).isZero();
        }
    }

    @Test
    void guestWithFiveThousandPorts() {
        try (SweptGuest g = guest()) {
            g.open4.set(10_000, 15_000);
            g.until(5_000, 30 * S);
            g.runs(60 * S);
            assertThat(g.listening()).isEqualTo(5_000);
            assertThat(List.of(g.listens(10_000), g.listens(14_999), g.listens(15_000)))
                    .containsExactly(true, true, false);
            g.open4.clear(10_000, 12_500);
            g.until(2_500, ANY_NS);
            assertThat(List.of(g.listens(12_499), g.listens(12_500))).containsExactly(false, true);
        }
    }

    @Test
    void guestThatBootsAnewWithOtherServices() {
        try (SweptGuest g = guest()) {
            g.open4.set(22);
            g.open4.set(8080);
            g.open4.set(27_272);
            g.until(3, 30 * S);
            g.silent = true;
            g.runs(20 * S);
            g.silent = false;
            g.open4.clear();
            g.runs(S);
            g.open4.set(22);
            g.open4.set(9_999);
            g.runs(7 * S);
            assertThat(List.of(g.listens(22), g.listens(8080), g.listens(27_272)))
                    .containsExactly(true, false, false);
            g.until(2, ANY_NS);
        }
    }

    /** Only what was asked, and once, counts; so a guest cannot have sockets opened and closed faster than it is asked. */
    @Test
    void answersToNothingOpenNothing() {
        try (SweptGuest g = guest()) {
            g.runs(3 * S);
            g.silent = true;
            g.runs(3 * S);
            g.probes.clear();
            g.silent = false;
            g.runs(S);
            g.silent = true;
            TcpSegment probe =
                    g.probes.stream().filter(s -> s.dstPort() == 80).toList().getLast();
            TcpSegment open = SweptGuest.back(probe).seq(5).with(TcpSegment.SYN);
            g.t.guestSends(open.ack(probe.seq() + 1).fromGuest()); // answered before
            g.t.guestSends(open.ack(probe.seq() + 2).fromGuest());
            TcpSegment other = TcpSegment.between(GUEST, 9_999, PlaneScenario.GATEWAY, probe.srcPort());
            g.t.guestSends(other.ack(probe.seq() + 1).with(TcpSegment.SYN).fromGuest());
            g.t.runs(0);
            assertThat(g.t.link.seen().stream()
                            .filter(frame -> TcpSegment.isIn(frame.bytes))
                            .map(frame -> TcpSegment.parse(frame.bytes))
                            .filter(segment -> segment.has(TcpSegment.RST)))
                    .hasSize(3);
            assertThat(g.listening()).isZero();
            assertThat(counts(g).open()).isZero();
        }
    }

    @Test
    void linkThatIsFullDelaysAndNothingElse() {
        try (SweptGuest g = guest()) {
            g.open4.set(80);
            g.runs(S);
            g.t.link.guestStopsAfter(0, 3);
            g.open4.set(30_000);
            g.runs(S);
            g.t.link.guestReads(0);
            g.until(2, ANY_NS);
        }
    }

    @Test
    void linkThatGoesAndComesLeavesWhatListens() {
        try (SweptGuest g = guest()) {
            g.open4.set(80);
            g.until(1, HOT_NS);
            g.t.link.guestLeaves(0);
            long before = g.probes4;
            g.runs(30 * S);
            assertThat(g.probes4).isEqualTo(before);
            assertThat(g.listening()).isOne();
            g.open4.clear(80);
            g.open4.set(443);
            g.t.link.guestComes();
            g.runs(3 * S);
            assertThat(List.of(g.listens(80), g.listens(443))).containsExactly(false, true);
        }
    }

    // ---- rules

    @Test
    void namedTcpPortsListenOnceTheGuestIsThereAndUdpAtOnce() {
        PortForward web = named(Protocol.TCP, 8080, 80);
        PortForward dns = named(Protocol.UDP, 53, 53);
        try (SweptGuest g = guest(List.of(web, dns), MOST)) {
            g.silent = true;
            g.runs(20 * S);
            assertThat(states(g)).containsExactly(new RuleState(web, 0, 1, null), new RuleState(dns, 1, 1, null));
            assertThat(g.t.plane.refusedForwards()).isEmpty();
            assertThat(g.t.stats().portsRefused()).isZero();
            assertThat(g.listens(8080)).isFalse();
            g.silent = false;
            g.until(2, 6 * S);
            assertThat(states(g)).contains(new RuleState(web, 1, 1, null));
            assertThat(g.listens(8080)).isTrue();
            assertThat(g.said("so its TCP ports are listened at")).hasSize(1);
            g.silent = true;
            g.runs(60 * S);
            assertThat(g.listening()).as("it does not wait a second time").isEqualTo(2);
        }
    }

    /** It speaks only when it is spoken to, so nothing but its answer tells. */
    @Test
    void namedPortsListenAtOnceWhenTheGuestSpeaks() {
        try (SweptGuest g = guest(List.of(named(Protocol.TCP, 80, 80)), MOST)) {
            g.silent = true;
            g.runs(10 * S);
            g.t.guestPings(PlaneScenario.GATEWAY, 1, 1);
            g.t.runs(MS);
            assertThat(g.listening()).isOne();
        }
    }

    @Test
    void portOfOneFamilyWaitsForThatFamily() {
        PortForward six = new PortForward(Protocol.TCP, Ip.UNSPECIFIED6, null, 80, 80, 80);
        try (SweptGuest g = both(List.of(six))) {
            g.runs(10 * S);
            assertThat(g.listening()).isZero();
            g.speaksIp6();
            assertThat(g.listening()).isOne();
        }
    }

    @Test
    void otherRulesCloseWhatTheyDoNotMeanAndKeepTheRest() {
        try (SweptGuest g = guest()) {
            g.open4.set(80);
            g.open4.set(443);
            g.open4.set(8080);
            g.until(3, HOT_NS);
            StreamPeer lives = g.connect(GUEST, 443);
            var answer = g.t.plane
                    .handle()
                    .replaceForwards(List.of(all(1, 442), named(Protocol.TCP, 8080, 80), all(8_081, 32_767)));
            g.runs(10 * MS);
            assertThat(answer.join().stream().map(RuleState::listeners)).containsExactly(0, 1, 0);
            assertThat(answer.join()).noneMatch(state -> state.refusal() != null);
            assertThat(List.of(g.listens(80), g.listens(443), g.listens(8080))).containsExactly(true, false, true);
            assertThat(lives.peek()).isEqualTo(-Errno.EAGAIN);
            lives.reset();
            g.runs(10 * S);
            assertThat(g.listening()).isEqualTo(2);
        }
    }

    @Test
    void portThatThePodHasIsSaidAndHadWhenItIsFree() {
        try (SweptGuest g = guest()) {
            int other = g.t.os.socket(2, 1, 0);
            var address = new SockAddr();
            address.set(Ip.UNSPECIFIED4.high(), Ip.UNSPECIFIED4.low(), 8080, 0);
            assertThat(g.t.os.bind(other, address)).isZero();
            assertThat(g.t.os.listen(other, 1)).isZero();
            g.open4.set(8080);
            g.open4.set(80);
            g.runs(10 * S);
            assertThat(g.listening()).isOne();
            assertThat(counts(g).refused()).isOne();
            assertThat(g.said("TCP port 8080 is open in the guest, but cannot be listened at: Address already in use"))
                    .hasSize(1);
            g.t.os.close(other);
            g.until(2, HOT_NS);
            assertThat(counts(g).refused()).isZero();
        }
    }
}

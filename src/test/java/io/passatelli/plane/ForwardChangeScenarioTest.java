package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.forward.RuleState;
import io.passatelli.os.Errno;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Forwards are replaced while the plane runs, on a kernel whose calls take time. */
@Tag("sim")
class ForwardChangeScenarioTest {
    private static final long CALL_NS = 3_000;

    /** What may come on top of a slice: the sockets opened between two looks at the clock. */
    private static final long SLACK_NS = 5 * 7 * CALL_NS;

    private static final int TURNS_MOST = 10_000;

    private static PortForward tcp(int first, int last, int target, boolean weak) {
        return new PortForward(Protocol.TCP, null, null, first, last, null, target, weak);
    }

    private static PortForward tcp(int port, int target) {
        return tcp(port, port, target, false);
    }

    private static PortForward udp(int port, int target) {
        return new PortForward(Protocol.UDP, null, null, port, port, target);
    }

    /** One rule for each port from {@code first} on, of both protocols in turn. */
    private static List<PortForward> many(int first, int count) {
        List<PortForward> rules = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int port = first + i / 2;
            rules.add(i % 2 == 0 ? tcp(port, port) : udp(port, port));
        }
        return rules;
    }

    /** A plane whose kernel takes its time. */
    private static final class Scene implements AutoCloseable {
        private final SteppingOs[] kernels = new SteppingOs[1];
        private final PlaneScenario t;
        private final SteppingOs kernel;

        Scene(long openFiles, List<PortForward> rules, boolean paper) {
            t = PlaneScenario.setup()
                    .settings(SimSettings.standard().withOpenFiles(200_000))
                    .openFiles(openFiles)
                    .around(os -> kernels[0] = new SteppingOs(os, CALL_NS, paper))
                    .change(config -> config.forwards(rules))
                    .start();
            kernel = kernels[0];
            kernel.begin(t.clock);
        }

        Scene(PortForward... rules) {
            this(Long.MAX_VALUE, List.of(rules), false);
        }

        CompletableFuture<List<RuleState>> replace(PortForward... rules) {
            return replace(List.of(rules));
        }

        CompletableFuture<List<RuleState>> replace(List<PortForward> rules) {
            return t.plane.handle().replaceForwards(rules);
        }

        /** What has become of the rules, once it is known. */
        List<RuleState> replaced(PortForward... rules) {
            return await(replace(rules));
        }

        <T> T await(CompletableFuture<T> answer) {
            for (int turns = 0; !answer.isDone(); turns++) {
                assertThat(turns).isLessThan(TURNS_MOST);
                t.plane.turn(0);
            }
            return answer.join();
        }

        /** Of all of the last set. */
        List<RuleState> states() {
            return await(t.plane.handle().forwards());
        }

        boolean listens(int port) {
            StreamPeer peer = t.os.connectTcp(Ip.parse(GUEST), port);
            t.runs(MS);
            t.link.forgetSeen();
            return peer.peek() != -Errno.ECONNREFUSED;
        }

        @Override
        public void close() {
            t.close();
        }
    }

    // ---- slices

    @Test
    void trafficGoesOnBetweenSlicesOfAMillisecond() {
        try (var s = new Scene(Long.MAX_VALUE, many(10_000, 10_000), true)) {
            List<PortForward> next = many(12_500, 10_000); // half of them are there
            var answer = s.replace(next);
            int turns = 0;
            for (int id = 1; !answer.isDone(); turns++, id++) {
                assertThat(turns).isLessThan(TURNS_MOST);
                s.t.guestSends(PlaneScenario.echoRequest(GUEST, GATEWAY, 7, id, new byte[8]));
                long beforeNs = s.t.clock.nowNs();
                s.t.plane.turn(0);
                assertThat(s.t.clock.nowNs() - beforeNs)
                        .as("turn %d", turns)
                        .isLessThanOrEqualTo(
                                Limits.FORWARD_SLICE_NS + SLACK_NS + 10 * CALL_NS); // the first opens a ping socket
            }
            assertThat(turns).isBetween(50, 400);
            s.t.runs(MS);
            assertThat(s.t.link.seen()).as("answered echoes").hasSize(turns);
            s.t.link.forgetSeen();
            assertThat(s.kernel.opened).as("none twice, beside two probes").isLessThanOrEqualTo(5_000 + 2);
            assertThat(answer.join()).hasSize(10_000).allMatch(state -> state.listeners() == 1);
            assertThat(answer.join().stream().map(RuleState::rule)).containsExactlyElementsOf(next);
        }
    }

    /** The clock stands still while nothing is opened, so the work itself has to be counted. */
    @Test
    void lookingAtWhatStaysIsNotOneLongTurn() {
        List<PortForward> rules = many(10_000, Limits.FORWARD_RULES);
        try (var s = new Scene(Long.MAX_VALUE, rules, true)) {
            var answer = s.replace(rules);
            int turns = 0;
            for (; !answer.isDone(); turns++) {
                s.t.plane.turn(0);
            }
            assertThat(turns).isGreaterThanOrEqualTo(3 * Limits.FORWARD_RULES / Limits.FORWARD_SLICE_STEPS);
            assertThat(s.kernel.opened - s.kernel.closed).isZero();
            assertThat(s.kernel.opened).as("a probe").isLessThanOrEqualTo(1);
        }
    }

    // ---- what becomes of rules

    @Test
    void rulesThatComeAndGoLeaveTheOthersAlone() {
        try (var s = new Scene(tcp(80, 8080), tcp(22, 22), udp(53, 53))) {
            assertThat(s.replaced(tcp(22, 2222), udp(54, 54), tcp(81, 81)))
                    .containsExactly(
                            new RuleState(tcp(22, 2222), 1, 1, null),
                            new RuleState(udp(54, 54), 1, 1, null),
                            new RuleState(tcp(81, 81), 1, 1, null));
            assertThat(s.states()).hasSize(3);
            assertThat(s.kernel.opened).isEqualTo(2 + 1); // a probe
            assertThat(List.of(s.listens(80), s.listens(22), s.listens(81))).containsExactly(false, true, true);
            assertThat(s.t.plane.refusedForwards()).isEmpty();
        }
    }

    @Test
    void portOfAnotherIsRefusedAndTheOthersHold() {
        try (var s = new Scene(tcp(80, 80))) {
            int other = s.t.os.socket(2, 1, 0);
            bind(s, other, 90);
            assertThat(s.replaced(tcp(90, 90), tcp(91, 91)))
                    .containsExactly(
                            new RuleState(
                                    tcp(90, 90),
                                    0,
                                    1,
                                    "TCP port 90: cannot listen: Address already in use; 'ss -lnpt' says who has it"),
                            new RuleState(tcp(91, 91), 1, 1, null));
            assertThat(s.t.plane.refusedForwards()).hasSize(1);
            s.t.os.close(other);
            assertThat(s.replaced(tcp(90, 90))).noneMatch(RuleState::isRefused);
        }
    }

    private static void bind(Scene s, int fd, int port) {
        var address = new SockAddr();
        address.set(Ip.UNSPECIFIED4.high(), Ip.UNSPECIFIED4.low(), port, 0);
        assertThat(s.t.os.bind(fd, address)).isZero();
    }

    @Test
    void rangeThatCannotBeHadWholeIsNotHadButWhatListenedBeforeStays() {
        try (var s = new Scene(tcp(80, 8080))) {
            int other = s.t.os.socket(2, 1, 0);
            bind(s, other, 85);
            PortForward range = tcp(80, 90, 180, false);
            RuleState state = s.replaced(range).getFirst();
            assertThat(state.isRefused()).isTrue();
            assertThat(state.listeners()).isEqualTo(1);
            assertThat(state.wanted()).isEqualTo(11);
            assertThat(state.refusal()).startsWith("TCP port 85: cannot listen: Address already in use");
            assertThat(List.of(s.listens(80), s.listens(81), s.listens(86))).containsExactly(true, false, false);
            s.t.os.close(other);
        }
    }

    @Test
    void weakRuleHoldsInPartAndSaysWhatIsMissing() {
        try (var s = new Scene()) {
            int other = s.t.os.socket(2, 1, 0);
            bind(s, other, 85);
            RuleState state = s.replaced(tcp(80, 90, 80, true)).getFirst();
            assertThat(state.isRefused()).isFalse();
            assertThat(state.listeners()).isEqualTo(10);
            assertThat(state.refusal())
                    .startsWith("TCP ports 80-90: 1 of them cannot be had, the first: TCP port 85: cannot listen: ");
            RuleState nothing = s.replaced(tcp(85, 85, 85, true)).getFirst();
            assertThat(nothing.isRefused()).isTrue();
            s.t.os.close(other);
        }
    }

    @Test
    void ofTwoRulesForOnePortTheFirstHasIt() {
        try (var s = new Scene()) {
            assertThat(s.replaced(tcp(53, 54, 153, false), tcp(54, 200), tcp(54, 154)))
                    .containsExactly(
                            new RuleState(tcp(53, 54, 153, false), 2, 2, null),
                            new RuleState(
                                    tcp(54, 200), 0, 1, "TCP port 54: is forwarded to port 154 by an earlier rule"),
                            new RuleState(tcp(54, 154), 1, 1, null));
        }
    }

    @Test
    void ruleThatAnotherOfOursKeepsAwayIsToldWhich() {
        PortForward here = new PortForward(Protocol.TCP, Ip.parse(GUEST), null, 80, 80, 80);
        try (var s = new Scene()) {
            assertThat(s.replaced(tcp(80, 80), here).get(1).refusal())
                    .isEqualTo(
                            "TCP 10.77.0.2 port 80: cannot listen: Address already in use; another rule has TCP port 80");
        }
    }

    @Test
    void protocolOrFamilyThatIsOffIsSaid() {
        PortForward six = new PortForward(Protocol.TCP, Ip.LOOPBACK6, null, 80, 80, 80);
        try (var t = PlaneScenario.setup()
                .change(config -> config.without(Service.UDP).without(Service.IP6))
                .start()) {
            var answer = t.plane.handle().replaceForwards(List.of(udp(53, 53), six, tcp(80, 80)));
            t.runs(MS);
            assertThat(answer.join())
                    .containsExactly(
                            new RuleState(udp(53, 53), 0, 0, "UDP port 53: UDP is off"),
                            new RuleState(six, 0, 0, "TCP ::1 port 80: IPv6 is off"),
                            new RuleState(tcp(80, 80), 1, 1, null));
        }
    }

    // ---- one after another

    @Test
    void laterSetSupersedesTheOneThatIsUnderWay() {
        try (var s = new Scene(tcp(80, 80))) {
            var first = s.replace(many(10_000, 2_000));
            for (int i = 0; i < 5; i++) {
                s.t.plane.turn(0);
            }
            assertThat(first).isNotDone();
            assertThat(s.states()).containsExactly(new RuleState(tcp(80, 80), 1, 1, null));
            List<RuleState> second = s.replaced(tcp(80, 80), tcp(10_000, 1));
            assertThat(second).allMatch(state -> state.listeners() == 1);
            assertThatThrownBy(first::join)
                    .hasRootCauseMessage("another set of forwards came before this one was in force");
            assertThat(s.listens(10_001)).isFalse();
        }
    }

    @Test
    void setOfAPlaneThatEndsIsAnswered() {
        var s = new Scene();
        var late = s.replace(many(10_000, 2_000));
        s.t.plane.turn(0);
        s.close();
        assertThatThrownBy(late::join).hasRootCauseMessage("the plane has ended");
        assertThatThrownBy(() -> s.replace(tcp(80, 80)).join()).hasRootCauseMessage("the plane has ended");
        assertThatThrownBy(() -> s.t.plane.handle().forwards().join()).hasRootCauseMessage("the plane has ended");
    }

    @Test
    void hostThatBecomesAnotherDoesNotUndoWhatWasGivenAtRunTime() {
        try (var s = new Scene(tcp(80, 80))) {
            int other = s.t.os.socket(2, 1, 0);
            bind(s, other, 90);
            s.replaced(tcp(81, 81), tcp(90, 90));
            s.t.os.close(other);
            int lines = s.t.lines.size();
            assertThat(s.t.plane.handle().adopt(s.t.config)).isTrue();
            s.t.runs(10 * MS);
            assertThat(List.of(s.listens(80), s.listens(81), s.listens(90))).containsExactly(false, true, true);
            assertThat(s.states()).hasSize(2).noneMatch(RuleState::isRefused);
            assertThat(s.t.lines).hasSize(lines);
        }
    }

    @Test
    void hostThatBecomesAnotherMeanwhileDelaysTheAnswerOnly() {
        try (var s = new Scene(tcp(80, 80))) {
            var answer = s.replace(many(10_000, 2_000));
            for (int i = 0; i < 5; i++) {
                s.t.plane.turn(0);
            }
            s.t.plane.handle().adopt(s.t.config);
            s.t.plane.turn(0);
            assertThat(answer).isNotDone();
            assertThat(s.await(answer)).hasSize(2_000).allMatch(state -> state.listeners() == 1);
            assertThat(s.kernel.opened).as("none twice, beside two probes").isEqualTo(2_002);
        }
    }

    // ---- bounds

    @Test
    void setBeyondTheLimitIsRefusedWholeAndTheLastOneStays() {
        try (var s = new Scene(tcp(80, 80))) {
            assertThatThrownBy(() -> s.replace(many(10_000, 20_000)).join())
                    .hasRootCauseInstanceOf(IllegalArgumentException.class)
                    .hasRootCauseMessage("20000 rules are more than 16384, so the forwards stay as they are");
            assertThat(s.states()).containsExactly(new RuleState(tcp(80, 80), 1, 1, null));
            assertThat(s.listens(80)).isTrue();
        }
    }

    @Test
    void descriptorsThatRunOutMidwayLeaveWhatIsThereAndAreSaid() {
        try (var s = new Scene(tcp(80, 80))) {
            s.kernel.left = 5 + 1; // a probe
            List<RuleState> states = s.replaced(
                    tcp(80, 80), tcp(90, 91, 90, false), tcp(100, 110, 100, false), tcp(200, 299, 200, true));
            assertThat(states.stream().map(RuleState::listeners)).containsExactly(1, 2, 0, 0);
            assertThat(states.get(2).refusal())
                    .isEqualTo(
                            "TCP port 103: cannot listen: Too many open files; the limit of open files (ulimit -n) is too low");
            assertThat(states.get(3).isRefused()).isTrue();
            s.kernel.left = 1_000;
            assertThat(s.replaced(tcp(80, 80), tcp(200, 299, 200, true)).get(1).listeners())
                    .isEqualTo(100);
        }
    }

    @Test
    void listenersHaveWhatFlowsLeaveAndTheRestIsRefusedInOneSentence() {
        try (var s = new Scene(1_024, List.of(), false)) {
            List<RuleState> states = s.replaced(tcp(10_000, 10_999, 10_000, true), udp(53, 53));
            assertThat(states.get(0).listeners()).isEqualTo(256);
            assertThat(states.get(0).refusal())
                    .isEqualTo(
                            "TCP ports 10000-10999: 744 of them cannot be had, the first: TCP port 10256: cannot listen: "
                                    + "no more than 256 ports can be listened at with a limit of 1024 open files (ulimit -n)");
            assertThat(states.get(1).isRefused()).isTrue();
            assertThat(s.kernel.opened).isLessThanOrEqualTo(257);
        }
    }

    @Test
    void whatARefusedRuleGaveBackTheNextMayHave() {
        try (var s = new Scene(1_024, List.of(), false)) {
            List<RuleState> states = s.replaced(tcp(10_000, 10_999, 10_000, false), tcp(80, 80));
            assertThat(states.get(0).isRefused()).isTrue();
            assertThat(states.get(0).listeners()).isZero();
            assertThat(states.get(1).refusal()).isNull();
            assertThat(states.get(1).listeners()).isOne();
        }
    }

    // ---- target addresses

    @Test
    void datagramsGoToTheTargetAddress() {
        PortForward rule =
                new PortForward(Protocol.UDP, Ip.parse(GUEST), null, 53, 53, Ip.parse("10.77.0.9"), 5353, false);
        try (var s = new Scene(rule)) {
            FarUdp peer = s.t.host("192.0.2.7").udp(999);
            peer.send(Ip.parse(GUEST), 53, new byte[] {1});
            s.t.runs(MS);
            UdpFrames.Datagram got = UdpFrames.take(() -> s.t.link.next().bytes);
            assertThat(got.to).isEqualTo("10.77.0.9");
            assertThat(got.toPort).isEqualTo(5353);
            s.t.guestSends(UdpFrames.frame("10.77.0.9", 5353, "192.0.2.7", 999, new byte[] {2}));
            s.t.runs(MS);
            assertThat(peer.arrivals()).singleElement().matches(arrival -> arrival.fromPort() == 53);
        }
    }

    @Test
    void connectionsGoToTheTargetAddress() {
        PortForward rule =
                new PortForward(Protocol.TCP, Ip.parse(GUEST), null, 80, 80, Ip.parse("10.77.0.9"), 8080, false);
        try (var s = new Scene()) {
            s.replaced(rule);
            s.t.os.connectTcp(Ip.parse(GUEST), 80);
            s.t.runs(MS);
            TcpSegment syn = TcpSegment.parse(s.t.link.next().bytes);
            assertThat(syn.dst()).isEqualTo("10.77.0.9");
            assertThat(syn.dstPort()).isEqualTo(8080);
            s.t.link.forgetSeen();
        }
    }

    // ---- once more

    @Test
    void whatCouldNotBeHadIsTriedAgainAndTheRestStays() {
        try (var s = new Scene()) {
            int taken = s.t.os.socket(Socket.AF_INET6, Socket.SOCK_STREAM, 0);
            SockAddr at = new SockAddr();
            at.set(0, 0, 8080, 0);
            assertThat(s.t.os.bind(taken, at)).isZero();
            assertThat(s.t.os.listen(taken, 1)).isZero();
            assertThat(s.replaced(tcp(8080, 80), tcp(2222, 22)))
                    .extracting(RuleState::listeners)
                    .containsExactly(0, 1);
            long lines = refusals(s);
            assertThat(s.await(s.t.plane.handle().retryForwards()))
                    .extracting(RuleState::listeners)
                    .containsExactly(0, 1);
            assertThat(refusals(s)).as("said once").isEqualTo(lines);

            s.t.os.close(taken);
            StreamPeer open = s.t.os.connectTcp(Ip.parse(GUEST), 2222);
            assertThat(s.await(s.t.plane.handle().retryForwards()))
                    .extracting(RuleState::listeners)
                    .containsExactly(1, 1);
            assertThat(s.listens(8080)).isTrue();
            assertThat(open.peek()).isNotEqualTo(-Errno.ECONNREFUSED);
        }
    }

    private static long refusals(Scene s) {
        return s.t.lines.stream().filter(line -> line.contains("8080")).count();
    }

    @Test
    void tryingAgainWhileASetIsOnItsWayTakesNothingFromIt() {
        try (var s = new Scene()) {
            CompletableFuture<List<RuleState>> replaced = s.replace(many(10_000, 2_000));
            CompletableFuture<List<RuleState>> again = s.t.plane.handle().retryForwards();
            assertThat(s.await(replaced)).hasSize(2_000).noneMatch(RuleState::isRefused);
            assertThat(again).isCompleted();
        }
    }

    @Test
    void planeThatHasEndedTriesNothing() {
        var s = new Scene();
        s.close();
        assertThat(s.t.plane.handle().retryForwards()).isCompletedExceptionally();
    }
}

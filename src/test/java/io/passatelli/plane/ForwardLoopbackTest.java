package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.forward.RuleState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.net.ConnectException;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/** Forwards are replaced while connections carry data, on the kernel's own sockets. */
@Timeout(120)
class ForwardLoopbackTest {
    private static final int SOME = 8 << 20;
    private static final int RULES = 10_000;
    private static final int FIRST = 20_000;

    /** An address that nobody else in this machine listens at. */
    private static final Ip HERE = Ip.parse("127.77.12.5");

    /** Each for one port, and weak, as somebody may listen at any address. */
    private static List<PortForward> rules(int first, int shift, PortForward... more) {
        List<PortForward> rules = new ArrayList<>(List.of(more));
        for (int i = 0; i < RULES / 2; i++) {
            for (Protocol protocol : Protocol.values()) {
                int port = first + i;
                rules.add(new PortForward(protocol, HERE, null, port, port, null, port + shift, true));
            }
        }
        return rules;
    }

    private static long listening(List<RuleState> states) {
        return states.stream().filter(state -> state.listeners() == 1).count();
    }

    @Test
    void tenThousandRulesAreReplacedUnderALoadThatLosesNothing() throws Exception {
        try (var t = new TcpLoopback()) {
            PortForward ssh = new PortForward(Protocol.TCP, null, null, t.forwarded, t.forwarded, 22);
            ServerSocketChannel server = t.server(true, 8);
            TcpTalk c = t.talk(true, TcpLoopback.port(server)).handshake();
            SocketChannel host = t.accept(server);
            PlaneHandle handle = t.plane.plane.handle();
            List<CompletableFuture<List<RuleState>>> answers = new ArrayList<>();
            byte[] up = bytes(SOME);
            byte[] down = bytes(SOME + 1);
            ByteBuffer got = ByteBuffer.allocate(up.length + 1);
            int sent = 0;
            int written = 0;
            for (int idle = 0;
                    got.position() < up.length || c.received().length < down.length || answers.size() < 4;
                    idle++) {
                assertThat(idle).isLessThan(1_000_000);
                if (answers.size() < 4
                        && (answers.isEmpty() || answers.getLast().isDone())) {
                    answers.add(handle.replaceForwards(
                            rules(answers.size() % 2 == 0 ? FIRST : FIRST + RULES / 4, answers.size(), ssh)));
                }
                sent = c.sendsWhatFits(up, sent);
                if (written < down.length) {
                    written += TcpLoopback.write(host, down, written);
                }
                assertThat(TcpLoopback.read(host, got)).isGreaterThanOrEqualTo(0);
                if (!c.takeAll().isEmpty()) {
                    c.puts(seg("A"));
                }
            }
            t.plane.until(() -> answers.getLast().isDone());
            assertThat(Arrays.copyOf(got.array(), up.length)).isEqualTo(up);
            assertThat(c.received()).isEqualTo(down);
            for (var answer : answers) {
                assertThat(answer.join()).hasSize(RULES + 1);
                assertThat(listening(answer.join())).isGreaterThan(RULES - 100);
                assertThat(answer.join().getFirst()).isEqualTo(new RuleState(ssh, 1, 1, null));
            }
            SocketChannel peer = t.connects(true); // the port that was always there
            t.accepted().sends(data("x"));
            t.plane.until(() -> TcpLoopback.read(peer, ByteBuffer.allocate(1)) == 1);
        }
    }

    @Test
    void connectionOutlivesItsRuleAndThePortIsRefusedAfterwards() throws Exception {
        try (var t = new TcpLoopback()) {
            SocketChannel peer = t.connects(true);
            TcpTalk c = t.accepted();
            var answer = t.plane.plane.handle().replaceForwards(List.of());
            t.plane.until(answer::isDone);
            c.sends(data("still here"));
            ByteBuffer got = ByteBuffer.allocate(100);
            t.plane.until(() -> TcpLoopback.read(peer, got) == 10);
            assertThat(catchThrowable(() -> t.connects(true))).isInstanceOf(ConnectException.class);
        }
    }
}

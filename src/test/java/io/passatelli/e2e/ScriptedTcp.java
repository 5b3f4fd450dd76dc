package io.passatelli.e2e;

import io.passatelli.wire.TcpSegment;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

import static io.passatelli.wire.TcpSegment.ACK;
import static io.passatelli.wire.TcpSegment.FIN;
import static io.passatelli.wire.TcpSegment.PSH;
import static io.passatelli.wire.TcpSegment.SYN;
import static org.assertj.core.api.Assertions.assertThat;

/** One connection of a scripted guest: just enough of TCP (RFC 9293) for a link that loses nothing. */
final class ScriptedTcp {
    private static final int MSS = 1_460;
    private static final int SCALE = 7;
    private static final int FIRST = 1_000_000_000;

    private final StreamGuest link;
    /** What every segment of ours has. */
    private final TcpSegment ours;

    private int next = FIRST;
    private int expected;
    private int acked = FIRST;
    private int edge = FIRST;
    private int scale;

    private ScriptedTcp(StreamGuest link, TcpSegment ours) {
        this.link = link;
        this.ours = ours;
    }

    /** A connection that nobody has asked for yet. */
    static ScriptedTcp between(StreamGuest link, String guest, int port, String peer, int peerPort) {
        return new ScriptedTcp(link, TcpSegment.between(guest, port, peer, peerPort));
    }

    /** SYN with MSS, and window scale if so; the answer. */
    TcpSegment ask(boolean scales) throws IOException {
        TcpSegment syn = ours.seq(next).with(SYN).mss(MSS);
        next++;
        send(scales ? syn.windowScale(SCALE) : syn);
        return receive();
    }

    /** The whole handshake, as the one who asks. */
    ScriptedTcp connect() throws IOException {
        TcpSegment answer = ask(true);
        assertThat(answer.flags()).as("%s", answer).isEqualTo(SYN | ACK);
        assertThat(answer.ack()).isEqualTo(next);
        expected = answer.end();
        scale = answer.windowScale();
        edge = answer.ack() + answer.window();
        acknowledge();
        return this;
    }

    /** The whole handshake, as the one who is asked; {@code syn}: from whom. */
    static ScriptedTcp accept(StreamGuest link, TcpSegment syn) throws IOException {
        assertThat(syn.flags()).as("%s", syn).isEqualTo(SYN);
        ScriptedTcp tcp = between(link, syn.dst(), syn.dstPort(), syn.src(), syn.srcPort());
        tcp.expected = syn.end();
        tcp.scale = syn.windowScale();
        tcp.send(tcp.ours.seq(tcp.next).ack(tcp.expected).with(SYN).mss(MSS).windowScale(SCALE));
        tcp.next++;
        TcpSegment answer = tcp.receive();
        assertThat(answer.flags()).as("%s", answer).isEqualTo(ACK);
        assertThat(answer.ack()).isEqualTo(tcp.next);
        tcp.heard(answer);
        return tcp;
    }

    /** Sends all of it, as the window allows, until it is acknowledged. */
    void write(byte[] bytes) throws IOException {
        int at = 0;
        while (at < bytes.length || acked != next) {
            int count = Math.min(Math.min(MSS, bytes.length - at), edge - next);
            if (count <= 0) {
                heard(fresh());
                continue;
            }
            send(ours.seq(next).ack(expected).with(PSH).payload(Arrays.copyOfRange(bytes, at, at + count)));
            next += count;
            at += count;
        }
    }

    private void heard(TcpSegment segment) {
        assertThat(segment.flags() & ~PSH).as("%s", segment).isEqualTo(ACK);
        assertThat(segment.payload())
                .as("data ahead of their time: %s", segment)
                .isEmpty();
        assertThat(segment.ack() - acked).as("%s", segment).isNotNegative();
        acked = segment.ack();
        int newEdge = segment.ack() + (segment.window() << scale);
        assertThat(newEdge - edge)
                .as("the edge of the window moves left by less than its unit, RFC 7323 §2.4: %s", segment)
                .isGreaterThan(-(1 << scale));
        edge = Math.max(edge, newEdge);
    }

    /** The next bytes, in order, each acknowledged. */
    byte[] read(int count) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        while (bytes.size() < count) {
            TcpSegment segment = receive();
            assertThat(segment.flags() & ~PSH).as("%s", segment).isEqualTo(ACK);
            assertThat(segment.payload().length()).isLessThanOrEqualTo(MSS);
            if (segment.seq() == expected) {
                bytes.writeBytes(segment.payloadBytes());
                expected = segment.end();
            }
            acknowledge();
        }
        return bytes.toByteArray();
    }

    /** FIN, and its acknowledgment. */
    void finish() throws IOException {
        send(ours.seq(next).ack(expected).with(FIN));
        next++;
        while (acked != next) {
            heard(fresh());
        }
    }

    /** The other side's FIN, which is acknowledged. */
    void awaitFin() throws IOException {
        TcpSegment fin = fresh();
        while (fin.seqLength() == 0) {
            heard(fin);
            fin = fresh();
        }
        assertThat(fin.flags() & ~PSH).as("%s", fin).isEqualTo(FIN | ACK);
        assertThat(fin.seq()).isEqualTo(expected);
        expected = fin.end();
        acknowledge();
    }

    private void acknowledge() throws IOException {
        send(ours.seq(next).ack(expected));
    }

    private void send(TcpSegment segment) throws IOException {
        link.send(segment.fromGuest());
    }

    /** The next segment that is not data sent once more, as a sender does whom we kept waiting for an acknowledgment. */
    private TcpSegment fresh() throws IOException {
        TcpSegment segment = receive();
        while (segment.seqLength() > 0 && segment.seq() - expected < 0) {
            acknowledge();
            segment = receive();
        }
        return segment;
    }

    /** The next segment of this connection. */
    TcpSegment receive() throws IOException {
        TcpSegment next;
        do {
            next = receive(link);
        } while (next.dstPort() != ours.srcPort() || next.srcPort() != ours.dstPort());
        return next;
    }

    /** The next TCP segment of any; lengths and checksums are right. */
    static TcpSegment receive(StreamGuest link) throws IOException {
        return TcpSegment.parse(link.receive(ScriptedTcp::isTcp));
    }

    private static boolean isTcp(byte[] frame) {
        return switch (ByteBuffer.wrap(frame).getShort(12) & 0xffff) {
            case 0x0800 -> frame[23] == 6;
            case 0x86dd -> frame[20] == 6;
            default -> false;
        };
    }
}

package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.link.GuestFrame;
import io.passatelli.os.Errno;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.Packets;
import io.passatelli.wire.TcpSegment;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static org.assertj.core.api.Assertions.assertThat;

/** A guest whose ports a plane finds out in virtual time: it answers ARP, and SYNs as the test says, and forgets all it is told. */
final class SweptGuest implements AutoCloseable {
    private static final long STEP_NS = 10 * MS;
    private static final int ITS_NUMBER = 0x7000_0000;

    final PlaneScenario t;
    /** Ports at which it answers SYN,ACK. */
    final BitSet open4 = new BitSet();

    final BitSet open6 = new BitSet();
    /** It answers nothing at all, as while it is paused; what it is sent meanwhile is lost. */
    boolean silent;

    /** Its firewall has SYNs dropped, but for those to these ports. */
    boolean drops;

    final BitSet passed = new BitSet();
    /** SYNs that came from our gateway's address, by family. */
    long probes4;

    long probes6;
    /** The last one of each port and family, IPv4's first. */
    final List<TcpSegment> probes = new ArrayList<>();

    SweptGuest(PlaneScenario.Setup setup) {
        t = setup.settings(SimSettings.standard().withOpenFiles(100_000)).start();
    }

    SweptGuest runs(long ns) {
        long endNs = t.clock.nowNs() + ns;
        do {
            t.runs(Math.min(STEP_NS, endNs - t.clock.nowNs()));
            answer();
        } while (t.clock.nowNs() < endNs);
        t.runs(0);
        return this;
    }

    private void answer() {
        List<GuestFrame> frames = t.link.seen();
        t.link.forgetSeen();
        for (GuestFrame frame : frames) {
            if (TcpSegment.isIn(frame.bytes)) {
                answer(TcpSegment.parse(frame.bytes, frame.offload));
            } else if (!silent && isRequestFor(frame.bytes)) {
                t.guestSends(Packets.ethernet(
                        Packets.OUR_MAC,
                        Packets.GUEST_MAC,
                        0x0806,
                        Packets.arp(2, Packets.GUEST_MAC, GUEST, Packets.OUR_MAC, GATEWAY)));
            }
        }
    }

    private static boolean isRequestFor(byte[] frame) {
        return frame[12] == 8 && frame[13] == 6 && frame[21] == 1 && frame[41] == 2;
    }

    private void answer(TcpSegment syn) {
        if (syn.flags() != TcpSegment.SYN) {
            return;
        }
        boolean v4 = syn.dst().equals(GUEST);
        if (syn.src().equals(v4 ? GATEWAY : ROUTER6)) {
            probes.add(syn);
            probes4 += v4 ? 1 : 0;
            probes6 += v4 ? 0 : 1;
        }
        if (silent || drops && !passed.get(syn.dstPort())) {
            return;
        }
        boolean open = (v4 ? open4 : open6).get(syn.dstPort());
        TcpSegment answer = back(syn).ack(syn.seq() + 1);
        t.guestSends((open ? answer.seq(ITS_NUMBER).with(TcpSegment.SYN).mss(1460) : answer.with(TcpSegment.RST))
                .fromGuest());
    }

    static TcpSegment back(TcpSegment to) {
        String guest = to.dst();
        String far = to.src();
        int guestPort = to.dstPort();
        int farPort = to.srcPort();
        return TcpSegment.between(guest, guestPort, far, farPort);
    }

    /** Speaks by IPv6, and is heard. */
    SweptGuest speaksIp6() {
        t.guestSends(
                TcpSegment.between(GUEST6, 9, ROUTER6, 9).with(TcpSegment.RST).fromGuest());
        return runs(MS);
    }

    /** Connects from elsewhere; the guest has time to answer. */
    StreamPeer connect(String to, int port) {
        StreamPeer peer = t.os.connectTcp(Ip.parse(to), port);
        runs(2 * STEP_NS);
        return peer;
    }

    boolean listens(String to, int port) {
        StreamPeer peer = connect(to, port);
        boolean refused = peer.peek() == -Errno.ECONNREFUSED;
        peer.reset();
        runs(STEP_NS);
        return !refused;
    }

    boolean listens(int port) {
        return listens(GUEST, port);
    }

    int listening() {
        return t.stats().listeners();
    }

    /** Until so many listen; how long it took. */
    long until(int listening, long mostNs) {
        long beginNs = t.clock.nowNs();
        while (listening() != listening) {
            assertThat(t.clock.nowNs() - beginNs)
                    .as("time until %d ports listen, of which %d do", listening, listening())
                    .isLessThanOrEqualTo(mostNs);
            runs(50 * MS);
        }
        return t.clock.nowNs() - beginNs;
    }

    List<String> said(String part) {
        return t.lines.stream().filter(line -> line.contains(part)).toList();
    }

    @Override
    public void close() {
        t.link.forgetSeen();
        t.close();
    }
}

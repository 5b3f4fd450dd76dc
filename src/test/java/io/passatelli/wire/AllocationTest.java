package io.passatelli.wire;

import io.passatelli.base.Allocation;
import io.passatelli.base.Drop;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** The hot path of this room makes no garbage once it is compiled. */
class AllocationTest {
    private static final int FRAMES = 100_000;

    @Test
    void parsingAllocatesNothing() {
        String guest = "10.0.2.15";
        String peer = "192.0.2.1";
        String guest6 = "fd77::2";
        String peer6 = "2001:db8::1";
        Frame[] frames = {
            Packets.frame(Packets.ethernet(
                    Packets.OUR_MAC,
                    Packets.GUEST_MAC,
                    0x0800,
                    Packets.ip4(17, guest, peer, Packets.udp(guest, 1, peer, 2, new byte[100])))),
            Packets.frame(Packets.ethernet(
                    Packets.OUR_MAC,
                    Packets.GUEST_MAC,
                    0x0800,
                    Packets.ip4(1, guest, peer, Packets.icmp4(8, 1, 2, new byte[56])))),
            Packets.frame(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0806, new byte[28])),
            Packets.frame(
                    Packets6.frame(Packets6.ip6(17, guest6, peer6, Packets6.udp(guest6, 1, peer6, 2, new byte[9])))),
            Packets.frame(Packets6.frame(Packets6.ip6(
                    0,
                    guest6,
                    peer6,
                    Packets6.options(
                            60,
                            8,
                            Packets6.options(
                                    44,
                                    8,
                                    Packets6.fragment(
                                            58,
                                            0,
                                            false,
                                            1,
                                            Packets6.echoRequest(guest6, peer6, 1, 2, new byte[56]))))))),
            Packets.frame(
                    Packets6.frame(Packets6.ip6(44, guest6, peer6, Packets6.fragment(17, 8, true, 1, new byte[64])))),
            Packets.frame(Packets6.fragment4(17, guest, peer, 1, 8, true, new byte[64])),
            Packets.frame(TcpSegment.between(guest, 1, peer, 2)
                    .mss(1460)
                    .windowScale(7)
                    .fromGuest()),
            Packets.frame(TcpSegment.between(guest6, 1, peer6, 2)
                    .options("0402080a0000000100000002")
                    .payload(new byte[1400])
                    .fromGuest())
        };
        Drop[] drops = {
            Drop.NONE,
            Drop.NONE,
            Drop.NONE,
            Drop.NONE,
            Drop.NONE,
            Drop.IP6_FRAGMENT,
            Drop.IP4_FRAGMENT,
            Drop.NONE,
            Drop.NONE
        };
        TcpOptions options = new TcpOptions();
        for (int i = 0; i < frames.length; i++) {
            assertThat(frames[i].parse()).as("frame %s", i).isEqualTo(drops[i]);
        }
        int[] good = new int[1];
        assertThat(Allocation.leastBytes(1, () -> {
                    for (int i = 0; i < FRAMES; i++) {
                        Frame f = frames[i % frames.length];
                        if (f.parse() == Drop.NONE) {
                            if (f.protocol() == Ip4.TCP) {
                                options.read(f.bytes(), f.l4());
                            }
                            good[0] += Checksum.add(
                                            Checksum.pseudo(
                                                    f.srcHigh(),
                                                    f.srcLow(),
                                                    f.dstHigh(),
                                                    f.dstLow(),
                                                    f.protocol(),
                                                    f.l4Length()),
                                            0,
                                            f.bytes(),
                                            f.l4(),
                                            f.l4Length())
                                    & 1;
                        }
                    }
                }))
                .isZero();
        assertThat(good[0]).isPositive();
    }
}

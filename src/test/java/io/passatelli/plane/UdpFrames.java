package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;

import static org.assertj.core.api.Assertions.assertThat;

/** Frames with UDP in them, built and taken apart octet by octet, with nothing of the code under test. */
public final class UdpFrames {
    private UdpFrames() {}

    /** From the guest, in the family of the addresses. */
    public static byte[] frame(String from, int fromPort, String to, int toPort, byte[] payload) {
        return frame(from, fromPort, to, toPort, payload, 64);
    }

    static byte[] frame(String from, int fromPort, String to, int toPort, byte[] payload, int hops) {
        if (from.indexOf(':') < 0) {
            byte[] ip = Packets.ip4(17, from, to, Packets.udp(from, fromPort, to, toPort, payload));
            ip[8] = (byte) hops;
            return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.withIp4Checksum(ip, 0));
        }
        byte[] ip = Packets6.ip6(17, from, to, udp6(from, fromPort, to, toPort, payload));
        ip[7] = (byte) hops;
        return Packets6.frame(ip);
    }

    private static byte[] udp6(String from, int fromPort, String to, int toPort, byte[] payload) {
        byte[] udp = ByteBuffer.allocate(8 + payload.length)
                .putShort((short) fromPort)
                .putShort((short) toPort)
                .putShort((short) (8 + payload.length))
                .putShort((short) 0)
                .put(payload)
                .array();
        int sum = ~naiveSum6(Packets6.address(from), Packets6.address(to), udp) & 0xffff;
        ByteBuffer.wrap(udp).putShort(6, (short) (sum == 0 ? 0xffff : sum));
        return udp;
    }

    private static int naiveSum6(byte[] from, byte[] to, byte[] udp) {
        byte[] all = ByteBuffer.allocate(40 + udp.length)
                .put(from)
                .put(to)
                .putInt(udp.length)
                .putInt(17)
                .put(udp)
                .array();
        return Packets.naiveSum(all, 0, all.length);
    }

    /** A datagram as the guest sees it. */
    public static final class Datagram {
        public final String from;
        public final int fromPort;
        public final String to;
        public final int toPort;
        public final byte[] payload;

        private Datagram(String from, int fromPort, String to, int toPort, byte[] payload) {
            this.from = from;
            this.fromPort = fromPort;
            this.to = to;
            this.toPort = toPort;
            this.payload = payload;
        }
    }

    /** The next datagram of those that {@code frames} brings, its fragments put together, and everything in it found right. */
    public static Datagram take(Supplier<byte[]> frames) {
        byte[] first = frames.get();
        boolean v4 = u16(first, 12) == 0x0800;
        assertThat(first.length).isGreaterThanOrEqualTo(60);
        return v4 ? take4(first, frames) : take6(first, frames);
    }

    private static Datagram take4(byte[] first, Supplier<byte[]> frames) {
        assertThat(Packets.naiveSum(first, 14, 20)).isEqualTo(0xffff);
        assertThat(first[23]).isEqualTo((byte) 17);
        SortedMap<Integer, byte[]> parts = new TreeMap<>();
        byte[] frame = first;
        boolean more = true;
        while (more) {
            assertThat(u16(frame, 18)).isEqualTo(u16(first, 18));
            more = (u16(frame, 20) & 0x2000) != 0;
            parts.put((u16(frame, 20) & 0x1fff) * 8, Arrays.copyOfRange(frame, 34, 14 + u16(frame, 16)));
            if (more) {
                frame = frames.get();
            }
        }
        byte[] udp = join(parts);
        byte[] pseudo = ByteBuffer.allocate(12 + udp.length)
                .put(first, 26, 8)
                .putShort((short) 17)
                .putShort((short) udp.length)
                .put(udp)
                .array();
        assertThat(Packets.naiveSum(pseudo, 0, pseudo.length)).isEqualTo(0xffff);
        return datagram(Arrays.copyOfRange(first, 26, 30), Arrays.copyOfRange(first, 30, 34), udp);
    }

    private static Datagram take6(byte[] first, Supplier<byte[]> frames) {
        SortedMap<Integer, byte[]> parts = new TreeMap<>();
        byte[] frame = first;
        boolean more = true;
        while (more) {
            boolean fragment = frame[20] == 44;
            int field = fragment ? u16(frame, 56) : 0;
            more = (field & 1) != 0;
            parts.put(field & ~7, Arrays.copyOfRange(frame, fragment ? 62 : 54, 54 + u16(frame, 18)));
            assertThat(fragment ? frame[54] : frame[20]).isEqualTo((byte) 17);
            if (more) {
                frame = frames.get();
            }
        }
        byte[] udp = join(parts);
        byte[] from = Arrays.copyOfRange(first, 22, 38);
        byte[] to = Arrays.copyOfRange(first, 38, 54);
        assertThat(naiveSum6(from, to, udp)).isEqualTo(0xffff);
        return datagram(from, to, udp);
    }

    private static byte[] join(SortedMap<Integer, byte[]> parts) {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        parts.forEach((offset, part) -> {
            assertThat(offset).isEqualTo(whole.size());
            whole.writeBytes(part);
        });
        return whole.toByteArray();
    }

    private static Datagram datagram(byte[] from, byte[] to, byte[] udp) {
        assertThat(u16(udp, 4)).isEqualTo(udp.length);
        assertThat(u16(udp, 6)).isNotZero();
        return new Datagram(text(from), u16(udp, 0), text(to), u16(udp, 2), Arrays.copyOfRange(udp, 8, udp.length));
    }

    private static String text(byte[] address) {
        ByteBuffer b = ByteBuffer.wrap(address);
        return (address.length == 4 ? Ip.v4(b.getInt()) : new Ip(b.getLong(), b.getLong())).toString();
    }

    public static int u16(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }
}

package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.wire.Packets;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

import static org.assertj.core.api.Assertions.assertThat;

/** What a guest's IP stack makes of frames, with nothing of the code under test: checks every length and checksum, puts fragments together. */
final class GuestEar {
    /** Header and data of the upper layer of one datagram. */
    static final class Heard {
        final Ip src;
        final Ip dst;
        final int protocol;
        private final byte[] bytes;

        Heard(Ip src, Ip dst, int protocol, byte[] bytes) {
            this.src = src;
            this.dst = dst;
            this.protocol = protocol;
            this.bytes = bytes;
        }

        int u8(int at) {
            return bytes[at] & 0xff;
        }

        int u16(int at) {
            return u8(at) << 8 | u8(at + 1);
        }

        byte[] from(int at) {
            return Arrays.copyOfRange(bytes, at, bytes.length);
        }
    }

    private record Name(Ip src, Ip dst, int id) {}

    private static final class Parts {
        private final Map<Integer, byte[]> byOffset = new TreeMap<>();
        private int length = -1;
    }

    private final Map<Name, Parts> incomplete = new HashMap<>();

    /** A datagram of UDP or ICMP; empty for other frames, and for a part that does not complete one. */
    Optional<Heard> hear(byte[] frame) {
        ByteBuffer in = ByteBuffer.wrap(frame);
        return switch (in.getShort(12) & 0xffff) {
            case 0x0800 -> hear4(in, frame);
            case 0x86dd -> hear6(in, frame);
            default -> Optional.empty();
        };
    }

    private Optional<Heard> hear4(ByteBuffer in, byte[] frame) {
        assertThat(in.get(14)).as("version and header length").isEqualTo((byte) 0x45);
        assertThat(Packets.naiveSum(frame, 14, 20)).as("header checksum").isEqualTo(0xffff);
        int length = in.getShort(16) & 0xffff;
        int fragment = in.getShort(20) & 0x3fff;
        Ip src = Ip.v4(in.getInt(26));
        Ip dst = Ip.v4(in.getInt(30));
        byte[] bytes = Arrays.copyOfRange(frame, 34, 14 + length);
        return whole(new Heard(src, dst, in.get(23) & 0xff, bytes), fragment, in.getShort(18) & 0xffff);
    }

    private Optional<Heard> hear6(ByteBuffer in, byte[] frame) {
        int length = in.getShort(18) & 0xffff;
        int next = in.get(20) & 0xff;
        Ip src = new Ip(in.getLong(22), in.getLong(30));
        Ip dst = new Ip(in.getLong(38), in.getLong(46));
        if (next != 44) {
            return whole(new Heard(src, dst, next, Arrays.copyOfRange(frame, 54, 54 + length)), 0, 0);
        }
        int field = in.getShort(56) & 0xffff;
        byte[] bytes = Arrays.copyOfRange(frame, 62, 54 + length);
        int fragment = field >>> 3 | (field & 1) << 13; // as IPv4 has it
        return whole(new Heard(src, dst, in.get(54) & 0xff, bytes), fragment, in.getInt(58));
    }

    private Optional<Heard> whole(Heard part, int fragment, int id) {
        if (fragment == 0) {
            return Optional.of(checked(part));
        }
        Name name = new Name(part.src, part.dst, id);
        Parts parts = incomplete.computeIfAbsent(name, n -> new Parts());
        int offset = (fragment & 0x1fff) * 8;
        parts.byOffset.put(offset, part.bytes);
        if ((fragment & 0x2000) == 0) {
            parts.length = offset + part.bytes.length;
        }
        int have = parts.byOffset.values().stream().mapToInt(b -> b.length).sum();
        if (have != parts.length) {
            return Optional.empty();
        }
        incomplete.remove(name);
        ByteBuffer all = ByteBuffer.allocate(have);
        parts.byOffset.forEach((at, bytes) -> all.put(at, bytes));
        return Optional.of(checked(new Heard(part.src, part.dst, part.protocol, all.array())));
    }

    private static Heard checked(Heard heard) {
        byte[] bytes = heard.bytes;
        boolean v4 = heard.dst.isV4();
        if (heard.protocol == 17) {
            assertThat(heard.u16(4)).as("UDP length").isEqualTo(bytes.length);
            assertThat(heard.u16(6)).as("UDP checksum is there").isNotZero();
        }
        int sum = Packets.naiveSum(bytes, 0, bytes.length);
        if (!v4 || heard.protocol == 17) {
            ByteBuffer pseudo = ByteBuffer.allocate(40)
                    .putLong(v4 ? 0 : heard.src.high())
                    .putLong(v4 ? heard.src.low() & 0xffff_ffffL : heard.src.low())
                    .putLong(v4 ? 0 : heard.dst.high())
                    .putLong(v4 ? heard.dst.low() & 0xffff_ffffL : heard.dst.low())
                    .putInt(bytes.length)
                    .putInt(heard.protocol);
            int both = sum + Packets.naiveSum(pseudo.array(), 0, 40);
            sum = (both & 0xffff) + (both >>> 16);
        }
        assertThat(sum).as("checksum of protocol %s", heard.protocol).isEqualTo(0xffff);
        return heard;
    }
}

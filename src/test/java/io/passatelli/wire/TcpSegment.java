package io.passatelli.wire;

import io.passatelli.base.Ip;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A TCP segment with its ends, as tests build, compare and print it; octet by octet, with nothing of the code under test. Made from
 * {@link #between} step by step, each of which gives a new one, or taken from a frame by {@link #parse}.
 *
 * @param flags the low octet of the flags, e.g. {@code SYN | ACK}
 * @param window as it stands there: not scaled
 * @param options in hex, as they stand there; on the way out padded with END to a multiple of four bytes
 * @param payload each byte one character, ISO 8859-1
 */
public record TcpSegment(
        String src,
        int srcPort,
        String dst,
        int dstPort,
        int seq,
        int ack,
        int flags,
        int window,
        String options,
        String payload) {
    public static final int FIN = 1;
    public static final int SYN = 2;
    public static final int RST = 4;
    public static final int PSH = 8;
    public static final int ACK = 16;
    public static final int URG = 32;

    /** As tcpdump(1) writes them, from the lowest bit on. */
    private static final String LETTERS = "FSRP.UEW";

    /** No flags, options and payload; all numbers zero but the window, which is the widest. */
    public static TcpSegment between(String src, int srcPort, String dst, int dstPort) {
        return new TcpSegment(src, srcPort, dst, dstPort, 0, 0, 0, 0xffff, "", "");
    }

    public TcpSegment seq(int value) {
        return new TcpSegment(src, srcPort, dst, dstPort, value, ack, flags, window, options, payload);
    }

    /** Also sets the flag. */
    public TcpSegment ack(int value) {
        return new TcpSegment(src, srcPort, dst, dstPort, seq, value, flags | ACK, window, options, payload);
    }

    /** Without changing the others. */
    public TcpSegment with(int more) {
        return new TcpSegment(src, srcPort, dst, dstPort, seq, ack, flags | more, window, options, payload);
    }

    /** These alone. */
    public TcpSegment flags(int value) {
        return new TcpSegment(src, srcPort, dst, dstPort, seq, ack, value, window, options, payload);
    }

    public TcpSegment window(int value) {
        return new TcpSegment(src, srcPort, dst, dstPort, seq, ack, flags, value, options, payload);
    }

    public TcpSegment options(String hex) {
        return new TcpSegment(src, srcPort, dst, dstPort, seq, ack, flags, window, hex, payload);
    }

    /** Appends the option to those that are there. */
    public TcpSegment mss(int mss) {
        return options(options + "0204%04x".formatted(mss));
    }

    /** Appends the option to those that are there, NOP first. */
    public TcpSegment windowScale(int shift) {
        return options(options + "010303%02x".formatted(shift));
    }

    public TcpSegment payload(String latin1) {
        return new TcpSegment(src, srcPort, dst, dstPort, seq, ack, flags, window, options, latin1);
    }

    public TcpSegment payload(byte[] bytes) {
        return payload(new String(bytes, StandardCharsets.ISO_8859_1));
    }

    public boolean has(int wanted) {
        return (flags & wanted) == wanted;
    }

    public byte[] payloadBytes() {
        return payload.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** How far it moves the sender: payload, SYN and FIN. */
    public int seqLength() {
        return payload.length() + (has(SYN) ? 1 : 0) + (has(FIN) ? 1 : 0);
    }

    /** The sequence number behind it. */
    public int end() {
        return seq + seqLength();
    }

    /** Content of the first option of {@code kind} as a number, -1 if there is none. */
    public int option(int kind) {
        byte[] all = HexFormat.of().parseHex(options);
        for (int at = 0; at < all.length && all[at] != 0; ) {
            if (all[at] == 1) {
                at++;
                continue;
            }
            assertThat(at + 1).as("length of an option in %s", options).isLessThan(all.length);
            int length = all[at + 1];
            assertThat(length).as("length of an option in %s", options).isBetween(2, all.length - at);
            if (all[at] == kind) {
                int value = 0;
                for (int i = at + 2; i < at + length; i++) {
                    value = value << 8 | all[i] & 0xff;
                }
                return value;
            }
            at += length;
        }
        return -1;
    }

    /** -1 if it does not say. */
    public int mss() {
        return option(2);
    }

    /** -1 if it does not say. */
    public int windowScale() {
        return option(3);
    }

    /** Header and payload, with the right checksum. */
    public byte[] bytes() {
        byte[] given = HexFormat.of().parseHex(options);
        byte[] all = Arrays.copyOf(given, (given.length + 3) / 4 * 4);
        byte[] bytes = ByteBuffer.allocate(20 + all.length + payload.length())
                .putShort((short) srcPort)
                .putShort((short) dstPort)
                .putInt(seq)
                .putInt(ack)
                .put((byte) (20 + all.length << 2))
                .put((byte) flags)
                .putShort((short) window)
                .putInt(0)
                .put(all)
                .put(payloadBytes())
                .array();
        ByteBuffer.wrap(bytes).putShort(16, (short) ~sum(address(src), address(dst), bytes));
        return bytes;
    }

    /** With an IP header, in the family of the addresses. */
    public byte[] packet() {
        return isIp6() ? Packets6.ip6(6, src, dst, bytes()) : Packets.ip4(6, src, dst, bytes());
    }

    /** In a frame from the guest to us. */
    public byte[] fromGuest() {
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, isIp6() ? 0x86dd : 0x0800, packet());
    }

    private boolean isIp6() {
        return src.indexOf(':') >= 0;
    }

    /** Takes a whole segment from a frame, and finds lengths and checksums right. */
    public static TcpSegment parse(byte[] frame) {
        return parse(frame, new Offload());
    }

    /** The same; with {@link Offload#NEEDS_CSUM} the checksum field has to hold the sum of the pseudo-header, and the rest has to fit as well. */
    public static TcpSegment parse(byte[] frame, Offload offload) {
        ByteBuffer in = ByteBuffer.wrap(frame);
        boolean v6 = in.getShort(12) == (short) 0x86dd;
        assertThat(in.getShort(12)).as("Ethernet type").isIn((short) 0x0800, (short) 0x86dd);
        assertThat(in.get(14)).as("version and header length").isEqualTo((byte) (v6 ? 0x60 : 0x45));
        assertThat(in.get(v6 ? 20 : 23)).as("protocol").isEqualTo((byte) 6);
        int start = v6 ? 54 : 34;
        int end = v6 ? start + u16(in, 18) : 14 + u16(in, 16);
        assertThat(end).as("end of the packet").isBetween(start + 20, frame.length);
        if (!v6) {
            assertThat(Packets.naiveSum(frame, 14, 20)).as("header checksum").isEqualTo(0xffff);
            assertThat(in.getShort(20) & 0x3fff).as("fragment").isZero();
        }
        byte[] src = Arrays.copyOfRange(frame, v6 ? 22 : 26, v6 ? 38 : 30);
        byte[] dst = Arrays.copyOfRange(frame, v6 ? 38 : 30, start);
        byte[] bytes = Arrays.copyOfRange(frame, start, end);
        assertChecksum(src, dst, bytes, start, offload);
        return parse(text(src), text(dst), bytes);
    }

    private static void assertChecksum(byte[] src, byte[] dst, byte[] bytes, int start, Offload offload) {
        if ((offload.flags & Offload.NEEDS_CSUM) == 0) {
            assertThat(sum(src, dst, bytes)).as("checksum").isEqualTo(0xffff);
            return;
        }
        assertThat(offload.csumStart).as("start of the checksum").isEqualTo(start);
        assertThat(offload.csumOffset).as("offset of the checksum").isEqualTo(16);
        byte[] pseudo = pseudo(src, dst, bytes.length);
        assertThat(u16(ByteBuffer.wrap(bytes), 16))
                .as("sum of the pseudo-header")
                .isEqualTo(Packets.naiveSum(pseudo, 0, pseudo.length));
    }

    private static TcpSegment parse(String src, String dst, byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        int header = (in.get(12) & 0xf0) >>> 2;
        assertThat(header).as("header length").isBetween(20, bytes.length);
        assertThat(in.get(12) & 0xf).as("reserved").isZero();
        assertThat(in.getShort(18)).as("urgent pointer").isZero();
        return new TcpSegment(
                src,
                u16(in, 0),
                dst,
                u16(in, 2),
                in.getInt(4),
                in.getInt(8),
                in.get(13) & 0xff,
                u16(in, 14),
                HexFormat.of().formatHex(bytes, 20, header),
                new String(bytes, header, bytes.length - header, StandardCharsets.ISO_8859_1));
    }

    /** Whether {@code frame} is IP with TCP behind a header without options. */
    public static boolean isIn(byte[] frame) {
        ByteBuffer in = ByteBuffer.wrap(frame);
        return switch (in.getShort(12) & 0xffff) {
            case 0x0800 -> in.get(23) == 6;
            case 0x86dd -> in.get(20) == 6;
            default -> false;
        };
    }

    /** {@code flags} as tcpdump(1) writes them. */
    public String flagText() {
        StringBuilder text = new StringBuilder();
        for (int bit = 0; bit < 8; bit++) {
            if ((flags >>> bit & 1) != 0) {
                text.append(LETTERS.charAt(bit));
            }
        }
        return text.isEmpty() ? "none" : text.toString();
    }

    @Override
    public String toString() {
        return "%s:%d > %s:%d [%s] seq %s ack %s win %d opt <%s> len %d \"%s\""
                .formatted(
                        src,
                        srcPort,
                        dst,
                        dstPort,
                        flagText(),
                        Integer.toUnsignedString(seq),
                        Integer.toUnsignedString(ack),
                        window,
                        options,
                        payload.length(),
                        payload.substring(0, Math.min(40, payload.length())));
    }

    private static int sum(byte[] src, byte[] dst, byte[] bytes) {
        byte[] all = ByteBuffer.allocate(src.length + dst.length + 8 + bytes.length)
                .put(pseudo(src, dst, bytes.length))
                .put(bytes)
                .array();
        return Packets.naiveSum(all, 0, all.length);
    }

    /** That of IPv6 sums up to the same as that of IPv4, RFC 8200 §8.1. */
    private static byte[] pseudo(byte[] src, byte[] dst, int length) {
        return ByteBuffer.allocate(src.length + dst.length + 8)
                .put(src)
                .put(dst)
                .putInt(length)
                .putInt(6)
                .array();
    }

    private static byte[] address(String text) {
        return text.indexOf(':') >= 0 ? Packets6.address(text) : Packets.ip(text);
    }

    private static String text(byte[] address) {
        ByteBuffer b = ByteBuffer.wrap(address);
        return (address.length == 4 ? Ip.v4(b.getInt()) : new Ip(b.getLong(), b.getLong())).toString();
    }

    private static int u16(ByteBuffer in, int at) {
        return in.getShort(at) & 0xffff;
    }
}

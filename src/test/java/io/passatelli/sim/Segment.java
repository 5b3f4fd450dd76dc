package io.passatelli.sim;

import io.passatelli.base.Ip;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Packets;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** A TCP segment as it was in a frame, or is to be in one; RFC 9293 §3.1. */
public final class Segment {
    public static final int FIN = 1;
    public static final int SYN = 2;
    public static final int RST = 4;
    public static final int PSH = 8;
    public static final int ACK = 16;

    /** {@link #mss} and {@link #windowScale} of a segment without that option. */
    public static final int NONE = -1;

    private static final int ETHERNET = 14;
    private static final int TCP = 6;

    public Ip src = Ip.UNSPECIFIED4;
    public Ip dst = Ip.UNSPECIFIED4;
    public int srcPort;
    public int dstPort;
    public int seq;
    public int ack;
    public int flags;
    /** As it stands there: not scaled. */
    public int window;

    public int mss = NONE;
    public int windowScale = NONE;
    public boolean sackPermitted;
    /** Of SACK, RFC 2018: start and end of each block. */
    public int[] blocks = new int[0];

    public byte[] data = new byte[0];
    /** Payload bytes of each segment that this one stands for; 0: it is one. */
    public int gsoSize;
    /** A checksum or a length is wrong. */
    public boolean damaged;

    public boolean has(int bits) {
        return (flags & bits) == bits;
    }

    /** What it takes of the sequence space. */
    public int length() {
        return data.length + (has(SYN) ? 1 : 0) + (has(FIN) ? 1 : 0);
    }

    /** What {@code frame} holds; null if that is not TCP. */
    public static @Nullable Segment parse(byte[] frame, Offload offload) {
        ByteBuffer in = ByteBuffer.wrap(frame);
        int type = in.getShort(12) & 0xffff;
        Segment segment = new Segment();
        if (type == 0x0800 && frame.length >= ETHERNET + 20 && frame[23] == TCP && (in.getShort(20) & 0x3fff) == 0) {
            int header = (frame[14] & 15) * 4;
            int total = in.getShort(16) & 0xffff;
            segment.src = Ip.v4(in.getInt(26));
            segment.dst = Ip.v4(in.getInt(30));
            segment.damaged = header < 20
                    || ETHERNET + header > frame.length
                    || fold(sum(frame, ETHERNET, header)) != 0xffff
                    || !segment.read(frame, ETHERNET + header, ETHERNET + total, offload);
            return segment;
        }
        if (type == 0x86dd && frame.length >= ETHERNET + 40 && frame[20] == TCP) {
            segment.src = new Ip(in.getLong(22), in.getLong(30));
            segment.dst = new Ip(in.getLong(38), in.getLong(46));
            int end = ETHERNET + 40 + (in.getShort(18) & 0xffff);
            segment.damaged = !segment.read(frame, ETHERNET + 40, end, offload);
            return segment;
        }
        return null;
    }

    private boolean read(byte[] frame, int at, int end, Offload offload) {
        if (end > frame.length || end < at + 20) {
            return false;
        }
        ByteBuffer in = ByteBuffer.wrap(frame);
        int header = (frame[at + 12] & 0xf0) >>> 2;
        if (header < 20 || at + header > end) {
            return false;
        }
        srcPort = in.getShort(at) & 0xffff;
        dstPort = in.getShort(at + 2) & 0xffff;
        seq = in.getInt(at + 4);
        ack = in.getInt(at + 8);
        flags = frame[at + 13] & 0xff;
        window = in.getShort(at + 14) & 0xffff;
        options(in, at + 20, at + header);
        data = Arrays.copyOfRange(frame, at + header, end);
        gsoSize = offload.gsoType == Offload.GSO_NONE ? 0 : offload.gsoSize;
        long pseudo = pseudoSum(end - at);
        if ((offload.flags & Offload.NEEDS_CSUM) != 0) {
            int there = in.getShort(at + 16) & 0xffff;
            return offload.csumStart == at && offload.csumOffset == 16 && there == fold(pseudo);
        }
        return fold(pseudo + sum(frame, at, end - at)) == 0xffff;
    }

    private void options(ByteBuffer in, int from, int end) {
        for (int at = from; at < end; ) {
            int kind = in.get(at);
            if (kind == 0) {
                return;
            }
            if (kind == 1) {
                at++;
                continue;
            }
            int length = at + 1 < end ? in.get(at + 1) & 0xff : 0;
            if (length < 2 || at + length > end) {
                return;
            }
            if (kind == 2 && length == 4) {
                mss = in.getShort(at + 2) & 0xffff;
            } else if (kind == 3 && length == 3) {
                windowScale = Math.min(in.get(at + 2) & 0xff, 14);
            } else if (kind == 4) {
                sackPermitted = true;
            } else if (kind == 5) {
                blocks = new int[(length - 2) / 4];
                in.slice(at + 2, blocks.length * 4).asIntBuffer().get(blocks);
            }
            at += length;
        }
    }

    /** As a frame from the guest to us. {@code leaveChecksum}: with the sum of the pseudo-header alone, as {@link #offload} says. */
    public byte[] frame(boolean leaveChecksum) {
        byte[] options = options();
        int header = 20 + options.length;
        int ip = src.isV4() ? 20 : 40;
        int at = ETHERNET + ip;
        ByteBuffer out = ByteBuffer.allocate(at + header + data.length);
        out.put(Packets.mac(Packets.OUR_MAC)).put(Packets.mac(Packets.GUEST_MAC));
        if (src.isV4()) {
            out.putShort((short) 0x0800)
                    .putShort((short) 0x4500)
                    .putShort((short) (20 + header + data.length))
                    .putInt(0x1234_4000)
                    .put((byte) 64)
                    .put((byte) TCP)
                    .putShort((short) 0)
                    .putInt(src.v4())
                    .putInt(dst.v4());
            out.putShort(24, (short) ~fold(sum(out.array(), ETHERNET, 20)));
        } else {
            out.putShort((short) 0x86dd)
                    .putInt(0x6000_0000)
                    .putShort((short) (header + data.length))
                    .put((byte) TCP)
                    .put((byte) 64)
                    .putLong(src.high())
                    .putLong(src.low())
                    .putLong(dst.high())
                    .putLong(dst.low());
        }
        out.putShort((short) srcPort)
                .putShort((short) dstPort)
                .putInt(seq)
                .putInt(ack)
                .put((byte) (header / 4 << 4))
                .put((byte) flags)
                .putShort((short) window)
                .putInt(0)
                .put(options)
                .put(data);
        long pseudo = pseudoSum(header + data.length);
        int checksum =
                leaveChecksum ? fold(pseudo) : ~fold(pseudo + sum(out.array(), at, header + data.length)) & 0xffff;
        return out.putShort(at + 16, (short) checksum).array();
    }

    /** What goes with {@link #frame} of a checksum that is left to the other side. */
    public Offload offload() {
        Offload offload = new Offload();
        offload.flags = Offload.NEEDS_CSUM;
        offload.csumStart = ETHERNET + (src.isV4() ? 20 : 40);
        offload.csumOffset = 16;
        offload.hdrLen = offload.csumStart + 20 + options().length;
        if (gsoSize > 0) {
            offload.gsoType = src.isV4() ? Offload.GSO_TCPV4 : Offload.GSO_TCPV6;
            offload.gsoSize = gsoSize;
        }
        return offload;
    }

    /** In the order of Linux: MSS, SACK permitted, window scale. */
    private byte[] options() {
        ByteBuffer out = ByteBuffer.allocate(12);
        if (mss != NONE) {
            out.putShort((short) 0x0204).putShort((short) mss);
        }
        if (sackPermitted) {
            out.putInt(0x0101_0402);
        }
        if (windowScale != NONE) {
            out.put((byte) 1).putShort((short) 0x0303).put((byte) windowScale);
        }
        return Arrays.copyOf(out.array(), out.position());
    }

    private long pseudoSum(int length) {
        long sum = (long) TCP + length;
        sum += src.isV4() ? words(0, src.v4() & 0xffff_ffffL) : words(src.high(), src.low());
        sum += dst.isV4() ? words(0, dst.v4() & 0xffff_ffffL) : words(dst.high(), dst.low());
        return sum;
    }

    private static long words(long high, long low) {
        return (high >>> 32) + (high & 0xffff_ffffL) + (low >>> 32) + (low & 0xffff_ffffL);
    }

    private static long sum(byte[] bytes, int from, int length) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        long sum = 0;
        int at = from;
        for (int end = from + length - 3; at < end; at += 4) {
            sum += in.getInt(at) & 0xffff_ffffL;
        }
        int left = from + length - at;
        for (int i = 0; i < left; i++) {
            sum += (long) (bytes[at + i] & 0xff) << ((i & 1) == 0 ? 8 : 0);
        }
        return sum;
    }

    private static int fold(long sum) {
        long folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xffff) + (folded >>> 16);
        }
        return (int) folded;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        text.append(src)
                .append(' ')
                .append(srcPort)
                .append(" > ")
                .append(dst)
                .append(' ')
                .append(dstPort)
                .append(' ');
        String names = "FSRPAUEC";
        for (int i = 0; i < names.length(); i++) {
            if ((flags & 1 << i) != 0) {
                text.append(names.charAt(i));
            }
        }
        text.append(" seq ").append(Integer.toUnsignedString(seq));
        if (has(ACK)) {
            text.append(" ack ").append(Integer.toUnsignedString(ack));
        }
        text.append(" win ").append(window).append(" len ").append(data.length);
        return text
                + (mss == NONE ? "" : " mss " + mss)
                + (windowScale == NONE ? "" : " ws " + windowScale)
                + (blocks.length == 0 ? "" : " sack " + Arrays.toString(blocks))
                + (damaged ? " damaged" : "");
    }
}

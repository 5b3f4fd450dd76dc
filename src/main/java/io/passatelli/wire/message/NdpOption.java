package io.passatelli.wire.message;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * One option of Neighbor Discovery, RFC 4861 §4.6: a type, a length in units of eight bytes, and a value. Codes are those of RFC 4861 unless
 * said otherwise. Immutable.
 */
public final class NdpOption {
    public static final int SOURCE_LINK_LAYER_ADDRESS = 1;
    public static final int TARGET_LINK_LAYER_ADDRESS = 2;
    public static final int PREFIX_INFORMATION = 3;
    public static final int MTU = 5;
    /** RFC 8106 §5.1. */
    public static final int RDNSS = 25;
    /** RFC 8106 §5.2. */
    public static final int DNSSL = 31;

    /** A lifetime that never ends, seconds. */
    public static final int INFINITE = 0xffff_ffff;

    private static final int UNIT = 8;
    private static final int HEADER = 2;
    private static final int UNITS_MAX = 255;
    private static final int ON_LINK = 0x80;
    private static final int AUTONOMOUS = 0x40;
    private static final int SLAAC_BITS = 64;

    private final int type;
    /** All behind type and length. */
    private final byte[] value;

    private NdpOption(int type, byte[] value) {
        assert (HEADER + value.length) % UNIT == 0 && HEADER + value.length <= UNITS_MAX * UNIT : value.length;
        this.type = type;
        this.value = value;
    }

    /** Any option; with its two bytes of type and length {@code value} fills whole units. */
    public static NdpOption of(int type, byte[] value) {
        return new NdpOption(type, value.clone());
    }

    /** An Ethernet address, RFC 2464 §6. */
    public static NdpOption mac(int type, long mac) {
        byte[] value = new byte[UNIT - HEADER];
        ByteBuffer.wrap(value).putShort((short) (mac >>> 32)).putInt((int) mac);
        return new NdpOption(type, value);
    }

    /** A prefix of 64 bits, which is on the link and good for addresses of the guest's own making, RFC 4862 §5.5; lifetimes in seconds. */
    public static NdpOption prefix64(long prefix, int validS, int preferredS) {
        byte[] value = new byte[4 * UNIT - HEADER];
        ByteBuffer out = ByteBuffer.wrap(value);
        out.put((byte) SLAAC_BITS).put((byte) (ON_LINK | AUTONOMOUS));
        out.putInt(validS).putInt(preferredS).putInt(0).putLong(prefix).putLong(0);
        return new NdpOption(PREFIX_INFORMATION, value);
    }

    /** {@code bytes}: no less than {@code Ip6.MTU_MIN}. */
    public static NdpOption mtu(int bytes) {
        byte[] value = new byte[UNIT - HEADER];
        ByteBuffer.wrap(value).putInt(2, bytes);
        return new NdpOption(MTU, value);
    }

    /** At least one resolver; the lifetime in seconds. */
    public static NdpOption resolvers(int lifetimeS, List<Ip> addresses) {
        assert !addresses.isEmpty();
        byte[] value = new byte[UNIT + 2 * UNIT * addresses.size() - HEADER];
        ByteBuffer out = ByteBuffer.wrap(value).putShort((short) 0).putInt(lifetimeS);
        for (Ip address : addresses) {
            out.putLong(address.high()).putLong(address.low());
        }
        return new NdpOption(RDNSS, value);
    }

    /** At least one domain; the lifetime in seconds. Padded to whole units, and not by one where none is needed. */
    public static NdpOption search(int lifetimeS, List<String> domains) {
        assert !domains.isEmpty();
        byte[] names = DomainNames.canonical(domains);
        byte[] value = new byte[(UNIT + names.length + UNIT - 1) / UNIT * UNIT - HEADER];
        ByteBuffer.wrap(value).putShort((short) 0).putInt(lifetimeS).put(names);
        return new NdpOption(DNSSL, value);
    }

    /** All options from {@code from} to the end of {@code message}; null: one is of length 0, or overruns, RFC 4861 §6.1.1. Never throws. */
    static @Nullable List<NdpOption> parse(byte[] message, int from) {
        List<NdpOption> options = new ArrayList<>();
        int at = from;
        while (at < message.length) {
            int left = message.length - at;
            int length = left < HEADER ? 0 : (message[at + 1] & 0xff) * UNIT;
            if (length == 0 || length > left) {
                return null;
            }
            options.add(new NdpOption(message[at] & 0xff, Arrays.copyOfRange(message, at + HEADER, at + length)));
            at += length;
        }
        return options;
    }

    public int type() {
        return type;
    }

    /** A copy of all behind type and length. */
    public byte[] value() {
        return value.clone();
    }

    /** Bytes of the whole option. */
    public int wireLength() {
        return HEADER + value.length;
    }

    void write(ByteBuffer out) {
        out.put((byte) type).put((byte) (wireLength() / UNIT)).put(value);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof NdpOption that && type == that.type && Arrays.equals(value, that.value);
    }

    @Override
    public int hashCode() {
        return 31 * type + Arrays.hashCode(value);
    }

    @Override
    public String toString() {
        return type + "=" + HexFormat.of().formatHex(value);
    }
}

package io.passatelli.wire.message;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * One DHCP option: its code and its whole value, which may be longer than the 255 bytes of one instance (RFC 3396). Codes are those of
 * RFC 2132 unless said otherwise. Immutable.
 */
public final class DhcpOption {
    public static final int PAD = 0;
    public static final int SUBNET_MASK = 1;
    public static final int ROUTER = 3;
    public static final int DOMAIN_NAME_SERVER = 6;
    public static final int HOST_NAME = 12;
    public static final int INTERFACE_MTU = 26;
    public static final int LEASE_TIME = 51;
    public static final int OVERLOAD = 52;
    public static final int MESSAGE_TYPE = 53;
    public static final int SERVER_IDENTIFIER = 54;
    public static final int PARAMETER_REQUEST_LIST = 55;
    public static final int MAXIMUM_MESSAGE_SIZE = 57;
    /** RFC 4039. */
    public static final int RAPID_COMMIT = 80;
    /** RFC 4702. */
    public static final int CLIENT_FQDN = 81;
    /** RFC 3397. */
    public static final int DOMAIN_SEARCH = 119;
    /** RFC 3442. */
    public static final int CLASSLESS_STATIC_ROUTE = 121;

    public static final int END = 255;

    /** Value bytes of one instance. */
    private static final int INSTANCE_MAX = 255;

    private final int code;
    private final byte[] value;

    private DhcpOption(int code, byte[] value) {
        assert code > PAD && code < END : code;
        this.code = code;
        this.value = value;
    }

    public static DhcpOption of(int code, byte[] value) {
        return new DhcpOption(code, value.clone());
    }

    /** One byte. */
    public static DhcpOption of8(int code, int value) {
        return new DhcpOption(code, new byte[] {(byte) value});
    }

    /** Two bytes, most significant first. */
    public static DhcpOption of16(int code, int value) {
        return new DhcpOption(code, new byte[] {(byte) (value >>> 8), (byte) value});
    }

    /** 32-bit values such as IPv4 addresses, each most significant byte first. */
    public static DhcpOption of32(int code, int... values) {
        byte[] bytes = new byte[4 * values.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (values[i / 4] >>> 24 - 8 * (i % 4));
        }
        return new DhcpOption(code, bytes);
    }

    /** NVT ASCII, not terminated. */
    public static DhcpOption ofText(int code, String text) {
        return new DhcpOption(code, text.getBytes(StandardCharsets.US_ASCII));
    }

    /** No value: its presence speaks. */
    public static DhcpOption ofNothing(int code) {
        return new DhcpOption(code, new byte[0]);
    }

    public int code() {
        return code;
    }

    /** Bytes of the value. */
    public int length() {
        return value.length;
    }

    /** Byte {@code i} of the value, unsigned. */
    public int octet(int i) {
        return value[i] & 0xff;
    }

    /** A copy of the value. */
    public byte[] value() {
        return value.clone();
    }

    /** Bytes on the wire: the value, and two for each instance that it needs. */
    public int wireLength() {
        int instances = Math.max(1, (value.length + INSTANCE_MAX - 1) / INSTANCE_MAX);
        return value.length + 2 * instances;
    }

    /** Writes the option at {@code at}, split as RFC 3396 §5 says where it is long; returns the offset behind it. */
    int write(byte[] out, int at) {
        int to = at;
        int from = 0;
        do {
            int here = Math.min(value.length - from, INSTANCE_MAX);
            out[to] = (byte) code;
            out[to + 1] = (byte) here;
            System.arraycopy(value, from, out, to + 2, here);
            to += 2 + here;
            from += here;
        } while (from < value.length);
        return to;
    }

    /** This option with {@code length} more bytes behind its value, RFC 3396 §7. */
    DhcpOption followedBy(byte[] bytes, int from, int length) {
        byte[] joined = Arrays.copyOf(value, value.length + length);
        System.arraycopy(bytes, from, joined, value.length, length);
        return new DhcpOption(code, joined);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DhcpOption that && code == that.code && Arrays.equals(value, that.value);
    }

    @Override
    public int hashCode() {
        return 31 * code + Arrays.hashCode(value);
    }

    @Override
    public String toString() {
        return code + "=" + HexFormat.of().formatHex(value);
    }
}

package io.passatelli.wire.message;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** One DHCPv6 option, RFC 8415 §21.1: its code and its value, which for some holds further options. Codes are those of RFC 8415 unless said otherwise. Immutable. */
public final class Dhcp6Option {
    public static final int CLIENT_ID = 1;
    public static final int SERVER_ID = 2;
    public static final int IA_NA = 3;
    public static final int IA_TA = 4;
    public static final int IA_ADDRESS = 5;
    public static final int OPTION_REQUEST = 6;
    public static final int PREFERENCE = 7;
    public static final int STATUS_CODE = 13;
    public static final int RAPID_COMMIT = 14;
    /** RFC 3646. */
    public static final int DNS_SERVERS = 23;
    /** RFC 3646. */
    public static final int DOMAIN_LIST = 24;

    public static final int IA_PD = 25;
    public static final int INFORMATION_REFRESH_TIME = 32;
    /** RFC 4704. */
    public static final int CLIENT_FQDN = 39;

    // option 13, §21.13
    public static final int SUCCESS = 0;
    public static final int NO_ADDRESSES = 2;
    public static final int NOT_ON_LINK = 4;
    public static final int USE_MULTICAST = 5;
    public static final int NO_PREFIXES = 6;

    private static final int HEADER = 4;
    private static final int LENGTH_MAX = 0xffff;

    private final int code;
    private final byte[] value;

    private Dhcp6Option(int code, byte[] value) {
        assert code >>> 16 == 0 && value.length <= LENGTH_MAX : code;
        this.code = code;
        this.value = value;
    }

    public static Dhcp6Option of(int code, byte[] value) {
        return new Dhcp6Option(code, value.clone());
    }

    /** One byte. */
    public static Dhcp6Option of8(int code, int value) {
        return new Dhcp6Option(code, new byte[] {(byte) value});
    }

    /** Four bytes, most significant first. */
    public static Dhcp6Option of32(int code, int value) {
        byte[] bytes = new byte[4];
        ByteBuffer.wrap(bytes).putInt(value);
        return new Dhcp6Option(code, bytes);
    }

    /** No value: its presence speaks. */
    public static Dhcp6Option ofNothing(int code) {
        return new Dhcp6Option(code, new byte[0]);
    }

    public static Dhcp6Option ofAddresses(int code, List<Ip> addresses) {
        byte[] bytes = new byte[16 * addresses.size()];
        ByteBuffer out = ByteBuffer.wrap(bytes);
        for (Ip address : addresses) {
            out.putLong(address.high()).putLong(address.low());
        }
        return new Dhcp6Option(code, bytes);
    }

    /** Option 13 with a text for people. */
    public static Dhcp6Option status(int status, String text) {
        byte[] words = text.getBytes(StandardCharsets.UTF_8);
        byte[] bytes = new byte[2 + words.length];
        ByteBuffer.wrap(bytes).putShort((short) status).put(words);
        return new Dhcp6Option(STATUS_CODE, bytes);
    }

    /** All options from {@code from} to the end of {@code bytes}; null: one overruns. Never throws. */
    static @Nullable List<Dhcp6Option> parse(byte[] bytes, int from) {
        List<Dhcp6Option> options = new ArrayList<>();
        ByteBuffer in = ByteBuffer.wrap(bytes);
        int at = from;
        while (at < bytes.length) {
            int left = bytes.length - at - HEADER;
            if (left < 0 || (in.getShort(at + 2) & 0xffff) > left) {
                return null;
            }
            int end = at + HEADER + (in.getShort(at + 2) & 0xffff);
            options.add(new Dhcp6Option(in.getShort(at) & 0xffff, Arrays.copyOfRange(bytes, at + HEADER, end)));
            at = end;
        }
        return options;
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

    /** Whether the value, codes of two bytes each, names {@code wanted}: option 6. */
    public boolean names(int wanted) {
        for (int i = 0; i + 1 < value.length; i += 2) {
            if ((octet(i) << 8 | octet(i + 1)) == wanted) {
                return true;
            }
        }
        return false;
    }

    public int wireLength() {
        return HEADER + value.length;
    }

    void write(ByteBuffer out) {
        out.putShort((short) code).putShort((short) value.length).put(value);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Dhcp6Option that && code == that.code && Arrays.equals(value, that.value);
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

package io.passatelli.base;

import java.util.HexFormat;
import java.util.regex.Pattern;

/** An Ethernet address, 48 bits in the low end of a long, first octet most significant. */
public record Mac(long bits) {
    private static final Pattern TEXT = Pattern.compile("[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}");
    private static final long GROUP_BIT = 1L << 40;

    public static final Mac BROADCAST = new Mac(0xffff_ffff_ffffL);
    public static final Mac ZERO = new Mac(0);

    public Mac {
        assert bits >>> 48 == 0 : bits;
    }

    /** Whether the address names a group (or all), IEEE 802. Such an address is never a sender. */
    public static boolean isGroup(long bits) {
        return (bits & GROUP_BIT) != 0;
    }

    /** Reads six octets joined by {@code :} or {@code -}; throws {@link IllegalArgumentException} that says what is wrong. */
    public static Mac parse(String text) {
        if (!TEXT.matcher(text).matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a MAC address: six hexadecimal octets joined by ':'");
        }
        return new Mac(HexFormat.fromHexDigitsToLong(text.replaceAll("[:-]", "")));
    }

    @Override
    public String toString() {
        return HexFormat.ofDelimiter(":").formatHex(new byte[] {
            (byte) (bits >>> 40),
            (byte) (bits >>> 32),
            (byte) (bits >>> 24),
            (byte) (bits >>> 16),
            (byte) (bits >>> 8),
            (byte) bits
        });
    }
}

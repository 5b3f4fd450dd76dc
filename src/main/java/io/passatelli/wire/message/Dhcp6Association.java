package io.passatelli.wire.message;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * An identity association, RFC 8415 §21.4, §21.5 and §21.21: addresses (or prefixes) that a guest holds, or wants, together.
 *
 * @param code {@link Dhcp6Option#IA_NA}, {@link Dhcp6Option#IA_TA} or {@link Dhcp6Option#IA_PD}
 * @param iaid the guest's name for it
 * @param t1S when the guest asks this server to renew it, seconds; temporary addresses (TA) have no such times
 * @param t2S when it asks all servers, seconds
 */
public record Dhcp6Association(int code, int iaid, int t1S, int t2S, List<Dhcp6Option> options) {
    private static final int TEMPORARY_LENGTH = 4;
    private static final int LENGTH = 12;
    private static final int ADDRESS_LENGTH = 24;

    public Dhcp6Association {
        options = List.copyOf(options);
    }

    public static boolean isOne(Dhcp6Option option) {
        return option.code() == Dhcp6Option.IA_NA
                || option.code() == Dhcp6Option.IA_TA
                || option.code() == Dhcp6Option.IA_PD;
    }

    /** Reads an option of which {@link #isOne} holds; null: it, or an address in it, is too short, or an option in it overruns. Never throws. */
    public static @Nullable Dhcp6Association of(Dhcp6Option option) {
        byte[] value = option.value();
        boolean temporary = option.code() == Dhcp6Option.IA_TA;
        int fixed = temporary ? TEMPORARY_LENGTH : LENGTH;
        List<Dhcp6Option> options = value.length < fixed ? null : Dhcp6Option.parse(value, fixed);
        if (options == null) {
            return null;
        }
        for (Dhcp6Option inner : options) {
            if (inner.code() == Dhcp6Option.IA_ADDRESS && inner.length() < ADDRESS_LENGTH) {
                return null;
            }
        }
        ByteBuffer in = ByteBuffer.wrap(value);
        int t1S = temporary ? 0 : in.getInt(4);
        int t2S = temporary ? 0 : in.getInt(8);
        return new Dhcp6Association(option.code(), in.getInt(0), t1S, t2S, options);
    }

    /** An address in an association, §21.6; lifetimes in seconds. */
    public static Dhcp6Option address(Ip address, int preferredS, int validS) {
        byte[] value = new byte[ADDRESS_LENGTH];
        ByteBuffer.wrap(value)
                .putLong(address.high())
                .putLong(address.low())
                .putInt(preferredS)
                .putInt(validS);
        return Dhcp6Option.of(Dhcp6Option.IA_ADDRESS, value);
    }

    /** The addresses in it. */
    public List<Ip> addresses() {
        List<Ip> addresses = new ArrayList<>();
        for (Dhcp6Option option : options) {
            if (option.code() == Dhcp6Option.IA_ADDRESS) {
                ByteBuffer in = ByteBuffer.wrap(option.value());
                addresses.add(new Ip(in.getLong(0), in.getLong(8)));
            }
        }
        return addresses;
    }

    public Dhcp6Option toOption() {
        int fixed = code == Dhcp6Option.IA_TA ? TEMPORARY_LENGTH : LENGTH;
        int length = fixed;
        for (Dhcp6Option option : options) {
            length += option.wireLength();
        }
        byte[] value = new byte[length];
        ByteBuffer out = ByteBuffer.wrap(value).putInt(iaid);
        if (fixed == LENGTH) {
            out.putInt(t1S).putInt(t2S);
        }
        for (Dhcp6Option option : options) {
            option.write(out);
        }
        return Dhcp6Option.of(code, value);
    }
}

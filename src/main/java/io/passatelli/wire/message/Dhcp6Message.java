package io.passatelli.wire.message;

import io.passatelli.base.Drop;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A DHCPv6 message between guest and server, RFC 8415 §8: a byte of type, three of transaction id, options. Relays' messages are others (§9)
 * and not read.
 *
 * @param type not known to be one that is defined
 * @param transactionId 24 bits
 * @param options as they came: an identity association may come several times, and its code too
 */
public record Dhcp6Message(int type, int transactionId, List<Dhcp6Option> options) {
    // RFC 8415 §7.3
    public static final int SOLICIT = 1;
    public static final int ADVERTISE = 2;
    public static final int REQUEST = 3;
    public static final int CONFIRM = 4;
    public static final int RENEW = 5;
    public static final int REBIND = 6;
    public static final int REPLY = 7;
    public static final int RELEASE = 8;
    public static final int DECLINE = 9;
    public static final int RECONFIGURE = 10;
    public static final int INFORMATION_REQUEST = 11;
    public static final int RELAY_FORWARD = 12;
    public static final int RELAY_REPLY = 13;

    /** Bytes ahead of the options. */
    public static final int FIXED_LENGTH = 4;

    private static final int ID_BITS = 24;
    private static final int ID_MASK = 0xff_ffff;

    /** What became of received bytes. */
    public sealed interface Parsed {}

    public record Ok(Dhcp6Message message) implements Parsed {}

    public record Malformed(Drop why) implements Parsed {}

    public Dhcp6Message {
        options = List.copyOf(options);
        assert type >>> 8 == 0 : type;
        assert transactionId >>> ID_BITS == 0 : transactionId;
    }

    /** Reads the message that fills {@code message} from position to limit. An option that overruns spoils all. Never throws. */
    public static Parsed parse(ByteBuffer message) {
        byte[] bytes = new byte[message.remaining()];
        message.get(message.position(), bytes);
        if (bytes.length < FIXED_LENGTH) {
            return new Malformed(Drop.DHCP6_TRUNCATED);
        }
        int head = ByteBuffer.wrap(bytes).getInt(0);
        int type = head >>> ID_BITS;
        if (type == RELAY_FORWARD || type == RELAY_REPLY) {
            return new Malformed(Drop.DHCP6_RELAYED);
        }
        List<Dhcp6Option> options = Dhcp6Option.parse(bytes, FIXED_LENGTH);
        return options == null
                ? new Malformed(Drop.DHCP6_BAD_OPTION)
                : new Ok(new Dhcp6Message(type, head & ID_MASK, options));
    }

    /** The option of this code that comes first; null: absent. */
    public @Nullable Dhcp6Option option(int code) {
        for (Dhcp6Option option : options) {
            if (option.code() == code) {
                return option;
            }
        }
        return null;
    }

    /** The message as at most {@code most} bytes. An option that does not fit is left out; a shorter one behind it may still be in. */
    public byte[] toBytes(int most) {
        List<Dhcp6Option> fitting = new ArrayList<>();
        int length = FIXED_LENGTH;
        for (Dhcp6Option option : options) {
            if (length + option.wireLength() <= most) {
                fitting.add(option);
                length += option.wireLength();
            }
        }
        byte[] bytes = new byte[length];
        ByteBuffer out = ByteBuffer.wrap(bytes).putInt(type << ID_BITS | transactionId);
        for (Dhcp6Option option : fitting) {
            option.write(out);
        }
        return bytes;
    }
}

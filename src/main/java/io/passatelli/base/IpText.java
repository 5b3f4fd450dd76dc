package io.passatelli.base;

/** Text forms of addresses: RFC 4291 §2.2 in, RFC 5952 out. Never asks a resolver, as the JDK's parser may. */
final class IpText {
    private static final int GROUPS = 8;

    private IpText() {}

    static Ip parse(String text) {
        return text.indexOf(':') < 0 ? Ip.v4(parse4(text, text)) : parse6(text);
    }

    private static int parse4(String text, String whole) {
        String[] octets = text.split("\\.", -1);
        if (octets.length != 4) {
            throw bad(whole, "an IPv4 address has four octets");
        }
        int bits = 0;
        for (String octet : octets) {
            int value = number(octet, 10, 3, whole);
            if (value > 255) {
                throw bad(whole, "octet " + octet + " is over 255");
            }
            bits = bits << 8 | value;
        }
        return bits;
    }

    private static Ip parse6(String text) {
        int gap = text.indexOf("::");
        if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) {
            throw bad(text, "'::' may stand once");
        }
        int[] head = gap < 0 ? groups(text, text, true) : groups(text.substring(0, gap), text, false);
        int[] tail = gap < 0 ? new int[0] : groups(text.substring(gap + 2), text, true);
        int missing = GROUPS - head.length - tail.length;
        if (gap < 0 ? missing != 0 : missing < 1) {
            throw bad(text, "an IPv6 address has eight groups");
        }
        int[] all = new int[GROUPS];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(tail, 0, all, GROUPS - tail.length, tail.length);
        return new Ip(join(all, 0), join(all, 4));
    }

    /** Only the {@code last} part may end in an IPv4 address. */
    private static int[] groups(String part, String whole, boolean last) {
        if (part.isEmpty()) {
            return new int[0];
        }
        String[] words = part.split(":", -1);
        boolean endsInV4 = last && words[words.length - 1].indexOf('.') >= 0;
        int[] groups = new int[words.length + (endsInV4 ? 1 : 0)];
        for (int i = 0; i < words.length; i++) {
            if (endsInV4 && i == words.length - 1) {
                int bits = parse4(words[i], whole);
                groups[i] = bits >>> 16;
                groups[i + 1] = bits & 0xffff;
            } else {
                groups[i] = number(words[i], 16, 4, whole);
            }
        }
        if (groups.length > GROUPS) {
            throw bad(whole, "an IPv6 address has eight groups");
        }
        return groups;
    }

    private static int number(String digits, int radix, int most, String whole) {
        if (digits.isEmpty() || digits.length() > most) {
            throw bad(whole, "'" + digits + "' is not 1 to " + most + " digits");
        }
        int value = 0;
        for (int i = 0; i < digits.length(); i++) {
            char c = digits.charAt(i);
            int digit = c < 128 ? Character.digit(c, radix) : -1;
            if (digit < 0) {
                throw bad(whole, "'" + c + "' is not a digit");
            }
            value = value * radix + digit;
        }
        return value;
    }

    private static long join(int[] groups, int from) {
        return (long) groups[from] << 48
                | (long) groups[from + 1] << 32
                | (long) groups[from + 2] << 16
                | groups[from + 3];
    }

    private static IllegalArgumentException bad(String text, String why) {
        return new IllegalArgumentException("'" + text + "' is not an IP address: " + why);
    }

    static String format(Ip ip) {
        if (ip.isV4()) {
            int v4 = ip.v4();
            return (v4 >>> 24) + "." + (v4 >>> 16 & 0xff) + "." + (v4 >>> 8 & 0xff) + "." + (v4 & 0xff);
        }
        int[] groups = new int[GROUPS];
        for (int i = 0; i < GROUPS; i++) {
            groups[i] = (int) ((i < 4 ? ip.high() : ip.low()) >>> (3 - i % 4) * 16) & 0xffff;
        }
        int bestAt = -1;
        int bestLength = 1; // a single zero group is not shortened, RFC 5952 §4.2.2
        for (int i = 0; i < GROUPS; i++) {
            int length = 0;
            while (i + length < GROUPS && groups[i + length] == 0) {
                length++;
            }
            if (length > bestLength) {
                bestAt = i;
                bestLength = length;
            }
            i += length;
        }
        StringBuilder out = new StringBuilder(39);
        for (int i = 0; i < GROUPS; i++) {
            if (i == bestAt) {
                out.append("::");
                i += bestLength - 1;
                continue;
            }
            if (i > 0 && i != bestAt + bestLength) {
                out.append(':');
            }
            out.append(Integer.toHexString(groups[i]));
        }
        return out.toString();
    }
}

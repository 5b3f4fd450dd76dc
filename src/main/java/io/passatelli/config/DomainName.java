package io.passatelli.config;

import org.jspecify.annotations.Nullable;

/** Text of host and domain names, RFC 1035 §2.3.1 as RFC 1123 §2.1 relaxes it; an underscore, which search lists have, is let pass. */
public final class DomainName {
    private static final int LABEL_MAX = 63;
    /** 255 octets on the wire have one length more, and the root label. */
    private static final int NAME_MAX = 253;

    private DomainName() {}

    /** The name less the dot that stands for the root. */
    public static String withoutRoot(String name) {
        return name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
    }

    /** What is wrong with {@code name}, which has no dot at its end; null: nothing. */
    public static @Nullable String problem(String name) {
        if (name.isEmpty() || name.length() > NAME_MAX) {
            return "a name has 1 to " + NAME_MAX + " characters";
        }
        for (String label : name.split("\\.", -1)) {
            if (label.isEmpty() || label.length() > LABEL_MAX) {
                return "a label has 1 to " + LABEL_MAX + " characters";
            }
            if (label.startsWith("-") || label.endsWith("-")) {
                return "a label does not begin or end with '-'";
            }
            for (int i = 0; i < label.length(); i++) {
                if (!isAllowed(label.charAt(i))) {
                    return "only letters, digits, '-' and '_' may stand in a label";
                }
            }
        }
        return null;
    }

    private static boolean isAllowed(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_';
    }
}

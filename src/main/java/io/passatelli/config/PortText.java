package io.passatelli.config;

/**
 * Reads a text that names ports, from left to right. What is wrong with it is an {@link IllegalArgumentException}: one sentence, in printable
 * ASCII, that says the column (from 1) and why.
 */
final class PortText {
    static final int PORT_MAX = 65_535;
    private static final int PORT_DIGITS = 5;
    private static final int SHOWN_CHARS = 40;

    /** Ports from the first to the last. */
    record Range(int first, int last) {
        int count() {
            return last - first + 1;
        }
    }

    private final String text;
    private final String inFront;
    private int at;

    /** {@code inFront}: what error messages begin with. */
    PortText(String text, String inFront) {
        this.text = text;
        this.inFront = inFront;
    }

    /** Index of the next character, from 0. */
    int at() {
        return at;
    }

    boolean isAtEnd() {
        return at == text.length();
    }

    /** Goes on at {@code index}. */
    void to(int index) {
        at = index;
    }

    /** Whether {@code c} is the next, which is then behind us. */
    boolean skip(char c) {
        if (!isAtEnd() && text.charAt(at) == c) {
            at++;
            return true;
        }
        return false;
    }

    /** Goes past all characters that are among {@code some}; whether there were any. */
    boolean skipAll(String some) {
        int from = at;
        while (!isAtEnd() && some.indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return at > from;
    }

    /** Goes past the letters a to z that come next, which are the answer. */
    String word() {
        int from = at;
        while (!isAtEnd() && text.charAt(at) >= 'a' && text.charAt(at) <= 'z') {
            at++;
        }
        return text.substring(from, at);
    }

    /** What comes next, up to the first of {@code ends}; stays where it is. */
    String ahead(String ends) {
        int to = at;
        while (to < text.length() && ends.indexOf(text.charAt(to)) < 0) {
            to++;
        }
        return text.substring(at, to);
    }

    Range range() {
        int first = port();
        if (!skip('-')) {
            return new Range(first, first);
        }
        int from = at;
        int last = port();
        if (last < first) {
            throw wrong(from, "the range " + first + "-" + last + " ends before it begins");
        }
        return new Range(first, last);
    }

    /** The ports that {@code host} goes to: as many. */
    Range target(Range host) {
        int from = at;
        Range target = range();
        if (target.count() != host.count()) {
            throw wrong(from, "a range of " + target.count() + " ports cannot be the target of " + host.count());
        }
        return target;
    }

    private int port() {
        int start = at;
        while (!isAtEnd() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw wrong(start, isAtEnd() ? "a port is missing" : "'" + text.charAt(at) + "' is no port");
        }
        String digits = text.substring(start, at);
        int port = digits.length() > PORT_DIGITS ? PORT_MAX + 1 : Integer.parseInt(digits);
        if (port < 1 || port > PORT_MAX) {
            throw wrong(start, shown(digits) + " is not a port from 1 to " + PORT_MAX);
        }
        return port;
    }

    /** The next character is none that could go on here. */
    IllegalArgumentException unexpected() {
        return wrong(at, isAtEnd() ? "the end comes too early" : "'" + text.charAt(at) + "' cannot stand here");
    }

    /** {@code index} counts from 0, columns from 1. */
    IllegalArgumentException wrong(int index, String why) {
        return new IllegalArgumentException(printable(inFront + "column " + (index + 1) + ": " + why));
    }

    /** Not too much of {@code part}, for a message. */
    static String shown(String part) {
        String text = printable(part.substring(0, Math.min(part.length(), SHOWN_CHARS + 1)));
        return text.length() <= SHOWN_CHARS ? text : text.substring(0, SHOWN_CHARS) + "...";
    }

    private static String printable(String message) {
        StringBuilder out = new StringBuilder(message.length());
        for (int i = 0; i < message.length(); i++) {
            char c = message.charAt(i);
            if (c >= ' ' && c <= '~') {
                out.append(c);
            } else {
                out.append(String.format("\\u%04x", (int) c));
            }
        }
        return out.toString();
    }
}

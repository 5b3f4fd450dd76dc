package io.passatelli.config;

import io.passatelli.base.Limits;
import io.passatelli.config.PortForward.Protocol;

import java.util.ArrayList;
import java.util.List;

/**
 * Reads the port specifications of passt(1), as far as they say plain ports:
 *
 * <pre>
 * spec  := "none" | chunk { "," chunk }
 * chunk := ports [ ":" ports ]      host's, then the guest's if they are others
 * ports := number [ "-" number ]
 * </pre>
 *
 * What else that language has (addresses and interfaces to listen on, {@code all}, {@code auto}, exclusions, target addresses) is known here and
 * refused by name. An error is an {@link IllegalArgumentException} of one sentence that says the column, from 1, and why.
 */
public final class PasstPorts {
    private static final int PORT_MAX = 65_535;
    private static final int PORT_DIGITS = 5;
    private static final String NONE = "none";

    private final Protocol protocol;
    private final String text;
    private int at;

    private PasstPorts(Protocol protocol, String text) {
        this.protocol = protocol;
        this.text = text;
    }

    /** The rules of all specifications of one protocol together: no port of the host stands in two of them. */
    public static List<PortForward> parse(Protocol protocol, List<String> specs) {
        List<PortForward> rules = new ArrayList<>();
        for (String spec : specs) {
            new PasstPorts(protocol, spec).spec(rules);
        }
        if (specs.size() > 1 && specs.contains(NONE)) {
            throw new IllegalArgumentException(
                    "'none' stands alone, and " + specs.size() + " specifications are given");
        }
        return List.copyOf(rules);
    }

    private void spec(List<PortForward> rules) {
        if (text.equals(NONE)) {
            return;
        }
        refuseWhatIsNotPorts();
        chunk(rules);
        while (at < text.length()) {
            expect(',');
            chunk(rules);
        }
    }

    /** Before all else, for otherwise the reason would be that a letter or a dot is no digit. */
    private void refuseWhatIsNotPorts() {
        int slash = text.indexOf('/');
        if (slash >= 0) {
            boolean target =
                    text.lastIndexOf(':', slash) > 0 && Character.isDigit(text.charAt(0)) && !text.contains("::");
            throw wrong(
                    slash,
                    target
                            ? "target addresses are not supported"
                            : "addresses and interfaces to listen on are not supported");
        }
        for (String word : new String[] {"all", "auto", NONE}) {
            int found = text.indexOf(word);
            if (found >= 0) {
                throw wrong(found, word.equals(NONE) ? "'none' stands alone" : "'" + word + "' is not supported");
            }
        }
        refuse('~', "exclusions are not supported");
        refuse('%', "interfaces to listen on are not supported");
    }

    private void refuse(char c, String why) {
        int found = text.indexOf(c);
        if (found >= 0) {
            throw wrong(found, why);
        }
    }

    private void chunk(List<PortForward> rules) {
        int start = at;
        Range host = range();
        Range guest = host;
        if (at < text.length() && text.charAt(at) == ':') {
            at++;
            int from = at;
            guest = range();
            if (guest.count() != host.count()) {
                throw wrong(from, "a range of " + guest.count() + " ports cannot be the target of " + host.count());
            }
        }
        for (PortForward other : rules) {
            if (host.first <= other.last() && other.first() <= host.last) {
                throw wrong(start, "port " + Math.max(host.first, other.first()) + " is forwarded already");
            }
        }
        if (rules.size() == Limits.FORWARD_RULES) {
            throw wrong(start, "there are more than " + Limits.FORWARD_RULES + " rules");
        }
        rules.add(new PortForward(protocol, null, null, host.first, host.last, guest.first));
    }

    private record Range(int first, int last) {
        int count() {
            return last - first + 1;
        }
    }

    private Range range() {
        int first = port();
        if (at == text.length() || text.charAt(at) != '-') {
            return new Range(first, first);
        }
        at++;
        int from = at;
        int last = port();
        if (last < first) {
            throw wrong(from, "the range " + first + "-" + last + " ends before it begins");
        }
        return new Range(first, last);
    }

    private int port() {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw wrong(start, at == text.length() ? "a port is missing" : "'" + text.charAt(at) + "' is no port");
        }
        int port = at - start > PORT_DIGITS ? PORT_MAX + 1 : Integer.parseInt(text.substring(start, at));
        if (port < 1 || port > PORT_MAX) {
            throw wrong(start, text.substring(start, at) + " is not a port from 1 to " + PORT_MAX);
        }
        return port;
    }

    private void expect(char wanted) {
        if (text.charAt(at) != wanted) {
            throw wrong(at, "'" + text.charAt(at) + "' cannot stand here");
        }
        at++;
    }

    /** {@code index} counts from 0, columns from 1. */
    private IllegalArgumentException wrong(int index, String why) {
        return new IllegalArgumentException("'" + text + "', column " + (index + 1) + ": " + why);
    }
}

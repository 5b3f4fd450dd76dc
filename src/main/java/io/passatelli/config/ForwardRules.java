package io.passatelli.config;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward.Protocol;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;

/**
 * What the annotation {@code passatelli.io/forward} says:
 *
 * <pre>
 * rules  := [ item { separator item } ] | a JSON array of strings, each an item
 * item   := "none" | "all" | "auto" | [ "!" ] proto ":" hosts [ ":" ports ] [ "/" family ]
 * proto  := "tcp" | "udp" | "any"
 * hosts  := ports | "all"
 * ports  := number [ "-" number ]
 * family := "4" | "6"
 * </pre>
 *
 * A separator is white space, a comma, or both. The order does not matter, but {@code none} is the first. An item that is there already is not
 * taken again. Ports behind the host's are the guest's; {@code all} and exclusions have none.
 *
 * @param none the base does not count
 * @param all all TCP ports, as {@code tcp:all}
 * @param auto ports that somebody else finds out: here it is only a flag
 * @param items the others, none of them twice
 */
public record ForwardRules(boolean none, boolean all, boolean auto, List<Item> items) {
    /** Nothing said: the base. */
    public static final ForwardRules NOTHING = new ForwardRules(false, false, false, List.of());

    /**
     * Ports that are forwarded, or are not.
     *
     * @param excluded they are not; {@code target} is then {@code first}
     * @param protocol null: both
     * @param every all ports are meant, as far as they can be had; {@code first} and {@code last} are then the first and the last there are
     * @param first port of the host
     * @param last port of the host
     * @param target port of the guest that {@code first} goes to
     * @param family the unspecified address of it; null: both
     */
    public record Item(
            boolean excluded,
            @Nullable Protocol protocol,
            boolean every,
            int first,
            int last,
            int target,
            @Nullable Ip family) {
        boolean has(Protocol other) {
            return protocol == null || protocol == other;
        }

        /** The first port that this sends elsewhere than {@code other} does; 0: none. */
        private int contradiction(Item other) {
            boolean harmless = excluded
                    || other.excluded
                    || every
                    || other.every
                    || target - first == other.target - other.first
                    || protocol != null && !other.has(protocol)
                    || family != null && other.family != null && !family.equals(other.family);
            int at = Math.max(first, other.first);
            return harmless || at > Math.min(last, other.last) ? 0 : at;
        }

        private int targetOf(int port) {
            return target + port - first;
        }

        @Override
        public String toString() {
            String name = protocol == null ? "any" : protocol.name().toLowerCase(Locale.ROOT);
            String to = target == first ? "" : ":" + range(target);
            String version = family == null ? "" : family.isV4() ? "/4" : "/6";
            return (excluded ? "!" : "") + name + ":" + (every ? "all" : range(first) + to) + version;
        }

        private String range(int from) {
            return last == first ? Integer.toString(from) : from + "-" + (from + last - first);
        }
    }

    /**
     * What comes of rules.
     *
     * @param forwards by protocol and port; no two of them contradict each other
     * @param remarks one sentence for each thing that was asked for and is not to be had
     */
    public record Resolution(List<PortForward> forwards, List<String> remarks) {
        public Resolution {
            forwards = List.copyOf(forwards);
            remarks = List.copyOf(remarks);
        }
    }

    public ForwardRules {
        items = List.copyOf(items);
    }

    /** Reads all of {@code text}, or throws {@link IllegalArgumentException} with one sentence that says the column, from 1, and why. */
    public static ForwardRules parse(String text) {
        return new Reader(text).read();
    }

    /** One item that is one rule. */
    static PortForward parseOne(String text) {
        Reader reader = new Reader(text);
        Item item = reader.one();
        Protocol protocol = item.protocol;
        if (protocol == null || item.excluded) {
            throw reader.in.wrong(0, item.excluded ? "an exclusion is no rule" : "'any' is two rules, tcp and udp");
        }
        if (item.every) {
            throw reader.in.wrong(0, "'all' is no rule by itself: say which ports, such as 1-32767");
        }
        return new PortForward(protocol, item.family, null, item.first, item.last, null, item.target, false);
    }

    /**
     * What is to be forwarded. An item wins over {@code all} and over the base for its ports of the host, an exclusion over every item; reserved
     * ports are never forwarded. What {@code all} brings is weak, and without {@code ephemeral} ports. {@code auto} brings nothing here.
     *
     * @param specPorts the base; none: the base is {@code all}. They listen at all addresses, or at all of one family
     * @param reserved ports of the host that others need
     */
    public Resolution resolve(List<PortForward> specPorts, List<PortRange> reserved, EphemeralPorts ephemeral) {
        HostPorts ports = new HostPorts();
        if (all || !none && specPorts.isEmpty()) {
            ports.every(Protocol.TCP, null, ephemeral);
        }
        for (Item item : items) {
            for (Protocol protocol : Protocol.values()) {
                if (item.every && !item.excluded && item.has(protocol)) {
                    ports.every(protocol, item.family, ephemeral);
                }
            }
        }
        if (!none) {
            specPorts.forEach(ports::put);
        }
        apply(ports, false);
        apply(ports, true);
        List<String> remarks = remarks(ports, reserved);
        for (PortRange range : reserved) {
            ports.clear(range.protocol(), null, range.first(), range.last());
        }
        return new Resolution(ports.rules(), remarks);
    }

    private void apply(HostPorts ports, boolean excluded) {
        for (Item item : items) {
            for (Protocol protocol : Protocol.values()) {
                if (item.excluded != excluded || !item.has(protocol)) {
                    continue;
                }
                if (excluded) {
                    ports.clear(protocol, item.family, item.first, item.last);
                } else if (!item.every) {
                    ports.put(new PortForward(
                            protocol, item.family, null, item.first, item.last, null, item.target, false));
                }
            }
        }
    }

    /** Of ports that somebody named; what {@code all} leaves out nobody misses. */
    private static List<String> remarks(HostPorts ports, List<PortRange> reserved) {
        List<String> remarks = new ArrayList<>();
        for (PortRange range : reserved) {
            int named = ports.named(range);
            if (named > 0) {
                remarks.add(range.protocol() + " port " + named + " is reserved, so it is not forwarded");
            }
        }
        return remarks;
    }

    /** The shortest text that is read as this. */
    @Override
    public String toString() {
        StringJoiner text = new StringJoiner(", ");
        if (none) {
            text.add("none");
        }
        if (all) {
            text.add("all");
        }
        if (auto) {
            text.add("auto");
        }
        items.forEach(item -> text.add(item.toString()));
        return text.toString();
    }

    /** Reads one text. */
    private static final class Reader {
        private static final String WHITE = " \t\r\n";

        private final PortText in;
        private final int length;
        private final List<Item> items = new ArrayList<>();
        private boolean none;
        private boolean all;
        private boolean auto;
        private int count;

        Reader(String text) {
            in = new PortText(text, "");
            length = text.length();
        }

        ForwardRules read() {
            checkLength();
            boolean ignored = in.skipAll(WHITE);
            if (in.skip('[')) {
                array();
            } else {
                list();
            }
            return new ForwardRules(none, all, auto, items);
        }

        Item one() {
            checkLength();
            item();
            if (!in.isAtEnd()) {
                throw in.unexpected();
            }
            if (items.isEmpty()) {
                throw in.wrong(0, "a rule begins with tcp or udp");
            }
            return items.getFirst();
        }

        private void checkLength() {
            if (length > Limits.FORWARD_TEXT_CHARS) {
                throw in.wrong(
                        Limits.FORWARD_TEXT_CHARS, "there are more than " + Limits.FORWARD_TEXT_CHARS + " characters");
            }
        }

        private void list() {
            while (!in.isAtEnd()) {
                item();
                boolean white = in.skipAll(WHITE);
                if (in.skip(',')) {
                    boolean ignored = in.skipAll(WHITE);
                    if (in.isAtEnd()) {
                        throw in.wrong(in.at(), "an item is missing");
                    }
                } else if (!white && !in.isAtEnd()) {
                    throw in.unexpected();
                }
            }
        }

        /** RFC 8259, as far as arrays of strings without escapes need it. */
        private void array() {
            boolean ignored = in.skipAll(WHITE);
            if (!in.skip(']')) {
                do {
                    ignored = in.skipAll(WHITE);
                    if (!in.skip('"')) {
                        throw in.wrong(in.at(), "a string in double quotes is wanted here");
                    }
                    item();
                    expect('"');
                    ignored = in.skipAll(WHITE);
                } while (in.skip(','));
                expect(']');
            }
            ignored = in.skipAll(WHITE);
            if (!in.isAtEnd()) {
                throw in.unexpected();
            }
        }

        private void expect(char c) {
            if (!in.skip(c)) {
                throw in.isAtEnd() ? in.wrong(in.at(), "'" + c + "' is missing") : in.unexpected();
            }
        }

        private void item() {
            int start = in.at();
            if (++count > Limits.FORWARD_ITEMS) {
                throw in.wrong(start, "there are more than " + Limits.FORWARD_ITEMS + " items");
            }
            boolean excluded = in.skip('!');
            int from = in.at();
            String word = in.word();
            if (!excluded && isFlag(word, start)) {
                return;
            }
            Protocol protocol = protocol(word, from, excluded);
            expect(':');
            Item item = ports(excluded, protocol);
            if (items.contains(item)) {
                return;
            }
            for (Item other : items) {
                int port = item.contradiction(other);
                if (port > 0) {
                    throw in.wrong(start, "port " + port + " is forwarded to " + other.targetOf(port) + " already");
                }
            }
            items.add(item);
        }

        private boolean isFlag(String word, int start) {
            switch (word) {
                case "none" -> {
                    if (count > 1 && !none) {
                        throw in.wrong(start, "'none' stands first or not at all");
                    }
                    none = true;
                }
                case "all" -> all = true;
                case "auto" -> auto = true;
                default -> {
                    return false;
                }
            }
            return true;
        }

        private @Nullable Protocol protocol(String word, int from, boolean excluded) {
            return switch (word) {
                case "tcp" -> Protocol.TCP;
                case "udp" -> Protocol.UDP;
                case "any" -> null;
                default -> {
                    in.to(from);
                    String found = in.ahead(",:\"" + WHITE);
                    if (found.isEmpty()) {
                        throw in.wrong(from, "an item is missing");
                    }
                    throw in.wrong(
                            from,
                            "'" + PortText.shown(found) + "' is neither "
                                    + (excluded ? "tcp, udp nor any" : "none, all, auto, tcp, udp nor any"));
                }
            };
        }

        private Item ports(boolean excluded, @Nullable Protocol protocol) {
            int from = in.at();
            String word = in.word();
            boolean every = word.equals("all");
            if (!every && !word.isEmpty()) {
                throw in.wrong(from, "'" + PortText.shown(word) + "' is neither ports nor all");
            }
            PortText.Range host = every ? new PortText.Range(1, PortText.PORT_MAX) : in.range();
            PortText.Range guest = host;
            int colon = in.at();
            if (in.skip(':')) {
                if (every || excluded) {
                    throw in.wrong(
                            colon,
                            every ? "'all' has no ports of the guest" : "an exclusion has no ports of the guest");
                }
                guest = in.target(host);
            }
            return new Item(excluded, protocol, every, host.first(), host.last(), guest.first(), family());
        }

        private @Nullable Ip family() {
            if (!in.skip('/')) {
                return null;
            }
            if (in.skip('4')) {
                return Ip.UNSPECIFIED4;
            }
            if (in.skip('6')) {
                return Ip.UNSPECIFIED6;
            }
            throw in.wrong(in.at(), "4 or 6 is wanted here");
        }
    }
}

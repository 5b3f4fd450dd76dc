package io.passatelli.config;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.PortText.Range;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the port specifications of passt(1):
 *
 * <pre>
 * spec   := "none" | [ where "/" ] chunk { "," chunk }
 * where  := address | [ address | "*" ] "%" interface | "*"
 * chunk  := "all" [ ":" address ] | ports [ ":" target ] | "~" ports
 * target := ports | address [ "/" ports ]                the guest's, if they are others than the host's
 * ports  := number [ "-" number ]
 * </pre>
 *
 * Where nothing says where, or says {@code *}, all addresses of both families listen. An IPv6 address may stand in brackets. What {@code ~} excludes
 * is excluded from the whole specification; one of exclusions alone means {@code all}. These are all ports but the host's ephemeral ones, and what
 * of them cannot be had is left out. {@code auto} is refused: only pasta sees which ports are bound. A guest's address is of the family that
 * listens, and one that its host can be reached at.
 *
 * <p>An error is an {@link IllegalArgumentException} of one sentence that says the column, from 1, and why.
 */
public final class PasstPorts {
    /** IFNAMSIZ of linux/if.h less the terminator. */
    private static final int INTERFACE_NAME_MAX = 15;

    private static final String ALL = "all";
    private static final String AUTO = "auto";
    private static final String NONE = "none";

    private final Protocol protocol;
    private final EphemeralPorts ephemeral;
    private final List<PortForward> rules = new ArrayList<>();
    private final Map<Place, BitSet> taken = new HashMap<>();
    private int chunks;

    private PasstPorts(Protocol protocol, EphemeralPorts ephemeral) {
        this.protocol = protocol;
        this.ephemeral = ephemeral;
    }

    /** The rules of all specifications of one protocol together: no port stands in two that listen at the same place. */
    public static List<PortForward> parse(Protocol protocol, List<String> specs, EphemeralPorts ephemeral) {
        PasstPorts ports = new PasstPorts(protocol, ephemeral);
        for (String spec : specs) {
            ports.new Spec(spec).read();
        }
        if (specs.size() > 1 && specs.contains(NONE)) {
            throw new IllegalArgumentException(
                    "'none' stands alone, and " + specs.size() + " specifications are given");
        }
        return List.copyOf(ports.rules);
    }

    /** Where a rule listens: at one address or all of one family, and at one interface or all. */
    private record Place(Ip address, @Nullable String device) {}

    /** {@code all} is without the ephemeral ports, and in part if need be; {@code column} counts from 0. */
    private record Chunk(
            int column, Range host, boolean all, @Nullable Ip targetAddress, int target) {}

    /** One specification. */
    private final class Spec {
        private static final Range EVERY = new Range(1, PortText.PORT_MAX);

        private final String text;
        private final PortText in;
        private @Nullable Ip address;
        private @Nullable String device;
        private final List<Chunk> wanted = new ArrayList<>();
        private final BitSet excluded = new BitSet();
        private int exclusions;

        Spec(String text) {
            this.text = text;
            in = new PortText(text, "'" + text + "', ");
        }

        void read() {
            if (text.equals(NONE)) {
                return;
            }
            where();
            int list = in.at();
            do {
                chunk();
            } while (in.skip(','));
            if (!in.isAtEnd()) {
                throw in.unexpected();
            }
            if (wanted.isEmpty()) {
                want(new Chunk(list, EVERY, true, null, 1));
            }
            wanted.forEach(this::rule);
        }

        private void where() {
            int slash = text.indexOf('/');
            if (slash < 0) {
                if (text.startsWith("%") || text.startsWith("*") || text.startsWith("[")) {
                    throw in.wrong(text.length(), "'/' and ports are missing");
                }
                return;
            }
            String where = text.substring(0, slash);
            int percent = where.indexOf('%');
            String listens = percent < 0 ? where : where.substring(0, percent);
            if (percent < 0 && !isAddress(listens)) {
                return;
            }
            if (!listens.equals("*") && !listens.isEmpty()) {
                address = address(listens, 0);
            }
            if (percent >= 0) {
                device = device(where.substring(percent + 1), percent + 1);
            }
            in.to(slash + 1);
        }

        /** Whether what stands before the first slash is not already a chunk, such as {@code 53:192.0.2.1}, which listens nowhere in particular. */
        private static boolean isAddress(String head) {
            int colon = head.indexOf(':');
            if (head.startsWith("*") || head.startsWith("[")) {
                return true;
            }
            if (head.indexOf(',') >= 0 || colon < 0 && head.indexOf('.') < 0) {
                return false;
            }
            boolean chunk =
                    colon > 0 && (head.startsWith(ALL) || head.indexOf('-') > 0 || isTarget(head.substring(colon + 1)));
            return !chunk || isIp(head);
        }

        private static boolean isIp(String word) {
            try {
                Ip ignored = Ip.parse(word);
                return true;
            } catch (IllegalArgumentException e) {
                return false;
            }
        }

        /** Whether {@code word}, behind a colon, is an address rather than ports. */
        private static boolean isTarget(String word) {
            return word.startsWith("[") || word.indexOf('.') >= 0 || word.contains("::") || isIp(word);
        }

        private Ip address(String word, int column) {
            boolean brackets = word.startsWith("[") && word.endsWith("]");
            Ip ip;
            try {
                ip = Ip.parse(brackets ? word.substring(1, word.length() - 1) : word);
            } catch (IllegalArgumentException e) {
                throw in.wrong(column, String.valueOf(e.getMessage()));
            }
            if (brackets && ip.isV4()) {
                throw in.wrong(column, "only IPv6 addresses stand in brackets");
            }
            return ip;
        }

        private String device(String name, int column) {
            if (name.isEmpty()) {
                throw in.wrong(column, "the name of an interface is missing");
            }
            if (name.length() > INTERFACE_NAME_MAX) {
                throw in.wrong(column, "an interface's name has at most " + INTERFACE_NAME_MAX + " characters");
            }
            for (int i = 0; i < name.length(); i++) {
                char c = name.charAt(i);
                if (c <= ' ' || c > '~' || c == ':' || c == '%') {
                    throw in.wrong(column + i, "'" + c + "' cannot stand in an interface's name");
                }
            }
            return name;
        }

        private void chunk() {
            int start = in.at();
            if (in.skip('~')) {
                exclude(start);
                return;
            }
            String word = in.word();
            switch (word) {
                case "" -> ports(start);
                case ALL -> all(start);
                case AUTO -> throw in.wrong(start, "'auto' is of pasta alone: nobody sees the ports of a guest");
                case NONE -> throw in.wrong(start, "'none' stands alone");
                default -> throw in.wrong(start, "'" + PortText.shown(word) + "' is no port");
            }
        }

        private void exclude(int start) {
            Range range = in.range();
            if (++exclusions > Limits.PASST_RULES) {
                throw in.wrong(start, "there are more than " + Limits.PASST_RULES + " exclusions");
            }
            excluded.set(range.first(), range.last() + 1);
        }

        private void all(int start) {
            Ip to = null;
            if (in.skip(':')) {
                int from = in.at();
                String word = in.ahead(",/");
                if (!isTarget(word)) {
                    throw in.wrong(from, "behind 'all' stands an address of the guest alone");
                }
                to = target(word);
            }
            want(new Chunk(start, EVERY, true, to, 1));
        }

        private void ports(int start) {
            Range host = in.range();
            Range guest = host;
            Ip to = null;
            if (in.skip(':')) {
                String word = in.ahead(",/");
                if (isTarget(word)) {
                    to = target(word);
                    guest = in.skip('/') ? in.target(host) : host;
                } else {
                    guest = in.target(host);
                }
            }
            want(new Chunk(start, host, false, to, guest.first()));
        }

        /** The guest's address {@code word}, which comes next. */
        private Ip target(String word) {
            int from = in.at();
            Ip ip = address(word, from);
            if (address == null) {
                throw in.wrong(from, "a target address needs an address of its family that listens");
            }
            if (address.isV4() != ip.isV4()) {
                throw in.wrong(from, "the target address is of another family than the one that listens");
            }
            if (!ip.isUnicast() || ip.isLoopback()) {
                throw in.wrong(from, ip + " is no address at which a guest can be reached");
            }
            in.to(from + word.length());
            return ip;
        }

        private void want(Chunk chunk) {
            if (++chunks > Limits.PASST_RULES) {
                throw in.wrong(chunk.column, "there are more than " + Limits.PASST_RULES + " rules");
            }
            wanted.add(chunk);
        }

        private void rule(Chunk chunk) {
            BitSet ports = new BitSet();
            ports.set(chunk.host.first(), chunk.host.last() + 1);
            ports.andNot(excluded);
            if (chunk.all) {
                ports.clear(ephemeral.first(), ephemeral.last() + 1);
            }
            if (ports.isEmpty()) {
                throw in.wrong(chunk.column, "all of it is excluded");
            }
            if (address == null || address.isV4()) {
                take(chunk, address == null ? Ip.UNSPECIFIED4 : address, ports);
            }
            if (address == null || !address.isV4()) {
                take(chunk, address == null ? Ip.UNSPECIFIED6 : address, ports);
            }
            int first = ports.nextSetBit(0);
            while (first >= 0) {
                int end = ports.nextClearBit(first);
                int target = chunk.target + first - chunk.host.first();
                rules.add(new PortForward(
                        protocol, address, device, first, end - 1, chunk.targetAddress, target, chunk.all));
                first = ports.nextSetBit(end);
            }
        }

        private void take(Chunk chunk, Ip at, BitSet ports) {
            BitSet there = taken.computeIfAbsent(new Place(at, device), place -> new BitSet());
            BitSet both = (BitSet) there.clone();
            both.and(ports);
            if (!both.isEmpty()) {
                throw in.wrong(chunk.column, "port " + both.nextSetBit(0) + " is forwarded already");
            }
            there.or(ports);
        }
    }
}

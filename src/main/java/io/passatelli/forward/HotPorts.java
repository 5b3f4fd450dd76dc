package io.passatelli.forward;

import io.passatelli.base.Limits;

import java.util.BitSet;

/** The ports at which a {@link Sweep} looks most often: those of well-known services, and those that were seen open last. Loop thread only. */
final class HotPorts {
    /** What listens most in virtual machines: IANA's registry, and what is usual. */
    private static final char[] WELL_KNOWN = {
        21, 22, 23, 25, 53, 80, 81, 88, 110, 111, 135, 139, 143, 179, 389, 443, 445, 465, 514, 587, 631, 636, 873, 993,
        995, 1080, 1433, 1521, 1883, 2049, 2181, 2222, 2375, 2376, 2379, 2380, 3000, 3001, 3128, 3268, 3306, 3389, 4200,
        4222, 4443, 5000, 5001, 5060, 5173, 5201, 5432, 5601, 5671, 5672, 5900, 5901, 5985, 5986, 6379, 6443, 7000,
        7474, 7687, 8000, 8001, 8008, 8080, 8081, 8086, 8088, 8090, 8181, 8200, 8300, 8443, 8500, 8883, 8888, 9000,
        9001, 9042, 9090, 9091, 9092, 9093, 9100, 9200, 9300, 9418, 9443, 10_000, 10_250, 11_211, 15_672, 26_257,
        27_017, 32_400
    };

    static {
        assert WELL_KNOWN.length < Limits.SWEEP_HOT_PORTS;
    }

    private final char[] ports = new char[Limits.SWEEP_HOT_PORTS];
    private final BitSet members = new BitSet();
    private int count;
    /** So many of them are well-known and stay. */
    private int wellKnown;

    private int oldest;

    int count() {
        return count;
    }

    int port(int i) {
        return ports[i];
    }

    /** From now on of {@code wanted} ports only. Those that were seen open before stay, as far as they are wanted. */
    void begin(BitSet wanted) {
        char[] before = ports.clone();
        int seenFrom = wellKnown;
        int seenTo = count;
        members.clear();
        count = 0;
        for (char port : WELL_KNOWN) {
            if (wanted.get(port)) {
                append(port);
            }
        }
        wellKnown = count;
        oldest = count;
        for (int i = seenFrom; i < seenTo && count < ports.length; i++) {
            if (wanted.get(before[i]) && !members.get(before[i])) {
                append(before[i]);
            }
        }
    }

    private void append(char port) {
        ports[count++] = port;
        members.set(port);
    }

    /** {@code port} was seen open; if there are too many, the one that was so longest ago goes. */
    void seen(int port) {
        if (members.get(port)) {
            return;
        }
        if (count < ports.length) {
            append((char) port);
            return;
        }
        members.clear(ports[oldest]);
        ports[oldest] = (char) port;
        members.set(port);
        oldest = oldest + 1 == ports.length ? wellKnown : oldest + 1;
    }
}

package io.passatelli.host;

import io.passatelli.config.PlaneConfig.UdpTimeouts;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The kernel's own times after which it forgets UDP flows, nf_conntrack-sysctl: ours are the same, so that they live as long behind us as beside us. */
public final class Conntrack {
    public static final Path PATH = Path.of("/proc/sys/net/netfilter");

    /** A day; whoever sets more means "never", which no flow table can afford. */
    private static final int MOST_S = 86_400;

    private static final int DIGITS = 16;

    private Conntrack() {}

    /** As the files under {@code directory} say; standard ones where there are none, for the module is loaded on few hosts, or no sense in them. */
    public static UdpTimeouts udpTimeouts(Path directory) {
        UdpTimeouts standard = UdpTimeouts.STANDARD;
        return new UdpTimeouts(
                seconds(directory.resolve("nf_conntrack_udp_timeout"), standard.single()),
                seconds(directory.resolve("nf_conntrack_udp_timeout_stream"), standard.stream()));
    }

    private static int seconds(Path file, int otherwise) {
        try (InputStream in = Files.newInputStream(file)) {
            String text = new String(in.readNBytes(DIGITS), StandardCharsets.US_ASCII).strip();
            long seconds = Long.parseLong(text);
            return seconds < 1 ? otherwise : (int) Math.min(seconds, MOST_S);
        } catch (IOException | NumberFormatException e) {
            return otherwise;
        }
    }
}

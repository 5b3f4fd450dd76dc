package io.passatelli.host;

import io.passatelli.config.EphemeralPorts;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Which ports the kernel gives to sockets that name none, ip-sysctl. */
public final class LocalPorts {
    /** Of the network namespace of the thread that reads it. */
    public static final Path PATH = Path.of("/proc/sys/net/ipv4/ip_local_port_range");

    /** Two numbers, a tab and the end of the line. */
    private static final int CHARS = 32;

    private LocalPorts() {}

    /** As the file says; the standard ones where there is none, or no sense in it. */
    public static EphemeralPorts ephemeral(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            String text = new String(in.readNBytes(CHARS), StandardCharsets.US_ASCII);
            String[] words = text.strip().split("\\s+", -1);
            if (words.length != 2) {
                return EphemeralPorts.STANDARD;
            }
            return new EphemeralPorts(Integer.parseInt(words[0]), Integer.parseInt(words[1]));
        } catch (IOException | IllegalArgumentException e) {
            return EphemeralPorts.STANDARD;
        }
    }
}

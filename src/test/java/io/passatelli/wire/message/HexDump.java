package io.passatelli.wire.message;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Test resources as text2pcap(1) reads them: an offset and up to 16 octets a line; offset 0 begins the next packet; {@code #} is a comment. */
public final class HexDump {
    private HexDump() {}

    /** The one packet of a resource. */
    public static byte[] one(String resource) {
        List<byte[]> all = all(resource);
        if (all.size() != 1) {
            throw new IllegalStateException(resource + " has " + all.size() + " packets");
        }
        return all.getFirst();
    }

    /** All packets of a resource. */
    public static List<byte[]> all(String resource) {
        List<ByteArrayOutputStream> packets = new ArrayList<>();
        for (String line : text(resource).split("\n", -1)) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] parts = line.split("  ", 2);
            if (Integer.parseInt(parts[0], 16) == 0) {
                packets.add(new ByteArrayOutputStream());
            }
            packets.getLast().writeBytes(HexFormat.ofDelimiter(" ").parseHex(parts[1].strip()));
        }
        return packets.stream().map(ByteArrayOutputStream::toByteArray).toList();
    }

    /** The lines of one packet. */
    public static String of(byte[] packet) {
        StringBuilder lines = new StringBuilder();
        for (int at = 0; at < packet.length; at += 16) {
            int end = Math.min(packet.length, at + 16);
            lines.append(String.format("%04x  ", at))
                    .append(HexFormat.ofDelimiter(" ").formatHex(packet, at, end))
                    .append('\n');
        }
        return lines.toString();
    }

    private static String text(String resource) {
        try (InputStream in = HexDump.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("no resource " + resource);
            }
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.passatelli.wire;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/** Reads src/test/resources/vectors: comment lines, lines of hex as text2pcap(1) reads them, one line of expected fields. */
public final class VectorFile {
    public static final List<String> NAMES = List.of("arp", "ip4", "udp", "icmp4", "ip6", "icmp6", "tcp", "fragments");

    private static final Pattern HEX_LINE = Pattern.compile("([0-9a-f]{4,6})  ([0-9a-f]{2}( [0-9a-f]{2})*)");

    public record Vector(String comment, String hex, Map<String, String> fields) {
        public byte[] bytes() {
            return HexFormat.of().parseHex(hex);
        }

        public String field(String name) {
            return Objects.requireNonNull(fields.get(name), () -> comment + " lacks " + name);
        }

        @Override
        public String toString() {
            return comment;
        }
    }

    private VectorFile() {}

    static String text(String name) {
        try (InputStream in = VectorFile.class.getResourceAsStream("/vectors/" + name + ".txt")) {
            return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static List<Vector> read(String name) {
        List<Vector> vectors = new ArrayList<>();
        String comment = "";
        StringBuilder hex = new StringBuilder();
        for (String line : text(name).lines().toList()) {
            var hexLine = HEX_LINE.matcher(line);
            if (line.isBlank()) {
                continue;
            }
            if (line.startsWith("#")) {
                comment = line.substring(1).strip();
            } else if (hexLine.matches()) {
                if (Integer.parseInt(hexLine.group(1), 16) != hex.length() / 2) {
                    throw new IllegalArgumentException(name + ": offset " + hexLine.group(1) + " in " + comment);
                }
                hex.append(hexLine.group(2).replace(" ", ""));
            } else {
                vectors.add(new Vector(comment, hex.toString(), fields(line)));
                hex.setLength(0);
            }
        }
        if (!hex.isEmpty()) {
            throw new IllegalArgumentException(name + ": no fields behind " + comment);
        }
        return vectors;
    }

    private static Map<String, String> fields(String line) {
        Map<String, String> fields = new LinkedHashMap<>();
        for (String pair : line.split(" ", -1)) {
            int equals = pair.indexOf('=');
            if (fields.put(pair.substring(0, equals), pair.substring(equals + 1)) != null) {
                throw new IllegalArgumentException("twice: " + pair);
            }
        }
        return fields;
    }
}

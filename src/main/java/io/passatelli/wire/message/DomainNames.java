package io.passatelli.wire.message;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Domain names as DNS writes them: labels behind their lengths, RFC 1035 §3.1, with or without compression, §4.1.4. */
public final class DomainNames {
    private static final int LABEL_MAX = 63;
    private static final int POINTER = 0xc000;
    private static final int POINTER_MAX = 0x3fff;

    private DomainNames() {}

    /** One name with its root label, not compressed. Throws {@link IllegalArgumentException} where a label is empty or too long. */
    public static byte[] canonical(String name) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (String label : labels(name)) {
            label(out, label);
        }
        out.write(0);
        return out.toByteArray();
    }

    /** Several names one behind the other, none of them compressed: RFC 8415 §10, RFC 8106 §5.2. */
    public static byte[] canonical(List<String> names) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (String name : names) {
            out.writeBytes(canonical(name));
        }
        return out.toByteArray();
    }

    /** Several names one behind the other; a tail that stood before is pointed at, counting from the first name (RFC 3397 §2). */
    public static byte[] compressed(List<String> names) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Map<String, Integer> tails = new HashMap<>();
        for (String name : names) {
            compress(out, labels(name), tails);
        }
        return out.toByteArray();
    }

    private static void compress(ByteArrayOutputStream out, String[] labels, Map<String, Integer> tails) {
        for (int i = 0; i < labels.length; i++) {
            String tail = String.join(".", List.of(labels).subList(i, labels.length));
            Integer known = tails.get(tail);
            if (known != null) {
                out.write((POINTER | known) >>> 8);
                out.write(known);
                return;
            }
            if (out.size() <= POINTER_MAX) {
                tails.put(tail, out.size());
            }
            label(out, labels[i]);
        }
        out.write(0);
    }

    private static String[] labels(String name) {
        String bare = name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
        return bare.split("\\.", -1);
    }

    private static void label(ByteArrayOutputStream out, String label) {
        byte[] bytes = label.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length == 0 || bytes.length > LABEL_MAX) {
            throw new IllegalArgumentException("'" + label + "' is not a label of 1 to " + LABEL_MAX + " characters");
        }
        out.write(bytes.length);
        out.writeBytes(bytes);
    }
}

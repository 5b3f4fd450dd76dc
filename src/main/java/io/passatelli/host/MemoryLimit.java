package io.passatelli.host;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How much memory the process may have before the kernel ends it: the least limit of its control group and those above, cgroups(7), of either
 * version. In a container's own view the group is often the root of what is mounted, and its path in /proc/self/cgroup may lead nowhere: then what
 * is mounted counts.
 */
public final class MemoryLimit {
    /** There is none, as far as can be seen. */
    public static final long NONE = Long.MAX_VALUE;

    /** What the first version says for no limit is the largest page-aligned number; nobody limits to so much. */
    private static final long SURELY_NONE = 1L << 60;

    private static final int FILE_BYTES = 16 << 10;

    private MemoryLimit() {}

    /** Of this process, in bytes. */
    public static long bytes() {
        return bytes(Path.of("/"));
    }

    /** The same, of a process whose root directory is {@code root}. */
    static long bytes(Path root) {
        Path mounted = root.resolve("sys/fs/cgroup");
        String path = "/";
        String file = "memory.max";
        for (String line : text(root.resolve("proc/self/cgroup")).split("\n", -1)) {
            String[] fields = line.split(":", 3); // hierarchy:controllers:path
            if (fields.length < 3) {
                continue;
            }
            boolean first = ("," + fields[1] + ",").contains(",memory,");
            if (first || fields[1].isEmpty()) {
                path = fields[2];
            }
            if (first) {
                return least(mounted.resolve("memory"), path, "memory.limit_in_bytes");
            }
        }
        return least(mounted, path, file);
    }

    /** From the group up to what is mounted. */
    private static long least(Path mounted, String path, String file) {
        Path group = mounted.resolve("." + path).normalize();
        if (!group.startsWith(mounted)) {
            group = mounted; // a group outside of our namespace has no name here, cgroup_namespaces(7)
        }
        long least = NONE;
        for (Path at = group; at != null && at.startsWith(mounted); at = at.getParent()) {
            least = Math.min(least, number(text(at.resolve(file))));
        }
        return least;
    }

    private static long number(String text) {
        try {
            long bytes = Long.parseLong(text.strip());
            return bytes <= 0 || bytes >= SURELY_NONE ? NONE : bytes;
        } catch (NumberFormatException e) {
            return NONE; // "max", or no such file
        }
    }

    private static String text(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return new String(in.readNBytes(FILE_BYTES), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }
}

package io.passatelli.os;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A network namespace of one test class, with loopback up; gone when removed. */
final class StoryNamespace {
    private static final long PATIENCE_S = 10;

    final String name;

    StoryNamespace(String prefix) throws IOException, InterruptedException {
        name = "sim-" + prefix + "-" + ProcessHandle.current().pid();
        run("ip", "netns", "add", name);
        try {
            inside("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.ping_group_range=0 65535");
            inside("ip", "link", "set", "lo", "up");
        } catch (IOException e) {
            remove();
            throw e;
        }
    }

    String path() {
        return "/run/netns/" + name;
    }

    void inside(String... command) throws IOException, InterruptedException {
        List<String> all = new java.util.ArrayList<>(List.of("ip", "netns", "exec", name));
        all.addAll(List.of(command));
        run(all.toArray(String[]::new));
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        if (!process.waitFor(PATIENCE_S, TimeUnit.SECONDS) || process.exitValue() != 0) {
            process.destroyForcibly();
            throw new IOException(String.join(" ", command) + ": " + said);
        }
    }

    void remove() throws IOException, InterruptedException {
        run("ip", "netns", "delete", name);
    }
}

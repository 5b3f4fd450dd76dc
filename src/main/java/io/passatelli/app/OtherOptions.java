package io.passatelli.app;

import org.jspecify.annotations.Nullable;

import java.util.Set;

/** Options that passt's programs have and this role has not: why, in one sentence each. */
final class OtherOptions {
    private static final Set<String> PASTA = Set.of(
            "-I",
            "--ns-ifname",
            "-T",
            "--tcp-ns",
            "-U",
            "--udp-ns",
            "--host-lo-to-ns-lo",
            "--userns",
            "--netns",
            "--netns-only",
            "--no-netns-quit",
            "--config-net",
            "--no-copy-routes",
            "--no-copy-addrs",
            "--ns-mac-addr",
            "--no-splice",
            "--splice-only",
            "--dhcp-dns",
            "--dhcp-search");
    private static final Set<String> VHOST_USER =
            Set.of("--vhost-user", "--print-capabilities", "--repair-path", "--migrate-exit", "--migrate-no-linger");
    private static final Set<String> CONFIGURATION = Set.of("-c", "--conf-path");

    private OtherOptions() {}

    /** Null if {@code argument} is none of them. */
    static @Nullable String refusal(String argument) {
        String name = name(argument);
        if (PASTA.contains(name)) {
            return name + ": an option of pasta only, for a network namespace; this is passt, for a virtual machine";
        }
        if (VHOST_USER.contains(name)) {
            return name + ": an option of vhost-user mode, which this program does not have yet";
        }
        if (CONFIGURATION.contains(name)) {
            return name + ": the protocol of pesto is not spoken here; --control makes a control socket";
        }
        return null;
    }

    /** Without a value that is attached to it. */
    private static String name(String argument) {
        if (argument.startsWith("--")) {
            int equals = argument.indexOf('=');
            return equals < 0 ? argument : argument.substring(0, equals);
        }
        return argument.length() > 2 && argument.startsWith("-") ? argument.substring(0, 2) : argument;
    }
}

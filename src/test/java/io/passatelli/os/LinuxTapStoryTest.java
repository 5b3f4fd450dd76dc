package io.passatelli.os;

import io.passatelli.base.Ip;
import io.passatelli.lab.Namespace;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;

import java.io.IOException;
import java.io.UncheckedIOException;

import static org.assertj.core.api.Assertions.assertThat;

@Tag("netns")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LinuxTapStoryTest extends TapStory {
    private static final String TAP = "tap0";
    private static final Ip GROUP = Ip.v4(0xef010101); // multicast: goes out without ARP

    private final Namespace namespace;

    LinuxTapStoryTest() throws IOException, InterruptedException {
        namespace = Namespace.make("tap");
        namespace.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
    }

    @BeforeAll
    void bootLinux() {
        world = World.LINUX;
    }

    @AfterAll
    void remove() {
        namespace.close();
    }

    private void ip(String... words) {
        try {
            String[] command = new String[words.length + 1];
            command[0] = "ip";
            System.arraycopy(words, 0, command, 1, words.length);
            namespace.run(command);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    int openTap() {
        LinuxOs linux = (LinuxOs) os;
        return configured(linux.within(namespace.path(), () -> linux.openTap(TAP)));
    }

    @Override
    int openOffloadTap() {
        LinuxOs linux = (LinuxOs) os;
        return configured(linux.within(namespace.path(), () -> linux.openOffloadTap(TAP)));
    }

    private int configured(int fd) {
        own(fd);
        ip("address", "add", "10.99.0.1/24", "dev", TAP);
        setUp(true);
        return fd;
    }

    @Override
    void setUp(boolean up) {
        ip("link", "set", TAP, up ? "up" : "down");
        if (up) {
            ip("route", "replace", "239.0.0.0/8", "dev", TAP);
        }
    }

    @Override
    void stackSends(int payload) {
        LinuxOs linux = (LinuxOs) os;
        int fd = own(linux.within(namespace.path(), () -> linux.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0)));
        assertThat(calls.connect(fd, GROUP, 9)).isZero();
        assertThat(calls.send(fd, new byte[payload])).isEqualTo(payload);
        close(fd);
    }
}

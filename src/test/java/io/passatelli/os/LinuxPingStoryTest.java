package io.passatelli.os;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;

import java.io.IOException;

@Tag("netns")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LinuxPingStoryTest extends PingStory {
    private final StoryNamespace namespace;

    LinuxPingStoryTest() throws IOException, InterruptedException {
        namespace = new StoryNamespace("ping");
    }

    @BeforeAll
    void bootLinux() {
        world = World.LINUX;
    }

    @AfterAll
    void remove() throws IOException, InterruptedException {
        namespace.remove();
    }

    @Override
    int pingSocket(int family, int protocol) {
        return ((LinuxOs) os).within(namespace.path(), () -> os.socket(family, Socket.SOCK_DGRAM, protocol));
    }
}

package io.passatelli.os;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

/** A peer may pass descriptors over a UNIX socket, unix(7): nobody here wants them. */
class PassedDescriptorsTest {
    private static final int SCM_RIGHTS = 1;
    private static final int CMSG_LEN = 20;

    private final LinuxOs os = new LinuxOs();

    @Test
    void aReadEndsBehindThemSaysSoAndKeepsNone(@TempDir Path directory) {
        UnixPair pair = UnixPair.connect(os, directory.resolve("s"));
        UnixPair other = UnixPair.connect(os, directory.resolve("other"));
        IoVec ten = new IoVec(1);
        ten.add(Arena.global().allocate(10), 0, 10);
        assertThat(sendWith(pair.here(), ten, other.here())).isEqualTo(10);
        assertThat(os.close(other.here())).isZero();
        assertThat(os.sendmsg(pair.here(), ten, 0)).isEqualTo(10);
        IoVec all = new IoVec(1);
        all.add(Arena.global().allocate(100), 0, 100);
        assertThat(os.recvmsg(other.there(), all, 0)).isEqualTo(-Errno.EAGAIN); // its end is under way
        assertThat(os.recvmsg(pair.there(), all, 0)).isEqualTo(10); // of the twenty that are there
        assertThat(all.isControlCut()).isTrue();
        assertThat(os.recvmsg(other.there(), ten, 0)).isZero();
        assertThat(os.recvmsg(pair.there(), all, 0, new SockAddr())).isEqualTo(10);
        assertThat(all.isControlCut()).isFalse();
        assertThat(os.recvmsg(pair.there(), all, Socket.MSG_DONTWAIT)).isEqualTo(-Errno.EAGAIN);
        assertThat(all.isControlCut()).isFalse();
        assertThat(os.close(other.there())).isZero();
        pair.close(os);
    }

    private static long sendWith(int fd, IoVec bytes, int passed) {
        MemorySegment control = Arena.global().allocate(24, 8); // struct cmsghdr
        control.set(JAVA_LONG, 0, CMSG_LEN);
        control.set(JAVA_INT, 8, Socket.SOL_SOCKET);
        control.set(JAVA_INT, 12, SCM_RIGHTS);
        control.set(JAVA_INT, 16, passed);
        MemorySegment header = Arena.global().allocate(Msg.SIZE, 8);
        header.set(JAVA_LONG, Msg.MSG_IOV, bytes.address());
        header.set(JAVA_LONG, Msg.MSG_IOVLEN, bytes.count());
        header.set(JAVA_LONG, Msg.MSG_CONTROL, control.address());
        header.set(JAVA_LONG, Msg.MSG_CONTROLLEN, control.byteSize());
        return LibC.callLong(LibC.function("sendmsg"), fd, header.address(), 0, 0, 0, 0);
    }
}

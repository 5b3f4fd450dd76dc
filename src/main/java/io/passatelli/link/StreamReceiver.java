package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Ethernet;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The receiving half of a stream link: one buffer that each read fills with as many frames as there are, handed out where they lie. A frame is
 * a length, 4 bytes, big-endian, and that many bytes (QEMU, net/stream.c and net/socket.c). Bytes {@code begin} to {@code end} are not looked
 * at yet; they change place only in {@link #read}, when no frame is with the caller.
 */
@HotPath
final class StreamReceiver {
    /** Bytes of the length ahead of each frame. */
    static final int PREFIX = 4;

    static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final int FRAME_ROOM = PREFIX + Limits.FRAME_BYTES;

    private final MemorySegment buffer = Arena.ofAuto().allocate(Limits.STREAM_BUFFER_BYTES + FRAME_ROOM, 64);
    private final int capacity = (int) buffer.byteSize();
    private final IoVec room = new IoVec(1);
    private final Counters counters;
    private int begin;
    private int end;
    private int skip;
    private boolean lost;
    private int lostLength;
    private boolean drained;

    StreamReceiver(Counters counters) {
        this.counters = counters;
    }

    /** Forgets all, for the next client. */
    void reset() {
        begin = 0;
        end = 0;
        skip = 0;
        lost = false;
        drained = false;
    }

    /** Whether a length came that no frame has: what follows cannot be told apart any more. */
    boolean isLost() {
        return lost;
    }

    /** The length of which {@link #isLost} speaks, unsigned. */
    int lostLength() {
        return lostLength;
    }

    /**
     * Whether the last read took all that the socket had: then epoll tells of more. A short read says so of a stream (epoll(7), Q9), unless it
     * ended behind descriptors that the peer passed.
     */
    boolean isDrained() {
        return drained;
    }

    /** Adds whole frames to {@code batch}, until it is full or none is left. */
    void take(RxBatch batch) {
        while (!batch.isFull() && !lost) {
            if (skip > 0) {
                int n = Math.min(skip, end - begin);
                begin += n;
                skip -= n;
            }
            if (end - begin < PREFIX) {
                return;
            }
            int length = buffer.get(LENGTH, begin);
            if (length < Ethernet.LENGTH || length > Limits.FRAME_BYTES) {
                refuse(length);
                continue;
            }
            if (end - begin - PREFIX < length) {
                return;
            }
            batch.add(buffer, begin + PREFIX, length);
            begin += PREFIX + length;
        }
    }

    /** A length that is only wrong is skipped, and framing goes on; one that is absurd ends it. Above 2³¹ it reads as negative here. */
    private void refuse(int length) {
        counters.count(Drop.LINK_BAD_LENGTH);
        if (length < 0 || length > Limits.STREAM_SKIP_BYTES) {
            lost = true;
            lostLength = length;
            return;
        }
        begin += PREFIX;
        skip = length;
    }

    /** Reads once. Returns the bytes, 0 at the end of the stream, or {@code -errno}. No frame is with the caller. */
    long read(Os os, int fd) {
        makeRoom();
        int most = capacity - end;
        room.clear();
        room.add(buffer, end, most);
        long n = os.recvmsg(fd, room, Socket.MSG_DONTWAIT);
        if (n > 0) {
            end += (int) n;
        }
        drained = n < most && !room.isControlCut();
        return n;
    }

    /** Room for the rest of any frame, and near the front where that is cheap; no byte is moved twice before its frame is whole. */
    private void makeRoom() {
        int left = end - begin;
        if (left == 0) {
            begin = 0;
            end = 0;
            return;
        }
        if (begin > 0 && (left <= Limits.STREAM_MOVE_BYTES || capacity - end < FRAME_ROOM)) {
            MemorySegment.copy(buffer, begin, buffer, 0, left);
            begin = 0;
            end = left;
        }
    }
}

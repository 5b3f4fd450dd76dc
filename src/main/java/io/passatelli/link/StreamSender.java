package io.passatelli.link;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/**
 * The sending half of a stream link. Three kinds of bytes, in the order in which they leave: the <i>rest</i> of a frame of which the socket took
 * a part, where it lies in its slot; the <i>queue</i> of control frames; the frames of the reservation under way. While there is a rest, or
 * part of the queue was refused, the sender is <i>blocked</i>: nothing is reserved, so slots always begin at the front of their memory.
 */
@HotPath
final class StreamSender {
    private static final int PREFIX = StreamReceiver.PREFIX;
    private static final int SLOT_MIN = PREFIX + Limits.FRAME_MIN_BYTES;
    private static final int FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;

    private final MemorySegment slots =
            Arena.ofAuto().allocate(Limits.STREAM_BUFFER_BYTES + PREFIX + Limits.FRAME_BYTES, 64);
    private final MemorySegment queue = Arena.ofAuto().allocate(Limits.STREAM_CONTROL_BYTES, 64);
    /** The rest, the queue, and of each frame its head and its borrowed payload. */
    private final IoVec out = new IoVec(2 + 2 * Limits.TX_BATCH_FRAMES);

    private long restAt;
    private int restLength;
    private int queueBegin;
    private int queueEnd;
    private boolean blocked;
    private boolean starved;

    /** Forgets all, for the next client. */
    void reset() {
        restLength = 0;
        queueBegin = 0;
        queueEnd = 0;
        blocked = false;
        starved = false;
    }

    /** Whether the socket did not take all when it was last tried. */
    boolean isBlocked() {
        return blocked;
    }

    /** Whether that was for want of memory in the kernel: then epoll does not tell when it takes more. */
    boolean isStarved() {
        return starved;
    }

    boolean isEmpty() {
        return restLength == 0 && queueBegin == queueEnd;
    }

    int reserve(TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        assert headerBytes > 0 && headerBytes + payloadEach <= Limits.FRAME_BYTES : payloadEach;
        batch.clear();
        if (blocked) {
            return 0;
        }
        int slot = Math.max(PREFIX + headerBytes + payloadEach, SLOT_MIN);
        int most = (int) Math.min(Math.min(wanted, Limits.TX_BATCH_FRAMES), slots.byteSize() / slot);
        int count = Math.min(most, batch.capacity());
        long at = PREFIX;
        for (int i = 0; i < count; i++) {
            batch.add(slots, at, headerBytes, payloadEach);
            batch.payload().add(slots, at + headerBytes, payloadEach);
            at += slot;
        }
        return count;
    }

    /** Sends what waits and the first {@code n} frames of {@code batch} in one call. Returns the frames taken, or {@code -errno}. */
    int commit(Os os, int fd, TxBatch batch, int n) {
        if (blocked || n == 0) {
            return 0;
        }
        out.clear();
        int waiting = addWaiting();
        for (int i = 0; i < n; i++) {
            addFrame(batch, i);
        }
        long total = out.total();
        long left = send(os, fd);
        if (left < 0) {
            return (int) left;
        }
        blocked = left < total;
        advance((int) Math.min(left, waiting));
        left -= waiting;
        for (int i = 0; i < n; i++) {
            if (left <= 0) {
                return i;
            }
            int whole = PREFIX + Math.max(batch.length(i), Limits.FRAME_MIN_BYTES);
            if (left < whole) {
                keepRest(batch, i, (int) left);
                return i + 1;
            }
            left -= whole;
        }
        return n;
    }

    /** Copies a frame behind the others of the queue; false if it has no room there. */
    boolean control(MemorySegment segment, long at, int length) {
        int padded = Math.max(length, Limits.FRAME_MIN_BYTES);
        if (queue.byteSize() - queueEnd < PREFIX + padded && !closeGap(PREFIX + padded)) {
            return false;
        }
        queue.set(StreamReceiver.LENGTH, queueEnd, padded);
        MemorySegment.copy(segment, at, queue, queueEnd + PREFIX, length);
        for (int i = length; i < padded; i++) {
            queue.set(JAVA_BYTE, queueEnd + PREFIX + i, (byte) 0);
        }
        queueEnd += PREFIX + padded;
        return true;
    }

    /** Sends what waits. Returns 0, or {@code -errno}; a full socket is no error. */
    int flush(Os os, int fd) {
        out.clear();
        int waiting = addWaiting();
        if (waiting == 0) {
            blocked = false;
            starved = false;
            return 0;
        }
        long sent = send(os, fd);
        if (sent < 0) {
            return (int) sent;
        }
        blocked = sent < waiting;
        advance((int) sent);
        return 0;
    }

    /** Bytes of {@link #out} that left, 0 where none can now, or {@code -errno} where none ever will. */
    private long send(Os os, int fd) {
        long sent = os.sendmsg(fd, out, FLAGS);
        starved = sent == -Errno.ENOBUFS || sent == -Errno.ENOMEM;
        return starved || sent == -Errno.EAGAIN ? 0 : sent;
    }

    private int addWaiting() {
        out.add(slots, restAt, restLength);
        out.add(queue, queueBegin, queueEnd - queueBegin);
        return restLength + queueEnd - queueBegin;
    }

    private void addFrame(TxBatch batch, int i) {
        long at = batch.headerAt(i);
        int length = batch.length(i);
        int padded = Math.max(length, Limits.FRAME_MIN_BYTES);
        slots.set(StreamReceiver.LENGTH, at - PREFIX, padded);
        if (batch.isBorrowed(i) && padded == length) {
            int header = batch.headerLength(i);
            out.add(slots, at - PREFIX, PREFIX + header);
            out.add(batch.borrowed(i), batch.borrowedAt(i), length - header);
            return;
        }
        if (batch.isBorrowed(i)) {
            copyBorrowed(batch, i, 0);
        }
        for (int k = length; k < padded; k++) {
            slots.set(JAVA_BYTE, at + k, (byte) 0);
        }
        out.add(slots, at - PREFIX, PREFIX + padded);
    }

    /** {@code sent} bytes of what waited have left. */
    private void advance(int sent) {
        int ofRest = Math.min(sent, restLength);
        restAt += ofRest;
        restLength -= ofRest;
        queueBegin += sent - ofRest;
        if (queueBegin == queueEnd) {
            queueBegin = 0;
            queueEnd = 0;
        }
    }

    /** The socket took {@code sent} bytes of frame {@code i}: the others stay in its slot, also those that were only borrowed. */
    private void keepRest(TxBatch batch, int i, int sent) {
        assert restLength == 0 : restLength;
        if (batch.isBorrowed(i)) {
            copyBorrowed(batch, i, sent);
        }
        restAt = batch.headerAt(i) - PREFIX + sent;
        restLength = PREFIX + Math.max(batch.length(i), Limits.FRAME_MIN_BYTES) - sent;
    }

    /** Copies what follows the first {@code sent} bytes, prefix and header among them, of a frame's borrowed payload into its slot. */
    private void copyBorrowed(TxBatch batch, int i, int sent) {
        int header = batch.headerLength(i);
        int payload = batch.length(i) - header;
        int from = Math.clamp(sent - PREFIX - header, 0, payload);
        long to = batch.headerAt(i) + header + from;
        MemorySegment.copy(batch.borrowed(i), batch.borrowedAt(i) + from, slots, to, payload - from);
    }

    /** Moves the queue to the front of its memory; whether {@code wanted} bytes fit then. */
    private boolean closeGap(int wanted) {
        int length = queueEnd - queueBegin;
        if (queueBegin == 0 || queue.byteSize() - length < wanted) {
            return false;
        }
        MemorySegment.copy(queue, queueBegin, queue, 0, length);
        queueBegin = 0;
        queueEnd = length;
        return true;
    }
}

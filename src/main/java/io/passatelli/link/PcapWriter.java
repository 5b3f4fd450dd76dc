package io.passatelli.link;

import io.passatelli.base.Clock;
import io.passatelli.base.HotPath;
import io.passatelli.base.IoReason;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.wire.Frame;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Set;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

/**
 * A file of frames, in the classic format of libpcap (pcap-savefile(5)): native byte order, microseconds, Ethernet. Frames are gathered and written
 * once a turn, or when the buffer is full. Opened on any thread, then used by one: the loop's.
 *
 * <p>Frames are recorded as they were received or taken from the caller: without padding, segments to be cut by the receiver uncut, and a checksum
 * that the receiver is to finish as it is, for readers to call wrong; tcpdump shows the same where a network card does that work. When the file
 * has its size, or cannot be written any more, it ends by itself, and says so.
 */
public final class PcapWriter {
    private static final int MAGIC = 0xa1b2c3d4;
    private static final short VERSION_MAJOR = 2;
    private static final short VERSION_MINOR = 4;
    private static final int LINKTYPE_ETHERNET = 1;
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final long NS_PER_S = 1_000_000_000;

    private final Path file;
    private final FileChannel channel;
    private final CaptureFilter filter;
    private final long mostBytes;
    private final Log log;
    /** From the loop's time to the time of day, ns. */
    private final long wallOffsetNs;

    private final MemorySegment buffer;
    private final ByteBuffer bytes;
    private int end;
    private long recordAt;
    private boolean open = true;
    private String ending = "";
    private long frameCount;
    private long byteCount;

    /** What a file has, and {@code mostBytes} of it at most. */
    private record Content(CaptureFilter filter, long mostBytes) {}

    private PcapWriter(
            Path file, Content content, MemorySegment buffer, Clock clock, Log log, Set<? extends OpenOption> options)
            throws IOException {
        this.file = file;
        this.log = log;
        this.buffer = buffer;
        filter = content.filter();
        mostBytes = content.mostBytes();
        bytes = buffer.asByteBuffer();
        wallOffsetNs = ChronoUnit.NANOS.between(Instant.EPOCH, Instant.now()) - clock.nowNs();
        channel = FileChannel.open(
                file, options, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }

    /** Of all frames, without a bound, into {@code file}: emptied if it is there, else made for its owner only. */
    static PcapWriter overwrite(Path file, Clock clock, Log log) throws IOException {
        Set<StandardOpenOption> options =
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING);
        return open(file, new Content(CaptureFilter.ALL, Long.MAX_VALUE), newBuffer(), clock, log, options);
    }

    /**
     * Of frames that {@code filter} admits, into {@code file}, which is made for its owner only and must not be there, be it as a link; at most
     * {@code mostBytes}. {@code buffer} is from {@link #newBuffer}, and this one's until {@link #close}.
     */
    public static PcapWriter create(
            Path file, CaptureFilter filter, long mostBytes, MemorySegment buffer, Clock clock, Log log)
            throws IOException {
        Set<StandardOpenOption> options = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        PcapWriter made = open(file, new Content(filter, mostBytes), buffer, clock, log, options);
        if (!made.open) {
            made.discard();
            throw new IOException("cannot capture to '" + file + "': " + made.ending);
        }
        return made;
    }

    /** Memory in which frames are gathered, for one writer at a time. */
    public static MemorySegment newBuffer() {
        return Arena.ofAuto().allocate(Limits.PCAP_BUFFER_BYTES, 8);
    }

    private static PcapWriter open(
            Path file, Content content, MemorySegment buffer, Clock clock, Log log, Set<? extends OpenOption> options)
            throws IOException {
        try {
            PcapWriter made = new PcapWriter(file, content, buffer, clock, log, options);
            made.writeFileHeader();
            return made;
        } catch (IOException e) {
            throw new IOException("cannot capture to '" + file + "': " + IoReason.of(e), e);
        }
    }

    private void writeFileHeader() {
        buffer.set(JAVA_INT_UNALIGNED, 0, MAGIC);
        buffer.set(JAVA_SHORT_UNALIGNED, 4, VERSION_MAJOR);
        buffer.set(JAVA_SHORT_UNALIGNED, 6, VERSION_MINOR);
        buffer.set(JAVA_INT_UNALIGNED, 8, 0); // time zone: UTC
        buffer.set(JAVA_INT_UNALIGNED, 12, 0); // accuracy: not told
        buffer.set(JAVA_INT_UNALIGNED, 16, Limits.FRAME_BYTES);
        buffer.set(JAVA_INT_UNALIGNED, 20, LINKTYPE_ETHERNET);
        end = FILE_HEADER_BYTES;
        byteCount = FILE_HEADER_BYTES;
        spill();
    }

    public Path file() {
        return file;
    }

    /** Whether frames are still recorded. */
    @HotPath
    public boolean isOpen() {
        return open;
    }

    /** Why it ended by itself; empty if it did not. */
    public String ending() {
        return ending;
    }

    /** Frames recorded so far. */
    public long frameCount() {
        return frameCount;
    }

    /** Length of the file, with what is gathered for it, bytes. */
    public long byteCount() {
        return byteCount;
    }

    /** The first {@code count} frames of {@code batch} came from the guest. */
    @HotPath
    public void received(RxBatch batch, int count, long nowNs) {
        for (int i = 0; i < count && open; i++) {
            Frame f = batch.frame(i);
            if (filter.admits(f.bytes(), f.l2(), f.contiguous()) && begin(f.length(), nowNs)) {
                batch.copy(i, 0, f.length(), buffer, recordAt);
            }
        }
    }

    /** The first {@code count} frames of {@code batch} went to the guest. */
    @HotPath
    public void sent(TxBatch batch, int count, long nowNs) {
        for (int i = 0; i < count && open; i++) {
            int length = batch.length(i);
            if (filter.admits(batch.header(i), batch.headerAt(i), batch.headerLength(i)) && begin(length, nowNs)) {
                batch.copy(i, 0, length, buffer, recordAt);
            }
        }
    }

    /** A frame of {@code length} bytes went to the guest. */
    @HotPath
    public void sent(MemorySegment segment, long at, int length, long nowNs) {
        if (open && filter.admits(segment, at, length) && begin(length, nowNs)) {
            MemorySegment.copy(segment, at, buffer, recordAt, length);
        }
    }

    /** Writes the header of a record; its {@code length} bytes are to be put at {@link #recordAt}. False: it has ended. */
    @HotPath
    private boolean begin(int length, long nowNs) {
        int whole = RECORD_HEADER_BYTES + length;
        if (byteCount + whole > mostBytes) {
            endFull();
            return false;
        }
        if (buffer.byteSize() - end < whole) {
            spill();
        }
        long wallNs = nowNs + wallOffsetNs;
        buffer.set(JAVA_INT_UNALIGNED, end, (int) (wallNs / NS_PER_S));
        buffer.set(JAVA_INT_UNALIGNED, end + 4, (int) (wallNs % NS_PER_S / 1_000));
        buffer.set(JAVA_INT_UNALIGNED, end + 8, length);
        buffer.set(JAVA_INT_UNALIGNED, end + 12, length);
        recordAt = (long) end + RECORD_HEADER_BYTES;
        end += whole;
        byteCount += whole;
        frameCount++;
        return true;
    }

    /** Empties the buffer into the file. */
    @HotPath
    public void spill() {
        if (end == 0 || !open) {
            return;
        }
        bytes.clear().limit(end);
        end = 0;
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            endFailed(e);
        }
    }

    private void endFull() {
        spill();
        if (open) {
            open = false;
            ending = "the next frame would make it longer than " + mostBytes + " bytes";
            log.warn("capturing to '" + file + "' ended: " + ending);
        }
    }

    private void endFailed(IOException e) {
        open = false;
        ending = IoReason.of(e);
        log.error("capturing to '" + file + "' ended: " + ending);
    }

    /** Writes what is gathered, and closes the file. */
    public void close() {
        spill();
        open = false;
        try {
            channel.close();
        } catch (IOException e) {
            log.error("the capture '" + file + "' may be incomplete: " + IoReason.of(e));
        }
    }

    /** Closes the file, which was made in vain, and removes it. */
    public void discard() {
        open = false;
        try {
            channel.close();
            Files.deleteIfExists(file);
        } catch (IOException e) {
            log.warn("the empty capture '" + file + "' stays: " + IoReason.of(e));
        }
    }
}

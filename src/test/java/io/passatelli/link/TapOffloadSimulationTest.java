package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Tap;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;
import io.passatelli.os.sim.SimTap;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** What is left to do about a frame goes through a tap link, either way, and what makes no sense goes no further. */
class TapOffloadSimulationTest {
    private static final int IP4 = 0x0800;
    private static final int IP6 = 0x86dd;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int HEADER = 54;

    private final SimClock clock = new SimClock();
    private final SimOs os = new SimOs(clock, Chooser.seeded(1));
    private final Counters counters = new Counters();
    private final EventLoop loop = new EventLoop(os, clock, Log.silent());
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);
    private final SimTap guest = os.tap("tap0");
    private final TapLink link = new TapLink(os, Tap.open(os, "", "tap0"), counters);
    private final Ear ear = new Ear();

    /** Keeps what was left to us too. */
    private static final class Ear extends LinkEar {
        final List<Offload> offloads = new ArrayList<>();

        @Override
        public void onReadable(int queue, long nowNs) {
            super.onReadable(queue, nowNs);
            for (int i = 0; i < batch.count(); i++) {
                Offload copy = new Offload();
                copy.set(batch.frame(i).offload());
                offloads.add(copy);
            }
        }
    }

    @BeforeEach
    void bind() {
        ear.link = link;
        link.bind(loop, ear);
        turns();
    }

    @AfterEach
    void close() {
        link.close();
        assertThat(loop.invariantViolations()).isZero();
        loop.close();
        assertThat(os.openDescriptors()).isZero();
    }

    private static Offload offload(int flags, int gsoType, int gsoSize, int csumStart, int csumOffset) {
        Offload o = new Offload();
        o.flags = flags;
        o.gsoType = gsoType;
        o.hdrLen = gsoType == 0 ? 0 : csumStart + 20;
        o.gsoSize = gsoSize;
        o.csumStart = csumStart;
        o.csumOffset = csumOffset;
        return o;
    }

    /** Made-up bytes with as much of IP's header as is looked at. */
    private static byte[] packet(int etherType, int protocol, int length) {
        ByteBuffer packet = ByteBuffer.wrap(Frames.frame(length, protocol)).putShort(12, (short) etherType);
        if (etherType == IP4) {
            packet.put(14, (byte) 0x45).put(23, (byte) protocol);
        } else {
            packet.put(14, (byte) 0x60).put(20, (byte) protocol);
        }
        return packet.array();
    }

    private void turns() {
        do {
            loop.turn(0);
        } while (!loop.ready().isEmpty());
    }

    @Test
    void workLeftToUsComesWithItsFrame() {
        List<Offload> left = List.of(
                offload(Offload.NEEDS_CSUM, Offload.GSO_TCPV4, 1_448, 34, 16),
                offload(0, 0, 0, 0, 0),
                offload(Offload.NEEDS_CSUM, Offload.GSO_TCPV6, 1_428, 54, 16),
                offload(Offload.NEEDS_CSUM, 0, 0, 34, 6),
                offload(Offload.NEEDS_CSUM, 0, 0, 54, 16),
                offload(Offload.DATA_VALID, Offload.GSO_TCPV4, 536, 0, 0));
        List<byte[]> frames = List.of(
                packet(IP4, TCP, 65_226),
                packet(IP4, UDP, 100),
                packet(IP6, TCP, 40_000),
                packet(IP4, UDP, 60),
                packet(IP6, TCP, 74),
                packet(IP4, TCP, 3_000));
        for (int i = 0; i < left.size(); i++) {
            guest.inject(left.get(i), frames.get(i));
        }
        turns();
        assertThat(ear.frames).containsExactlyElementsOf(frames);
        assertThat(ear.offloads).usingRecursiveFieldByFieldElementComparator().containsExactlyElementsOf(left);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 0, 0, 13, 6", // in the Ethernet header
        "1, 0, 0, 99, 0", // half of it behind the end
        "1, 0, 0, 65535, 65535",
        "1, 1, 0, 34, 16", // no size
        "0, 1, 1448, 34, 16", // segments of unknown checksums
        "1, 129, 1448, 34, 16", // ECN
        "1, 3, 1448, 34, 6", // UDP fragments
        "1, 5, 1448, 34, 6", // UDP segments
        "1, 77, 1448, 34, 16",
    })
    void nonsenseIsCountedAndTheOthersCome(int flags, int gsoType, int gsoSize, int csumStart, int csumOffset) {
        byte[] bad = packet(IP4, TCP, 100);
        byte[] good = packet(IP4, UDP, 61);
        guest.inject(good);
        guest.inject(offload(flags, gsoType, gsoSize, csumStart, csumOffset), bad);
        guest.inject(good);
        turns();
        assertThat(ear.frames).containsExactly(good, good);
        assertThat(counters.of(Drop.LINK_BAD_OFFLOAD)).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({
        "2048, 17, 84, 6", // UDP in VXLAN
        "2048, 17, 84, 16", // TCP in VXLAN
        "2048, 17, 34, 16", // not where UDP has it
        "2048, 1, 34, 2",
        "34525, 58, 54, 2",
        "34525, 0, 62, 6", // behind an extension header
        "34998, 0, 34, 16", // not IP at all
        "2048, 17, 14, 10",
        "2048, 17, 117, 1" // an odd place, at the very end
    })
    void aChecksumThatTranslatorsDoNotKnowOfIsFinished(int etherType, int protocol, int csumStart, int csumOffset) {
        byte[] frame = packet(etherType, protocol, 120);
        guest.inject(offload(Offload.NEEDS_CSUM, 0, 0, csumStart, csumOffset), frame);
        turns();
        MemorySegment before = Frames.inMemory(frame);
        int expected = Checksum.of(Checksum.sum(before, csumStart, 120 - csumStart));
        ByteBuffer.wrap(frame).putShort(csumStart + csumOffset, (short) expected);
        assertThat(ear.frames).containsExactly(frame);
        assertThat(ear.offloads.getFirst().flags).isZero();
    }

    @Test
    void aFinishedChecksumIsNeverZero() {
        byte[] frame = packet(IP4, UDP, 100);
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        bytes.putShort(90, (short) 0);
        int rest = Checksum.sum(Frames.inMemory(frame), 84, 16);
        bytes.putShort(90, (short) Checksum.of(rest)); // the whole sums up to 0xffff
        guest.inject(offload(Offload.NEEDS_CSUM, 0, 0, 84, 6), frame);
        turns();
        assertThat(ByteBuffer.wrap(ear.frames.getFirst()).getShort(90)).isEqualTo((short) 0xffff);
    }

    @Test
    void workLeftToTheStackGoesWithItsFrame() {
        Offload tso = offload(Offload.NEEDS_CSUM, Offload.GSO_TCPV4, 1_448, 34, 16);
        Offload csum = offload(Offload.NEEDS_CSUM, 0, 0, 34, 6);
        byte[] first = packet(IP4, TCP, 40_000);
        byte[] second = packet(IP4, UDP, 70);
        assertThat(link.reserve(0, batch, 3, HEADER, 50_000)).isEqualTo(3);
        Frames.fill(batch, 0, first);
        batch.offload(0).set(tso);
        MemorySegment lent = Frames.inMemory(first);
        MemorySegment.copy(lent, 0, batch.header(1), batch.headerAt(1), HEADER);
        batch.borrow(1, lent, HEADER, first.length - HEADER);
        batch.offload(1).set(tso);
        Frames.fill(batch, 2, second);
        assertThat(link.commit(0, batch, 3)).isEqualTo(3);
        assertThat(link.control(0, Frames.inMemory(second), 0, second.length, csum))
                .isTrue();
        assertThat(guest.takeFrames()).containsExactly(first, first, second, second);
        assertThat(guest.takeOffloads())
                .usingRecursiveFieldByFieldElementComparator()
                .containsExactly(tso, tso, new Offload(), csum);
    }

    @Test
    void aFrameWhoseWorkTheStackRefusesIsLostAlone() {
        byte[] frame = packet(IP4, TCP, 4_000);
        assertThat(link.reserve(0, batch, 2, HEADER, 4_000)).isEqualTo(2);
        Frames.fill(batch, 0, frame);
        batch.offload(0).set(offload(Offload.NEEDS_CSUM, Offload.GSO_TCPV4, 0, 34, 16));
        Frames.fill(batch, 1, frame);
        batch.offload(1).set(offload(Offload.NEEDS_CSUM, Offload.GSO_TCPV4, 1_448, 34, 16));
        assertThat(link.commit(0, batch, 2)).isEqualTo(2);
        assertThat(guest.takeFrames()).containsExactly(frame);
        assertThat(counters.of(Drop.LINK_BAD_OFFLOAD)).isEqualTo(1);
    }

    @Test
    void eightOfTheLargestFramesAreReservedAtOnce() {
        assertThat(link.reserve(0, batch, 64, HEADER, Limits.FRAME_BYTES - HEADER))
                .isEqualTo(8);
        assertThat(link.commit(0, batch, 0)).isZero();
    }
}

package io.passatelli.host;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.base.Mac;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class NeighbourWatchTest implements NeighbourWatch.Listener {
    private static final int REACHABLE = 2;
    private static final int FAILED = 0x20;

    private final List<String> heard = new ArrayList<>();
    private final EventLoop loop = new EventLoop(new LinuxOs(), Clock.system(), Log.silent());
    private final NeighbourWatch watch = NeighbourWatch.start(loop, this);

    NeighbourWatchTest() throws IOException {}

    @Override
    public void onNeighbour(int interfaceIndex, long high, long low, long mac) {
        heard.add(new Ip(high, low) + on(interfaceIndex) + " at " + new Mac(mac));
    }

    @Override
    public void onGone(int interfaceIndex, long high, long low) {
        heard.add(new Ip(high, low) + on(interfaceIndex) + " gone");
    }

    private static String on(int interfaceIndex) {
        return interfaceIndex == 2 ? "" : " on " + interfaceIndex;
    }

    @BeforeEach
    void forgetTheMachinesOwn() {
        loop.turn(0);
        heard.clear();
    }

    @AfterEach
    void close() {
        watch.close();
        loop.close();
    }

    @Test
    void comingMovingAndGoingAreHeard() {
        watch.take(datagram(
                message(NeighbourWatch.RTM_NEWNEIGH, 2, REACHABLE, "0a4d0003", "021122334455"),
                message(NeighbourWatch.RTM_NEWNEIGH, 2, REACHABLE, "0a4d0004", "021122334466"),
                message(NeighbourWatch.RTM_DELNEIGH, 2, REACHABLE, "0a4d0003", "021122334455"),
                message(NeighbourWatch.RTM_NEWNEIGH, 2, FAILED, "0a4d0004", "")));
        assertThat(heard)
                .containsExactly(
                        "10.77.0.3 at 02:11:22:33:44:55",
                        "10.77.0.4 at 02:11:22:33:44:66",
                        "10.77.0.3 gone",
                        "10.77.0.4 gone");
    }

    @Test
    void whatHasNoHostsMacIsNoNeighbour() {
        watch.take(datagram(
                message(NeighbourWatch.RTM_NEWNEIGH, 2, REACHABLE, "0a4d0003", "01005e000001"),
                message(NeighbourWatch.RTM_NEWNEIGH, 2, REACHABLE, "0a4d0003", "000000000000"),
                message(NeighbourWatch.RTM_NEWNEIGH, 2, REACHABLE, "0a4d0003", "0a4d0001")));
        assertThat(heard).containsExactly("10.77.0.3 gone", "10.77.0.3 gone", "10.77.0.3 gone");
    }

    @Test
    void neighboursOfIpv6AreHeardWithTheLinkTheyAreOn() {
        String linkLocal = "fe800000000000000000000000000003";
        byte[] elsewhere = message(NeighbourWatch.RTM_NEWNEIGH, 10, REACHABLE, linkLocal, "021122334466");
        ByteBuffer.wrap(elsewhere).order(ByteOrder.nativeOrder()).putInt(20, 7);
        watch.take(datagram(
                message(NeighbourWatch.RTM_NEWNEIGH, 10, REACHABLE, linkLocal, "021122334455"),
                elsewhere,
                message(NeighbourWatch.RTM_NEWNEIGH, 10, REACHABLE, "fd770000000000000000000000000003", "021122334455"),
                message(NeighbourWatch.RTM_DELNEIGH, 10, REACHABLE, linkLocal, "021122334455"),
                message(NeighbourWatch.RTM_NEWNEIGH, 10, 0x40, "ff020000000000000000000000000001", "333300000001")));
        assertThat(heard)
                .containsExactly(
                        "fe80::3 at 02:11:22:33:44:55",
                        "fe80::3 on 7 at 02:11:22:33:44:66",
                        "fd77::3 at 02:11:22:33:44:55",
                        "fe80::3 gone",
                        "ff02::1 gone");
    }

    @Test
    void otherFamiliesAndOtherMessagesAreNotHeard() {
        watch.take(datagram(
                message(NeighbourWatch.RTM_NEWNEIGH, 10, REACHABLE, "0a4d0003", "021122334455"),
                message(NeighbourWatch.RTM_NEWNEIGH, 7, REACHABLE, "0a4d0003", "021122334455"),
                message(RtNetlink.RTM_NEWADDR, 2, REACHABLE, "0a4d0003", "021122334455")));
        assertThat(heard).isEmpty();
    }

    @Test
    void everyTruncationIsSurvived() {
        ByteBuffer whole = datagram(message(NeighbourWatch.RTM_NEWNEIGH, 2, REACHABLE, "0a4d0003", "021122334455"));
        for (int length = 0; length < whole.limit(); length++) {
            watch.take(whole.slice(0, length));
            for (int says = 0; says <= length; says++) {
                ByteBuffer lying =
                        ByteBuffer.allocate(length).put(whole.slice(0, length)).flip();
                if (length >= 4) {
                    lying.order(ByteOrder.nativeOrder()).putInt(0, says);
                }
                watch.take(lying);
            }
        }
        assertThat(heard).allMatch(line -> line.startsWith("10.77.0.3 "));
    }

    private static byte[] message(int type, int family, int state, String address, String mac) {
        byte[] dst = HexFormat.of().parseHex(address);
        byte[] lladdr = HexFormat.of().parseHex(mac);
        ByteBuffer out = ByteBuffer.allocate(128).order(ByteOrder.nativeOrder());
        out.position(4);
        out.putShort((short) type).putShort((short) 0).putInt(0).putInt(0);
        out.put((byte) family).position(20);
        out.putInt(2).putShort((short) state).putShort((short) 0);
        attribute(out, 1, dst);
        if (lladdr.length > 0) {
            attribute(out, 2, lladdr);
        }
        out.putInt(0, out.position());
        byte[] bytes = new byte[out.position()];
        out.get(0, bytes);
        return bytes;
    }

    private static void attribute(ByteBuffer out, int type, byte[] value) {
        int at = out.position();
        out.putShort((short) (4 + value.length)).putShort((short) type).put(value);
        out.position(at + (4 + value.length + 3 & ~3));
    }

    private static ByteBuffer datagram(byte[]... messages) {
        ByteBuffer out = ByteBuffer.allocate(1_024);
        for (byte[] message : messages) {
            out.put(message);
        }
        return out.flip();
    }
}

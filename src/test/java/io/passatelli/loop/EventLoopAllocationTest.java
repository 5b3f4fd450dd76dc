package io.passatelli.loop;

import io.passatelli.base.Allocation;
import io.passatelli.base.Log;
import io.passatelli.base.TimerWheel;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import org.junit.jupiter.api.Test;

import static io.passatelli.base.TimerWheel.TICK_NS;
import static org.assertj.core.api.Assertions.assertThat;

/** A turn with events, a timer, a visit, a command and an end-of-turn action allocates nothing. */
class EventLoopAllocationTest {
    private static final int TURNS = 100_000;

    private long clockNs;
    private long work;
    private final Busy os = new Busy();
    private final EventLoop loop = new EventLoop(os, () -> clockNs, Log.silent());
    private final TimerWheel.Timer timer = new TimerWheel.Timer() {
        @Override
        protected void due(long nowNs) {
            work++;
            loop.timers().schedule(this, nowNs + 1);
        }
    };
    private final ReadyList.Node node = new ReadyList.Node() {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            work++;
            loop.ready().add(this);
            return allowanceBytes;
        }
    };
    /** Brings three events at each wait: a live one, a stale one and one of no type. */
    private static final class Busy extends ScriptedOs {
        int type;

        @Override
        public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
            out.set(0, Epoll.IN, Ref.of(type, 0, 1));
            out.set(1, Epoll.IN, Ref.of(type, 1, 1));
            out.set(2, Epoll.IN, Ref.of(100, 1, 1));
            return 3;
        }
    }

    @Test
    void turnAllocatesNothing() {
        Runnable command = () -> work++;
        os.type = loop.register(new Handler() {
            @Override
            public int generation(int index) {
                return 0;
            }

            @Override
            public void onEvent(int index, int events, long nowNs) {
                work++;
                loop.mailbox().offer(command);
            }
        });
        loop.onTurnEnd(nowNs -> work++);
        loop.timers().schedule(timer, 1);
        loop.ready().add(node);
        Runnable turn = () -> {
            clockNs += TICK_NS;
            loop.turn(-1);
        };
        assertThat(Allocation.leastBytes(TURNS, turn)).isZero();
        assertThat(work).isEqualTo(5 * (clockNs / TICK_NS));
        assertThat(loop.staleEvents()).isEqualTo(2 * (clockNs / TICK_NS));
        assertThat(loop.invariantViolations()).isZero();
    }
}

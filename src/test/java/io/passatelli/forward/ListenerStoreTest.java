package io.passatelli.forward;

import io.passatelli.Seeds;
import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.flow.Descriptors;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Os;
import org.junit.jupiter.api.Test;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

import static org.assertj.core.api.Assertions.assertThat;

/** What is known of listeners: against a map, and in how much memory. */
class ListenerStoreTest {
    private static final int MOST_BYTES_EACH = 48;

    private static Site site(String address) {
        return new Site(new Site.Name(Protocol.TCP, Ip.parse(address), false, null, 0));
    }

    @Test
    void findsWhatAMapFinds() {
        Seeds.firstOf(20).forEach(seed -> Seeds.run(seed, () -> compare(new Random(seed))));
    }

    private static void compare(Random random) {
        List<Site> sites = List.of(site("0.0.0.0"), site("::"), site("192.0.2.1"));
        List<Map<Integer, Integer>> places = List.of(new HashMap<>(), new HashMap<>(), new HashMap<>());
        ListenerStore store = new ListenerStore();
        int ports = 1 + random.nextInt(3_000);
        for (int i = 0; i < 20_000; i++) {
            int which = random.nextInt(3);
            int port = 1 + random.nextInt(ports);
            Site site = sites.get(which);
            Map<Integer, Integer> known = places.get(which);
            Integer place = known.get(port);
            assertThat(store.find(site, port)).isEqualTo(place == null ? ListenerStore.NONE : place);
            if (place == null) {
                PortForward rule = new PortForward(Protocol.TCP, null, null, port, port, 80);
                int added = store.add(site, port, i, rule);
                assertThat(known.put(port, added)).isNull();
                assertThat(store.fd(added)).isEqualTo(i);
                assertThat(store.rule(added)).isSameAs(rule);
                assertThat(store.listener(added)).isNull();
            } else if (random.nextInt(3) > 0) {
                int before = store.generation(place);
                store.remove(place);
                known.remove(port);
                assertThat(store.generation(place)).isNotEqualTo(before);
                assertThat(store.site(place)).isNull();
            }
            assertThat(site.listeners).isEqualTo(known.size());
        }
        assertThat(store.count()).isEqualTo(places.stream().mapToInt(Map::size).sum());
    }

    /** Sockets are numbers, and nothing else happens. */
    private static Os numbers() {
        int[] next = {10};
        return (Os) Proxy.newProxyInstance(
                Os.class.getClassLoader(),
                new Class<?>[] {Os.class},
                (proxy, method, args) -> switch (method.getName()) {
                    case "close" -> method.getReturnType() == int.class ? 0 : null;
                    case "socket", "eventfd", "epollCreate" -> next[0]++;
                    default -> 0;
                });
    }

    private static long liveBytes() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    @Test
    void everyPortAtOnceTakesFewBytesEach() {
        EventLoop loop = new EventLoop(numbers(), Clock.system(), Log.silent());
        ListenerSet set = new ListenerSet(
                loop,
                new ListenerSet.Acceptors((listener, allowance, now) -> 0, (listener, fd, peer, now) -> {}),
                new Counters(),
                new Descriptors(Long.MAX_VALUE));
        List<PortForward> all = new ArrayList<>();
        for (Protocol protocol : Protocol.values()) {
            all.add(new PortForward(protocol, null, null, 1, 65_535, null, 1, true));
        }
        all.add(new PortForward(Protocol.TCP, Ip.parse("192.0.2.1"), null, 1, 20_000, null, 1, true));
        long before = liveBytes();
        List<RuleState> states = set.apply(new Wanted(all, EnumSet.allOf(Service.class)));
        assertThat(states).allMatch(state -> state.refusal() == null);
        assertThat(set.count()).isEqualTo(2 * 65_535 + 20_000);
        long each = (liveBytes() - before) / set.count();
        assertThat(each).as("bytes for each listener").isLessThan(MOST_BYTES_EACH); // 37
        set.close();
        assertThat(set.count()).isZero();
        loop.close();
    }

    @Test
    void moreThanTheLimitAreRefusedInOneSentence() {
        EventLoop loop = new EventLoop(numbers(), Clock.system(), Log.silent());
        ListenerSet set = new ListenerSet(
                loop,
                new ListenerSet.Acceptors((listener, allowance, now) -> 0, (listener, fd, peer, now) -> {}),
                new Counters(),
                new Descriptors(Long.MAX_VALUE));
        List<PortForward> rules = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
            rules.add(new PortForward(Protocol.TCP, Ip.parse("192.0.2." + i), null, 1, 65_535, null, 1, true));
        }
        RuleState last =
                set.apply(new Wanted(rules, EnumSet.allOf(Service.class))).get(2);
        assertThat(set.count()).isEqualTo(Limits.FORWARD_LISTENERS);
        assertThat(last.listeners()).isEqualTo(Limits.FORWARD_LISTENERS - 2 * 65_535);
        assertThat(last.refusal()).endsWith("no more than 163840 ports can be listened at");
        set.close();
        loop.close();
    }
}

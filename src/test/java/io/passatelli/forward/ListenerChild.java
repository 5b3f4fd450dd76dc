package io.passatelli.forward;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.flow.Descriptors;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;

/** Listens at ports of TCP and says in a line each what has become of them; in a process that may do less than the test's own. */
final class ListenerChild {
    private ListenerChild() {}

    /** Arguments such as {@code 80}, {@code 1-1000} or {@code ~1-1000}, which is weak; {@code limit=1024}: of open files, as far as it knows. */
    public static void main(String[] arguments) {
        Errno.text(Errno.EMFILE); // a class is a file of its own here, and none can be opened then
        long limit = Long.MAX_VALUE;
        List<PortForward> rules = new ArrayList<>();
        for (String argument : arguments) {
            if (argument.startsWith("limit=")) {
                limit = Long.parseLong(argument.substring("limit=".length()));
                continue;
            }
            boolean weak = argument.startsWith("~");
            String[] ends = (weak ? argument.substring(1) : argument).split("-", -1);
            int first = Integer.parseInt(ends[0]);
            int last = Integer.parseInt(ends[ends.length - 1]);
            rules.add(new PortForward(Protocol.TCP, null, null, first, last, null, first, weak));
        }
        try (LinuxOs os = new LinuxOs();
                EventLoop loop = new EventLoop(os, Clock.system(), Log.silent())) {
            ListenerSet set = new ListenerSet(
                    loop,
                    new ListenerSet.Acceptors((listener, allowance, now) -> 0, (listener, fd, peer, now) -> {}),
                    new Counters(),
                    new Descriptors(limit));
            for (RuleState state : set.apply(new Wanted(rules, EnumSet.allOf(Service.class)))) {
                System.out.println(state.listeners() + "/" + state.wanted() + " " + state.refusal());
            }
            set.close();
        }
    }
}

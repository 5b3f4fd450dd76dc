package io.passatelli.os.sim;

import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * epoll(7), epoll_ctl(2), epoll_wait(2). A ready list in the order of the wake-ups; a level-triggered descriptor that was reported goes to its
 * end and stays until it is found quiet, an edge-triggered one leaves it. So nobody is reported twice while another waits. MOD asks the
 * descriptor anew, which arms an edge again. An epoll descriptor inside another is not modelled.
 */
final class SimEpoll extends SimFile {
    /** Whether an edge waits to be reported. */
    enum News {
        NONE,
        POSSIBLE,
        CERTAIN
    }

    /** One descriptor in the interest list. */
    final class Item {
        private final SimFile file;
        private final int fd;
        private int events;
        private long ref;
        private long wokenAt;
        private long reportedAt;
        News news = News.NONE;

        private Item(SimFile file, int fd) {
            this.file = file;
            this.fd = fd;
        }

        private int interest() {
            return events & ~Epoll.ET | Epoll.ERR | Epoll.HUP;
        }

        private boolean edgeTriggered() {
            return (events & Epoll.ET) != 0;
        }

        void wake(int key, News how) {
            if ((key & interest()) == 0 || how.compareTo(news) <= 0) {
                return;
            }
            if (news != News.CERTAIN) {
                toEndOfLine(this);
            }
            news = how;
        }

        private void arm(int newEvents, long newRef) {
            events = newEvents;
            ref = newRef;
            if ((file.certain() & interest()) != 0) { // else what stands in line stays there until a wait comes to it
                wake(ANY, News.CERTAIN);
            } else if ((file.possible() & interest()) != 0) {
                wake(ANY, News.POSSIBLE);
            }
            file.polled();
        }

        void forget() {
            items.remove(this);
            file.unwatchedBy(this);
        }
    }

    private final Set<Item> items = new LinkedHashSet<>();
    private long stamp;

    SimEpoll(SimKernel kernel) {
        super(kernel);
    }

    int control(int op, SimFile file, int fd, int events, long ref) {
        Item item = find(file, fd);
        return switch (op) {
            case Epoll.ADD -> {
                if (item != null) {
                    yield -Errno.EEXIST;
                }
                Item added = new Item(file, fd);
                items.add(added);
                file.watchedBy(added);
                added.arm(events, ref);
                yield 0;
            }
            case Epoll.MOD -> {
                if (item == null) {
                    yield -Errno.ENOENT;
                }
                item.arm(events, ref);
                yield 0;
            }
            case Epoll.DEL -> {
                if (item == null) {
                    yield -Errno.ENOENT;
                }
                item.forget();
                yield 0;
            }
            default -> -Errno.EINVAL;
        };
    }

    private @org.jspecify.annotations.Nullable Item find(SimFile file, int fd) {
        for (Item item : items) {
            if (item.file == file && item.fd == fd) {
                return item;
            }
        }
        return null;
    }

    /** Reports what is ready now. */
    int collect(EpollEvents out) {
        List<Item> reported = new ArrayList<>();
        List<Item> passedOver = new ArrayList<>();
        List<Item> quiet = new ArrayList<>();
        for (Item item : List.copyOf(items)) {
            if (reported.size() == out.capacity()) {
                break;
            }
            int mask = ask(item, passedOver, quiet);
            if (mask != 0) {
                out.set(reported.size(), mask, item.ref);
                reported.add(item);
            }
        }
        boolean all = reported.size() < out.capacity();
        checkFairness(reported, passedOver, all);
        long reportedAt = ++stamp; // who was first of those reported together is not for this model to say
        for (Item item : reported) {
            item.reportedAt = reportedAt;
            item.news = item.edgeTriggered() ? News.NONE : News.CERTAIN;
            toEndOfLine(item);
        }
        for (Item item : quiet) {
            if (all) {
                item.news = item.file.restless() ? item.news : News.NONE;
            } else if (item.news == News.CERTAIN) {
                item.news = News.POSSIBLE; // it has left the line, if the wait came as far as its place
            }
        }
        return reported.size();
    }

    private int ask(Item item, List<Item> passedOver, List<Item> quiet) {
        int must = item.file.certain() & item.interest();
        int may = item.file.possible() & item.interest();
        boolean listed = item.news != News.NONE || !item.edgeTriggered() || item.file.restless();
        if (!listed) {
            return 0;
        }
        item.file.polled();
        if (may == 0) {
            quiet.add(item);
            return 0;
        }
        boolean certain = must != 0 && (item.news == News.CERTAIN || !item.edgeTriggered());
        int mask = kernel.chooser().events(item.ref, certain, must, may);
        if (mask == 0) {
            (certain ? passedOver : quiet).add(item);
            return 0;
        }
        if ((mask & ~may) != 0 || (mask & must) != must) {
            throw kernel.notAdmitted(
                    "epoll_wait shows %#x for %#x; certain are %#x, possible %#x".formatted(mask, item.ref, must, may));
        }
        item.file.observed(mask);
        return mask;
    }

    private void checkFairness(List<Item> reported, List<Item> passedOver, boolean all) {
        for (Item waiting : passedOver) {
            if (all) {
                throw kernel.notAdmitted("epoll_wait had room and left out %#x, which is ready".formatted(waiting.ref));
            }
            for (Item item : reported) {
                if (item.reportedAt > waiting.wokenAt && waiting.news == News.CERTAIN) {
                    throw kernel.notAdmitted(
                            "epoll_wait shows %#x again while %#x waits".formatted(item.ref, waiting.ref));
                }
            }
        }
    }

    private void toEndOfLine(Item item) {
        item.wokenAt = ++stamp;
        if (items.remove(item)) {
            items.add(item);
        }
    }

    @Override
    int certain() {
        throw new UnsupportedOperationException("an epoll descriptor inside another is not modelled");
    }

    @Override
    void released() {
        for (Item item : List.copyOf(items)) {
            item.forget();
        }
    }
}

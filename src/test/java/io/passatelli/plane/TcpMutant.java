package io.passatelli.plane;

import io.passatelli.link.GuestFrame;
import io.passatelli.link.WatchedLink;
import io.passatelli.os.DelegatingOs;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.sim.Segment;
import io.passatelli.wire.Offload;

import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Mistakes that a plane might make, made around one that does not: what the kernel is asked and answers, and what is in frames, is changed as if
 * the plane had been wrong. The worlds have to find each.
 */
enum TcpMutant {
    /** Sockets are level-triggered: the loop finds no rest while bytes wait for an acknowledgment. */
    LEVEL_TRIGGERED {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return os(inner -> new DelegatingOs(inner) {
                @Override
                public int epollCtl(int epoll, int op, int fd, int events, long ref) {
                    return super.epollCtl(epoll, op, fd, events & ~Epoll.ET, ref);
                }
            });
        }
    },
    /** Now and then one byte is acknowledged that is not there. */
    ACKNOWLEDGES_ONE_MORE {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return segments(seed, 50, (frame, tcp) -> add32(frame, tcp + 8, 1));
        }
    },
    /** Now and then one byte less is acknowledged than was. */
    ACKNOWLEDGES_ONE_LESS {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return segments(seed, 50, (frame, tcp) -> add32(frame, tcp + 8, -1));
        }
    },
    /** The guest's next bytes are expected one byte too late: what the socket took is counted wrong where it took a part. */
    COUNTS_ONE_MORE {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return os(inner -> new DelegatingOs(inner) {
                @Override
                public long sendmsg(int fd, IoVec from, int flags) {
                    long n = super.sendmsg(fd, from, flags);
                    return n > 0 && n < from.total() ? n + 1 : n;
                }
            });
        }
    },
    /** The same, one byte too early. */
    COUNTS_ONE_LESS {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return os(inner -> new DelegatingOs(inner) {
                @Override
                public long sendmsg(int fd, IoVec from, int flags) {
                    long n = super.sendmsg(fd, from, flags);
                    return n > 1 && n < from.total() ? n - 1 : n;
                }
            });
        }
    },
    /** What is read of a socket is counted one byte too short now and then: the guest misses a byte. */
    READS_ONE_LESS {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            SplittableRandom random = new SplittableRandom(seed);
            return os(inner -> new DelegatingOs(inner) {
                @Override
                public long recvmsg(int fd, IoVec into, int flags) {
                    long n = super.recvmsg(fd, into, flags);
                    return n > 1 && random.nextInt(20) == 0 ? n - 1 : n;
                }
            });
        }
    },
    /** Now and then less window is said than was before. */
    EDGE_MOVES_LEFT {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return segments(seed, 20, (frame, tcp) -> {
                int window = frame.getShort(tcp + 14) & 0xffff;
                frame.putShort(tcp + 14, (short) (window - Math.min(window, 2)));
            });
        }
    },
    /** Now and then the guest is sent more than its window holds: a byte of its number is doubled. */
    SENDS_ONE_TOO_FAR {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return segments(seed, 50, (frame, tcp) -> add32(frame, tcp + 4, 1));
        }
    },
    /** Now and then what a socket tells is forgotten. */
    FORGETS_AN_EVENT {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return os(inner -> new Forgetful(inner, new SplittableRandom(seed)));
        }
    },
    /** Now and then a flow that waits for the link is forgotten. */
    FORGETS_THE_LINK {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            SplittableRandom random = new SplittableRandom(seed);
            return new TcpWorld.Tampering(
                    os -> os,
                    link -> new WatchedLink(link, new WatchedLink.Watcher() {
                        @Override
                        public boolean losesWritable() {
                            return random.nextInt(4) == 0;
                        }
                    }));
        }
    },
    /** Half-closed is closed: the peer's data behind the guest's FIN are lost. */
    SHUTS_BOTH_WAYS {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            return os(inner -> new DelegatingOs(inner) {
                @Override
                public int shutdown(int fd, int how) {
                    return super.shutdown(fd, how == Socket.SHUT_WR ? Socket.SHUT_RDWR : how);
                }
            });
        }
    },
    /** A descriptor in a hundred is not given back. */
    LEAKS_A_DESCRIPTOR {
        @Override
        TcpWorld.Tampering tampering(long seed) {
            SplittableRandom random = new SplittableRandom(seed);
            return os(inner -> new DelegatingOs(inner) {
                @Override
                public int close(int fd) {
                    return random.nextInt(100) == 0 ? 0 : super.close(fd);
                }
            });
        }
    };

    /** The mistake, in the world of {@code seed}. */
    abstract TcpWorld.Tampering tampering(long seed);

    private interface Change {
        void of(ByteBuffer frame, int tcp);
    }

    private static TcpWorld.Tampering os(java.util.function.UnaryOperator<Os> around) {
        return new TcpWorld.Tampering(around, link -> link);
    }

    /** Changes one in {@code oneIn} of the segments of connections that are established; their checksums are right. */
    private static TcpWorld.Tampering segments(long seed, int oneIn, Change change) {
        SplittableRandom random = new SplittableRandom(seed);
        return new TcpWorld.Tampering(
                os -> os,
                link -> new WatchedLink(link, new WatchedLink.Watcher() {
                    @Override
                    public void change(GuestFrame frame) {
                        Segment s = Segment.parse(frame.bytes, frame.offload);
                        if (s != null && !s.has(Segment.SYN) && !s.has(Segment.RST) && random.nextInt(oneIn) == 0) {
                            int tcp = s.src.isV4() ? 34 : 54;
                            ByteBuffer bytes = ByteBuffer.wrap(frame.bytes);
                            long before = sum(bytes, tcp);
                            change.of(bytes, tcp);
                            if ((frame.offload.flags & Offload.NEEDS_CSUM) == 0) {
                                // RFC 1624 §3 (eqn. 3): HC' = ~(~HC + ~m + m')
                                long sum =
                                        (~bytes.getShort(tcp + 16) & 0xffff) + 0xffff * 8L - before + sum(bytes, tcp);
                                while (sum >>> 16 != 0) {
                                    sum = (sum & 0xffff) + (sum >>> 16);
                                }
                                bytes.putShort(tcp + 16, (short) ~sum);
                            }
                        }
                    }
                }));
    }

    /** Of the fields that may be changed. */
    private static long sum(ByteBuffer bytes, int tcp) {
        long sum = 0;
        for (int at = tcp + 4; at < tcp + 16; at += 2) {
            sum += bytes.getShort(at) & 0xffff;
        }
        return sum;
    }

    private static void add32(ByteBuffer bytes, int at, int what) {
        bytes.putInt(at, bytes.getInt(at) + what);
    }

    private static final class Forgetful extends DelegatingOs {
        private final SplittableRandom random;
        private final Set<Integer> tcp = new HashSet<>();
        private final Set<Long> refs = new HashSet<>();

        Forgetful(Os os, SplittableRandom random) {
            super(os);
            this.random = random;
        }

        @Override
        public int socket(int family, int type, int protocol) {
            int fd = super.socket(family, type, protocol);
            if (type == Socket.SOCK_STREAM) {
                tcp.add(fd);
            }
            return fd;
        }

        @Override
        public int epollCtl(int epoll, int op, int fd, int events, long ref) {
            if (op == Epoll.ADD && tcp.contains(fd)) {
                refs.add(ref);
            }
            return super.epollCtl(epoll, op, fd, events, ref);
        }

        @Override
        public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
            int n = super.epollWait(epoll, out, timeoutNs);
            int kept = 0;
            for (int i = 0; i < n; i++) {
                boolean may = refs.contains(out.ref(i)) && (out.events(i) & (Epoll.ERR | Epoll.HUP)) == 0;
                if (!may || random.nextInt(30) > 0) {
                    out.set(kept++, out.events(i), out.ref(i));
                }
            }
            return n < 0 ? n : kept;
        }
    }
}

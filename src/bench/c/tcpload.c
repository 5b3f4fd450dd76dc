/*
 * Both ends of TCP through a translator, in one thread: a guest, and a peer in another network namespace.
 *
 *   tcpload stream=PATH|netns=PATH|qemu peer=PATH port=N [pid=N]
 *   tcpload serve=ADDRESS port=N
 *
 * pid is the translator's, for its processor time. The peer listens at the port, the guest at the next one, which the translator has to forward.
 * Addresses are those of scripts/lab.sh; the guest asks nobody for them.
 *
 * The guest is a small TCP of its own behind a stream socket (4-byte length, Ethernet), so that what it costs is known and the same for every
 * translator; or sockets in the namespace netns, so that it is Linux; or a machine in which "tcpload serve" runs. Commands on standard input, answers
 * as one JSON object a line:
 *
 *   out|in MTU FLOWS MS       the guest or the peer sends, as fast as it may; with netns the guest's end is a process of its own
 *   rr MTU 1 COUNT            one byte from the guest, one back, one at a time
 *   crr-out|crr-in MTU 1 COUNT  connect, one byte, one back, close, one at a time; close comes from who connected
 *   idle MTU FLOWS 0          connections with one byte each way, there until the next command
 *
 * What the guest's TCP does: one acknowledgement for all that one read brought, window scaling, slow start and congestion avoidance, three duplicate
 * acknowledgements or a time-out and all is sent again from the gap on, a probe of the tail after 10 ms. No selective acknowledgements.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_FLOWS = 2048,
    PERIOD = 2 * 130003,     /* bytes after which the payload repeats: no multiple of anything that might go astray */
    MAX_PAYLOAD = 65536,
    CHECKED = 16,            /* of so many frames or reads one is compared whole */
    SLOTS = 256,             /* frames on their way to the link */
    BATCH_BYTES = 64 << 10,
    LINK_BUFFER = 512 << 10,
    LINK_ROOM = 160 << 10,   /* at least so much of it is offered to a read */
    HEADERS = 4 + 14 + 20 + 20 + 8,
    WINDOW_SCALE = 8,
    WINDOW = 4 << 20,        /* the guest takes what comes at once, so it is always open */
    FIRST_WINDOW = 10,       /* segments, RFC 6928 */
    DUPLICATES = 3,
    SPIN_NS = 50 * 1000,     /* looks that long before it sleeps: waking us is not the translator's work */
    TICK_NS = 1000 * 1000,
    RAMP_MS = 150,           /* before what counts */
    SYN_MS = 1000,
    RTO_MS = 200,
    PROBE_MS = 10,
    PATIENCE_MS = 5000,
    OPENING = 64,            /* connections that are opened at the same time */
    FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16,
};

static const uint8_t MAC[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static uint32_t guest_ip, peer_ip, router_ip; /* network order */
static uint8_t router_mac[6];
static uint8_t pattern[PERIOD + MAX_PAYLOAD];
static uint32_t sums[PERIOD + MAX_PAYLOAD + 1]; /* of 16-bit words, as if the pattern before were all of the message; modulo 2^32 - 1 */
static int pattern_file, poller;
static clockid_t translator;
static bool knows_translator;

static enum { NOTHING, OUT, IN, RR, CRR_OUT, CRR_IN, IDLE } task;
static int port, mtu;

/* Counters of one command. */
static struct {
    uint64_t bytes, frames, corrupt, gaps, resent, resets, opened, done, checks;
    uint64_t silence_ns; /* the longest in which a flow that should have moved did not */
    uint64_t *times, count, began;
} seen;

/* The guest's side of a connection. Offsets count bytes from the first one of the stream. */
struct flow {
    enum { FREE, SYN_SENT, SYN_RECEIVED, OPEN } state;
    bool server, ack_due, closing, fin_came, probed;
    uint16_t at, to;           /* ports */
    uint32_t iss, irs;
    uint64_t una, nxt, max;    /* acknowledged; to be sent next; sent at least once */
    uint64_t limit;            /* what the program wants to send */
    uint64_t rcv, window;
    uint64_t recover;          /* below this, duplicates are what was sent twice */
    int scale, mss, duplicates, patience_ms;
    double cwnd, ssthresh;     /* bytes */
    uint64_t moved;            /* when the other side last acknowledged anything, or we began to wait */
    uint64_t progress;         /* when the program's bytes last moved */
};
static struct flow flows[MAX_FLOWS];
static int flow_end;           /* all in use are below */
static uint16_t by_port[2][65536]; /* index + 1; clients by their own port, servers by the other side's */
static uint16_t next_port = 20000;

/* The peer's side. */
struct conn {
    int fd;
    uint64_t position, progress;
    bool echoes, connecting, waits_out;
};
static struct conn conns[MAX_FLOWS], listener;
static int conn_end;

/* The link. */
static int link_fd = -1;
static uint8_t *link_in;
static size_t in_at, in_end;
static struct slot {
    uint8_t head[HEADERS];
    size_t head_bytes, payload_bytes;
    const uint8_t *payload;
} slots[SLOTS];
static unsigned slot_head, slot_tail; /* free running */
static size_t slot_written;           /* of the first one */
static bool link_waits;
static uint64_t now, ticked;

static void on_open(struct flow *flow);
static void on_bytes(struct flow *flow, const uint8_t *data, size_t length);
static void on_end(struct flow *flow);
static void on_gone(struct flow *flow);

static void die(const char *what) {
    fprintf(stderr, "tcpload: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu(clockid_t clock) {
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double translator_cpu(void) {
    return knows_translator ? cpu(translator) : 0;
}

/* RFC 1071, not yet folded. */
static uint64_t sum(const uint8_t *data, size_t length, uint64_t total) {
    for (; length > 1; data += 2, length -= 2) {
        total += (uint64_t)data[0] << 8 | data[1];
    }
    return length ? total + ((uint64_t)data[0] << 8) : total;
}

static uint16_t added(uint64_t total) {
    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)total;
}

static void put16(uint8_t *at, uint64_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put32(uint8_t *at, uint32_t value) {
    value = htonl(value);
    memcpy(at, &value, 4);
}

static uint32_t get32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return ntohl(value);
}

static void make_pattern(void) {
    uint32_t seed = 1;
    for (size_t i = 0; i < PERIOD; i++) {
        seed = seed * 1664525 + 1013904223;
        pattern[i] = (uint8_t)(seed >> 24);
    }
    memcpy(pattern + PERIOD, pattern, MAX_PAYLOAD);
    for (size_t i = 0; i < sizeof pattern; i++) {
        uint64_t total = (uint64_t)sums[i] + (i % 2 ? pattern[i] : (uint32_t)pattern[i] << 8);
        sums[i + 1] = (uint32_t)((total & 0xffffffff) + (total >> 32));
    }
    pattern_file = memfd_create("pattern", MFD_CLOEXEC);
    for (int i = 0; i < 4; i++) {
        if (write(pattern_file, pattern, PERIOD) != PERIOD) {
            die("the pattern's file");
        }
    }
}

/* The sum of so many bytes of the pattern, without looking at them. */
static uint16_t pattern_sum(size_t from, size_t bytes) {
    uint16_t total = added((uint64_t)sums[from + bytes] + (0xffffffff - sums[from]));
    return from % 2 ? (uint16_t)(total << 8 | total >> 8) : total;
}

/* Whether these are the stream's bytes at that offset: a few always, all of them now and then. */
static void check(const uint8_t *data, size_t length, uint64_t offset) {
    bool whole = seen.checks++ % CHECKED == 0 || length <= 128;
    while (length) {
        size_t from = offset % PERIOD, bytes = length < MAX_PAYLOAD ? length : MAX_PAYLOAD;
        size_t few = whole ? bytes : 32;
        if (memcmp(data, pattern + from, few) || (!whole && memcmp(data + bytes - 32, pattern + from + bytes - 32, 32))) {
            seen.corrupt++;
        }
        data += bytes;
        offset += bytes;
        length -= bytes;
        whole |= length < 32;
    }
}

/* ---- The link ---- */

static void link_want(bool writable) {
    if (link_waits != writable) {
        struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = NULL};
        epoll_ctl(poller, EPOLL_CTL_MOD, link_fd, &event);
        link_waits = writable;
    }
}

static void link_flush(void) {
    while (slot_head != slot_tail) {
        struct iovec parts[128];
        int count = 0;
        size_t bytes = 0, skip = slot_written;
        for (unsigned i = slot_head; i != slot_tail && count + 2 <= 128 && (bytes == 0 || bytes < BATCH_BYTES); i++) {
            struct slot *slot = &slots[i % SLOTS];
            if (skip < slot->head_bytes) {
                parts[count++] = (struct iovec){slot->head + skip, slot->head_bytes - skip};
                skip = slot->head_bytes;
            }
            if (skip - slot->head_bytes < slot->payload_bytes) {
                size_t gone = skip - slot->head_bytes;
                parts[count++] = (struct iovec){(void *)(uintptr_t)(slot->payload + gone), slot->payload_bytes - gone};
            }
            bytes += slot->head_bytes + slot->payload_bytes;
            skip = 0;
        }
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t n = sendmsg(link_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                link_want(true);
                return;
            }
            die("the link");
        }
        slot_written += (size_t)n;
        while (slot_head != slot_tail) {
            struct slot *slot = &slots[slot_head % SLOTS];
            size_t all = slot->head_bytes + slot->payload_bytes;
            if (slot_written < all) {
                break;
            }
            slot_written -= all;
            slot_head++;
        }
    }
    link_want(false);
}

/* A frame's place in the queue, with its Ethernet header; NULL: full, whoever wanted it tries again by a timer. */
static struct slot *new_slot(const uint8_t *to, int type) {
    if (slot_tail - slot_head == SLOTS) {
        return NULL;
    }
    struct slot *slot = &slots[slot_tail++ % SLOTS];
    memcpy(slot->head + 4, to, 6);
    memcpy(slot->head + 10, MAC, 6);
    put16(slot->head + 16, (uint64_t)type);
    slot->payload_bytes = 0;
    return slot;
}

static void slot_done(struct slot *slot, size_t head, const uint8_t *payload, size_t bytes) {
    slot->head_bytes = head;
    slot->payload = payload;
    slot->payload_bytes = bytes;
    put32(slot->head, (uint32_t)(head - 4 + bytes));
}

static void send_arp(int op, const uint8_t *to_mac, uint32_t to_ip) {
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nobody[6], fixed[6] = {0, 1, 8, 0, 6, 4};
    struct slot *slot = new_slot(to_mac ? to_mac : everybody, ETHERTYPE_ARP);
    if (!slot) {
        return;
    }
    uint8_t *message = slot->head + 18;
    memcpy(message, fixed, 6);
    put16(message + 6, (uint64_t)op);
    memcpy(message + 8, MAC, 6);
    memcpy(message + 14, &guest_ip, 4);
    memcpy(message + 18, to_mac ? to_mac : nobody, 6);
    memcpy(message + 24, &to_ip, 4);
    slot_done(slot, 18 + 28, NULL, 0);
}

struct segment {
    uint16_t at, to;
    int flags;
    uint32_t seq, ack;
    uint64_t window;
    int mss;                 /* with the window scale, as options; 0: none */
    size_t from, bytes;      /* of the pattern */
};

static bool send_segment(const struct segment *s) {
    struct slot *slot = new_slot(router_mac, ETHERTYPE_IP);
    if (!slot) {
        return false;
    }
    uint8_t *ip = slot->head + 18, *tcp = ip + 20;
    size_t header = s->mss ? 28 : 20, total = header + s->bytes;
    static const uint8_t fixed[12] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IPPROTO_TCP, 0, 0};
    memcpy(ip, fixed, 12);
    put16(ip + 2, 20 + total);
    memcpy(ip + 12, &guest_ip, 4);
    memcpy(ip + 16, &peer_ip, 4);
    put16(ip + 10, (uint16_t)~added(sum(ip, 20, 0)));
    put16(tcp, s->at);
    put16(tcp + 2, s->to);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->flags & ACK ? s->ack : 0);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = (uint8_t)s->flags;
    put16(tcp + 14, s->window > 65535 ? 65535 : s->window);
    put32(tcp + 16, 0);
    if (s->mss) {
        put32(tcp + 20, 2u << 24 | 4u << 16 | (uint32_t)s->mss);
        put32(tcp + 24, 1u << 24 | 3u << 16 | 3u << 8 | WINDOW_SCALE);
    }
    uint64_t check = sum(tcp, header, sum(ip + 12, 8, 0)) + IPPROTO_TCP + total + pattern_sum(s->from, s->bytes);
    put16(tcp + 16, (uint16_t)~added(check));
    slot_done(slot, (size_t)(tcp - slot->head) + header, pattern + s->from, s->bytes);
    return true;
}

/* ---- The guest's TCP ---- */

static uint32_t seq_of(const struct flow *flow, uint64_t offset) {
    return flow->iss + 1 + (uint32_t)offset;
}

static bool flow_segment(struct flow *flow, int flags, uint64_t offset, size_t bytes) {
    struct segment s = {
        .at = flow->at, .to = flow->to, .flags = flags, .seq = seq_of(flow, offset), .ack = flow->irs + 1 + (uint32_t)flow->rcv,
        .window = WINDOW >> WINDOW_SCALE, .from = offset % PERIOD, .bytes = bytes,
    };
    if (flags & SYN) {
        s.seq = flow->iss;
        s.window = 65535;
        s.mss = mtu - 40;
    }
    if (!send_segment(&s)) {
        return false;
    }
    flow->ack_due = false;
    return true;
}

static struct flow *new_flow(bool server, uint16_t at, uint16_t to) {
    int index = 0;
    while (index < flow_end && flows[index].state != FREE) {
        index++;
    }
    if (index == MAX_FLOWS) {
        return NULL;
    }
    flow_end = index == flow_end ? index + 1 : flow_end;
    struct flow *flow = &flows[index];
    static uint32_t isn = 7;
    memset(flow, 0, sizeof *flow);
    flow->server = server;
    flow->at = at;
    flow->to = to;
    flow->iss = isn += 0x01234567;
    flow->mss = 536;
    flow->ssthresh = 1e12;
    flow->moved = flow->progress = now;
    flow->patience_ms = SYN_MS;
    flow->state = server ? SYN_RECEIVED : SYN_SENT;
    by_port[server][server ? to : at] = (uint16_t)(index + 1);
    return flow;
}

static void free_flow(struct flow *flow) {
    by_port[flow->server][flow->server ? flow->to : flow->at] = 0;
    flow->state = FREE;
    while (flow_end > 0 && flows[flow_end - 1].state == FREE) {
        flow_end--;
    }
}

static struct flow *connect_flow(void) {
    do {
        next_port = next_port < 20000 ? 20000 : (uint16_t)(next_port + 1);
    } while (by_port[0][next_port]);
    struct flow *flow = new_flow(false, next_port, (uint16_t)port);
    if (flow) {
        flow_segment(flow, SYN, 0, 0);
    }
    return flow;
}

static void opened(struct flow *flow) {
    flow->state = OPEN;
    flow->patience_ms = RTO_MS;
    flow->cwnd = (double)FIRST_WINDOW * flow->mss;
    on_open(flow);
}

/* As much as windows and the queue allow, at most one batch. */
static void flow_transmit(struct flow *flow) {
    if (flow->state != OPEN || flow->una == flow->limit + 1) {
        return;
    }
    uint64_t window = flow->window < (uint64_t)flow->cwnd ? flow->window : (uint64_t)flow->cwnd;
    uint64_t end = flow->una + window < flow->limit ? flow->una + window : flow->limit;
    size_t batch = 0;
    while (flow->nxt < end && batch < BATCH_BYTES) {
        size_t bytes = end - flow->nxt < (uint64_t)flow->mss ? (size_t)(end - flow->nxt) : (size_t)flow->mss;
        if (bytes < (size_t)flow->mss && end < flow->limit && flow->nxt > flow->una) {
            break; /* the window's rest waits until it is worth a segment, RFC 9293 3.8.6.2.1 */
        }
        if (!flow_segment(flow, ACK | (flow->nxt + bytes == flow->limit ? PSH : 0), flow->nxt, bytes)) {
            break;
        }
        if (flow->nxt == flow->una) {
            flow->moved = now;
        }
        seen.resent += flow->nxt < flow->max ? bytes : 0;
        flow->nxt += bytes;
        batch += bytes;
    }
    if (flow->closing && flow->nxt == flow->limit && flow_segment(flow, ACK | FIN, flow->nxt, 0)) {
        flow->moved = flow->nxt == flow->una ? now : flow->moved;
        flow->nxt++;
    }
    flow->max = flow->nxt > flow->max ? flow->nxt : flow->max;
}

/* Something was lost: again from the first byte that is missing. */
static void go_back(struct flow *flow, bool silent) {
    uint64_t flight = flow->max - flow->una;
    double half = (double)flight / 2;
    flow->ssthresh = half > 2.0 * flow->mss ? half : 2.0 * flow->mss;
    flow->cwnd = silent ? flow->mss : flow->ssthresh;
    flow->recover = flow->max;
    flow->nxt = flow->una;
    flow->duplicates = 0;
}

static void on_ack(struct flow *flow, uint32_t ack, uint64_t window, bool bare) {
    int32_t more = (int32_t)(ack - seq_of(flow, flow->una));
    if (more < 0 || (uint64_t)more > flow->max - flow->una) {
        return;
    }
    if (more > 0) {
        flow->una += (uint64_t)more;
        flow->nxt = flow->nxt < flow->una ? flow->una : flow->nxt;
        flow->duplicates = 0;
        flow->patience_ms = RTO_MS;
        flow->probed = false;
        flow->moved = now;
        flow->cwnd += flow->cwnd < flow->ssthresh ? more : (double)flow->mss * more / flow->cwnd;
        flow->cwnd = flow->cwnd > 64e6 ? 64e6 : flow->cwnd;
        if (task == OUT) {
            seen.silence_ns = now - flow->progress > seen.silence_ns ? now - flow->progress : seen.silence_ns;
            flow->progress = now;
        }
    } else if (bare && flow->max > flow->una && window == flow->window && flow->una >= flow->recover && ++flow->duplicates == DUPLICATES) {
        go_back(flow, false);
    }
    flow->window = window;
}

static void on_tick(struct flow *flow) {
    uint64_t waited = (now - flow->moved) / 1000000;
    bool idle = flow->state == OPEN && flow->max == flow->una && (flow->limit == flow->una || flow->window);
    if (idle) {
        flow->moved = now;
        return;
    }
    if (flow->state == OPEN && flow->max - flow->una > 1 && !flow->probed && waited >= PROBE_MS && flow->window) {
        uint64_t last = flow->max < flow->limit ? flow->max : flow->limit;
        size_t bytes = last - flow->una < (uint64_t)flow->mss ? (size_t)(last - flow->una) : (size_t)flow->mss;
        flow->probed = bytes == 0 || flow_segment(flow, ACK | PSH, last - bytes, bytes);
        seen.resent += bytes;
    }
    if (waited < (uint64_t)flow->patience_ms) {
        return;
    }
    flow->moved = now;
    flow->patience_ms *= 2;
    if (flow->state != OPEN) {
        flow_segment(flow, flow->server ? SYN | ACK : SYN, 0, 0);
    } else if (flow->window == 0) {
        flow_segment(flow, ACK, flow->una - 1, 0);
    } else {
        go_back(flow, true);
    }
}

static void flow_input(struct flow *flow, const uint8_t *tcp, size_t header, size_t bytes) {
    int flags = tcp[13];
    uint32_t seq = get32(tcp + 4), ack = get32(tcp + 8);
    const uint8_t *data = tcp + header;
    if (flags & RST) {
        seen.resets++;
        free_flow(flow);
        return;
    }
    if (flags & SYN) {
        if (flow->state == OPEN) {
            flow->ack_due = true;
            return;
        }
        flow->irs = seq;
        flow->scale = 0;
        for (size_t i = 20; i + 1 < header && tcp[i]; i += tcp[i] == 1 ? 1 : tcp[i + 1] < 2 ? header : tcp[i + 1]) {
            if (tcp[i] == 2 && i + 4 <= header) {
                int mss = get16(tcp + i + 2);
                flow->mss = mss < mtu - 40 ? mss : mtu - 40;
            } else if (tcp[i] == 3 && i + 3 <= header) {
                flow->scale = tcp[i + 2] < 14 ? tcp[i + 2] : 14;
            }
        }
        flow->window = get16(tcp + 14);
        if (flow->server) {
            flow_segment(flow, SYN | ACK, 0, 0);
        } else if (flags & ACK && ack == flow->iss + 1) {
            flow_segment(flow, ACK, 0, 0);
            opened(flow);
        }
        return;
    }
    if (!(flags & ACK)) {
        return;
    }
    if (flow->state == SYN_RECEIVED && ack == flow->iss + 1) {
        opened(flow);
    }
    if (flow->state != OPEN) {
        return;
    }
    on_ack(flow, ack, (uint64_t)get16(tcp + 14) << flow->scale, bytes == 0 && !(flags & FIN));
    int32_t early = (int32_t)(flow->irs + 1 + (uint32_t)flow->rcv - seq); /* bytes of it that are here */
    if (early < 0) {
        seen.gaps++;
        flow_segment(flow, ACK, flow->nxt, 0);
        return;
    }
    if (early > 0) {
        flow->ack_due = true;
    }
    if ((size_t)early < bytes) {
        size_t fresh = bytes - (size_t)early;
        on_bytes(flow, data + early, fresh);
        flow->rcv += fresh;
        flow->ack_due = true;
    }
    if (flags & FIN && !flow->fin_came && (size_t)early <= bytes) {
        flow->rcv++;
        flow->fin_came = true;
        flow->ack_due = true;
        on_end(flow);
    }
    if (flow->fin_came && flow->closing && flow->una == flow->limit + 1) {
        if (flow->ack_due) {
            flow_segment(flow, ACK, flow->nxt, 0);
        }
        free_flow(flow);
        on_gone(flow);
    }
}

static void on_tcp(const uint8_t *ip, size_t length) {
    const uint8_t *tcp = ip + 20;
    size_t total = get16(ip + 2), header = length >= 40 ? tcp[12] / 16 * 4u : 0;
    if (total > length || header < 20 || total < 20 + header) {
        seen.corrupt++;
        return;
    }
    size_t bytes = total - 20 - header;
    if (seen.frames++ % CHECKED == 0 && (added(sum(ip, 20, 0)) != 0xffff || added(sum(tcp, total - 20, sum(ip + 12, 8, 0)) + IPPROTO_TCP + total - 20) != 0xffff)) {
        seen.corrupt++;
        return;
    }
    uint16_t from = get16(tcp), to = get16(tcp + 2);
    bool server = to == port + 1;
    int index = by_port[server][server ? from : to];
    struct flow *flow = index ? &flows[index - 1] : NULL;
    if (!flow && server && (tcp[13] & (SYN | ACK | RST)) == SYN && task != NOTHING) {
        flow = new_flow(true, to, from);
    }
    if (flow) {
        flow_input(flow, tcp, header, bytes);
    } else if (!(tcp[13] & RST)) {
        uint32_t seq = get32(tcp + 4) + (uint32_t)bytes + (tcp[13] & SYN ? 1 : 0) + (tcp[13] & FIN ? 1 : 0);
        bool acks = tcp[13] & ACK;
        send_segment(&(struct segment){.at = to, .to = from, .flags = acks ? RST : RST | ACK, .seq = acks ? get32(tcp + 8) : 0, .ack = seq});
    }
}

static void on_frame(const uint8_t *frame, size_t length) {
    if (length >= 42 && get16(frame + 12) == ETHERTYPE_ARP) {
        uint32_t sender, target;
        memcpy(&sender, frame + 28, 4);
        memcpy(&target, frame + 38, 4);
        if (get16(frame + 20) == 2 && sender == router_ip) {
            memcpy(router_mac, frame + 22, 6);
        } else if (get16(frame + 20) == 1 && target == guest_ip) {
            send_arp(2, frame + 22, sender);
        }
    } else if (length >= 54 && get16(frame + 12) == ETHERTYPE_IP && frame[14] == 0x45 && frame[23] == IPPROTO_TCP
               && memcmp(frame + 30, &guest_ip, 4) == 0 && memcmp(frame + 26, &peer_ip, 4) == 0) {
        on_tcp(frame + 14, length - 14);
    }
}

/* Reads what is there, once. */
static void link_receive(void) {
    if (LINK_BUFFER - in_end < LINK_ROOM) {
        memmove(link_in, link_in + in_at, in_end - in_at);
        in_end -= in_at;
        in_at = 0;
    }
    ssize_t n = recv(link_fd, link_in + in_end, LINK_BUFFER - in_end, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            die("the link is closed");
        }
        return;
    }
    in_end += (size_t)n;
    while (in_end - in_at >= 4) {
        size_t length = get32(link_in + in_at);
        if (length > 65535 + 14) {
            errno = EPROTO;
            die("a frame's length");
        }
        if (in_end - in_at - 4 < length) {
            break;
        }
        on_frame(link_in + in_at + 4, length);
        in_at += 4 + length;
    }
    if (in_at == in_end) {
        in_at = in_end = 0;
    }
}

/* ---- The peer ---- */

static void conn_watch(struct conn *conn, bool add, bool writable) {
    struct epoll_event event = {.events = (writable ? EPOLLOUT : EPOLLIN), .data.ptr = conn};
    if (add || conn->waits_out != writable) {
        epoll_ctl(poller, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, conn->fd, &event);
        conn->waits_out = writable;
    }
}

static void conn_close(struct conn *conn, bool reset) {
    if (reset) {
        struct linger none = {1, 0};
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    close(conn->fd);
    conn->fd = -1;
    while (conn_end > 0 && conns[conn_end - 1].fd < 0) {
        conn_end--;
    }
}

static struct conn *new_conn(int fd) {
    int index = 0, on = 1;
    while (index < conn_end && conns[index].fd >= 0) {
        index++;
    }
    if (index == MAX_FLOWS) {
        close(fd);
        return NULL;
    }
    conn_end = index == conn_end ? index + 1 : conn_end;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conns[index] = (struct conn){.fd = fd, .progress = now};
    return &conns[index];
}

static void peer_connect(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = peer_ip};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(port + 1)), .sin_addr.s_addr = guest_ip};
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) || (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        die("the peer's connect");
    }
    struct conn *conn = new_conn(fd);
    if (conn) {
        conn->connecting = true;
        conn_watch(conn, true, true);
    }
}

static void peer_accept(void) {
    for (;;) {
        int fd = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        struct conn *conn = new_conn(fd);
        if (conn) {
            conn->echoes = task == RR || task == CRR_OUT || task == IDLE;
            conn_watch(conn, true, false);
        }
    }
}

static void note_progress(struct conn *conn) {
    seen.silence_ns = now - conn->progress > seen.silence_ns ? now - conn->progress : seen.silence_ns;
    conn->progress = now;
}

/* What came to the peer; most of it is thrown away by the kernel, for the peer shall not be the slow part. */
static void conn_receive(struct conn *conn) {
    static uint8_t buffer[256 << 10];
    bool look = seen.checks++ % CHECKED == 0;
    ssize_t n = look || conn->echoes || task == CRR_IN ? recv(conn->fd, buffer, sizeof buffer, 0) : recv(conn->fd, NULL, 1 << 20, MSG_TRUNC);
    if (n > 0) {
        if (conn->echoes) {
            if (send(conn->fd, buffer, (size_t)n, MSG_NOSIGNAL) != n) {
                die("an echo");
            }
        } else if (task == CRR_IN) {
            conn_close(conn, false);
            seen.times[seen.done] = now_ns() - seen.began;
            if (++seen.done < seen.count) {
                seen.began = now_ns();
                peer_connect();
            }
            return;
        } else {
            if (look) {
                check(buffer, (size_t)n, conn->position);
            }
            note_progress(conn);
            seen.bytes += (uint64_t)n;
        }
        conn->position += (uint64_t)n;
    } else if (n == 0) {
        conn_close(conn, false);
    } else if (errno != EAGAIN && errno != EINTR) {
        seen.resets++;
        conn_close(conn, false);
    }
}

static void conn_send(struct conn *conn) {
    /* No copy here: the receiving end reads the file's pages. */
    off_t at = (off_t)(conn->position % PERIOD);
    ssize_t n = sendfile(conn->fd, pattern_file, &at, 256 << 10);
    if (n > 0) {
        conn->position += (uint64_t)n;
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        seen.resets++;
        conn_close(conn, false);
    }
}

static void conn_ready(struct conn *conn, uint32_t events) {
    if (conn == &listener) {
        peer_accept();
    } else if (conn->connecting) {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error) {
            errno = error;
            die("the peer's connection");
        }
        conn->connecting = false;
        if (task == CRR_IN && send(conn->fd, pattern, 1, MSG_NOSIGNAL) != 1) {
            die("the peer's request");
        }
        conn_watch(conn, false, task == IN);
    } else if (conn->waits_out && !(events & (EPOLLERR | EPOLLHUP))) {
        conn_send(conn);
    } else {
        conn_receive(conn);
    }
}

/* ---- The programs at the guest's end ---- */

static void guest_write(struct flow *flow, uint64_t bytes) {
    flow->limit += bytes;
}

static void next_exchange(struct flow *flow) {
    seen.began = now_ns();
    guest_write(flow, 1);
}

static void on_open(struct flow *flow) {
    seen.opened++;
    if (task == OUT) {
        guest_write(flow, UINT64_MAX / 4);
    } else if (task == RR) {
        next_exchange(flow);
    } else if (task == CRR_OUT || task == IDLE) {
        guest_write(flow, 1);
    }
}

static void on_bytes(struct flow *flow, const uint8_t *data, size_t length) {
    switch (task) {
        case IN:
            check(data, length, flow->rcv);
            seen.bytes += length;
            seen.silence_ns = now - flow->progress > seen.silence_ns ? now - flow->progress : seen.silence_ns;
            flow->progress = now;
            break;
        case RR:
            if (seen.done < seen.count) {
                seen.times[seen.done] = now_ns() - seen.began;
                if (++seen.done < seen.count) {
                    next_exchange(flow);
                }
            }
            break;
        case CRR_OUT:
            flow->closing = true;
            break;
        case CRR_IN:
            guest_write(flow, 1);
            break;
        case IDLE:
            seen.done++;
            break;
        default:
            break;
    }
}

static void on_end(struct flow *flow) {
    flow->closing = true;
    if (task == OUT) {
        flow->limit = flow->nxt;
    }
}

static void on_gone(struct flow *flow) {
    (void)flow;
    if (task == CRR_OUT && seen.done < seen.count) {
        seen.times[seen.done] = now_ns() - seen.began;
        if (++seen.done < seen.count) {
            seen.began = now_ns();
            connect_flow();
        }
    }
}

/* ---- The loop ---- */

static bool turn(int timeout_ms) {
    struct epoll_event events[64];
    int n = epoll_wait(poller, events, 64, timeout_ms);
    now = now_ns();
    for (int i = 0; i < n; i++) {
        struct conn *conn = events[i].data.ptr;
        if (!conn) {
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                link_receive();
            }
        } else if (conn->fd >= 0) {
            conn_ready(conn, events[i].events);
        }
    }
    if (link_fd < 0) {
        return n > 0;
    }
    static int first;
    first = flow_end ? (first + 1) % flow_end : 0;
    if (slot_tail - slot_head < SLOTS / 4 && !(link_waits && slot_tail != slot_head)) {
        for (int i = 0; i < flow_end && slot_tail - slot_head < SLOTS / 2; i++) {
            flow_transmit(&flows[(first + i) % flow_end]);
        }
    }
    for (int i = 0; i < flow_end; i++) {
        if (flows[i].ack_due && flows[i].state == OPEN) {
            flow_segment(&flows[i], ACK, flows[i].nxt, 0);
        }
    }
    if (now - ticked > TICK_NS) {
        ticked = now;
        for (int i = 0; i < flow_end; i++) {
            if (flows[i].state != FREE) {
                on_tick(&flows[i]);
            }
        }
    }
    unsigned before = slot_head;
    if (slot_head != slot_tail && (!link_waits || n > 0)) {
        link_flush();
    }
    return n > 0 || slot_head != before;
}

/* Turns until the time is over, without sleeping as long as there is something to do. */
static void run_until(uint64_t end) {
    uint64_t busy = now = now_ns();
    while (now < end) {
        if (turn(now - busy < SPIN_NS ? 0 : 1)) {
            busy = now;
        }
    }
}

/* Turns until so many are done; sleeps as an ordinary program does. */
static void run_while(const uint64_t *counter, uint64_t less_than, const char *what) {
    uint64_t last = *counter, heard = now_ns();
    while (*counter < less_than) {
        turn(100);
        if (*counter != last) {
            last = *counter;
            heard = now;
        } else if (now - heard > PATIENCE_MS * 1000000ull) {
            errno = ETIMEDOUT;
            die(what);
        }
    }
}

static void end_all(void) {
    for (int i = 0; i < flow_end; i++) {
        if (flows[i].state != FREE) {
            while (slot_tail - slot_head == SLOTS) {
                turn(10);
            }
            flow_segment(&flows[i], RST | ACK, flows[i].nxt, 0);
            by_port[flows[i].server][flows[i].server ? flows[i].to : flows[i].at] = 0;
            flows[i].state = FREE;
        }
    }
    flow_end = 0;
    for (int i = conn_end - 1; i >= 0; i--) {
        if (i < conn_end && conns[i].fd >= 0) {
            conn_close(&conns[i], true);
        }
    }
    task = NOTHING;
    for (int quiet = 0, turns = 0; quiet < 2 && turns < 100000; turns++) {
        quiet = turn(20) ? 0 : quiet + 1;
    }
    for (int i = conn_end - 1; i >= 0; i--) {
        if (i < conn_end && conns[i].fd >= 0) {
            conn_close(&conns[i], true); /* accepted after its end */
        }
    }
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void bulk(int count, int ms) {
    if (task == OUT) {
        for (int i = 0; i < count; i++) {
            connect_flow();
        }
    } else {
        for (int i = 0; i < count; i++) {
            peer_connect();
        }
    }
    run_while(&seen.opened, (uint64_t)count, "connections");
    run_until(now_ns() + RAMP_MS * 1000000ull);
    double before = translator_cpu(), own = cpu(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t began = now_ns(), early = seen.bytes;
    seen.bytes = seen.resent = seen.gaps = seen.silence_ns = 0;
    run_until(began + (uint64_t)ms * 1000000u);
    double seconds = (double)(now_ns() - began) / 1e9;
    double spent = translator_cpu() - before;
    own = cpu(CLOCK_PROCESS_CPUTIME_ID) - own;
    for (int i = 0; i < flow_end; i++) {
        uint64_t silence = flows[i].state == OPEN ? now - flows[i].progress : 0;
        seen.silence_ns = silence > seen.silence_ns ? silence : seen.silence_ns;
    }
    printf("{\"seconds\":%.6f,\"bytes\":%llu,\"all\":%llu,\"cpu\":%.6f,\"own\":%.6f,\"corrupt\":%llu,\"gaps\":%llu,\"resent\":%llu,\"resets\":%llu,"
           "\"silence\":%.6f}\n",
           seconds, (unsigned long long)seen.bytes, (unsigned long long)(seen.bytes + early), spent, own, (unsigned long long)seen.corrupt, (unsigned long long)seen.gaps,
           (unsigned long long)seen.resent, (unsigned long long)seen.resets, (double)seen.silence_ns / 1e9);
}

static void say_exchanges(double seconds, double spent) {
    double total = 0;
    for (uint64_t i = 0; i < seen.done; i++) {
        total += (double)seen.times[i];
    }
    qsort(seen.times, seen.done, sizeof *seen.times, by_value);
    printf("{\"seconds\":%.6f,\"count\":%llu,\"median\":%.3f,\"mean\":%.3f,\"p99\":%.3f,\"cpu\":%.6f,\"corrupt\":%llu,\"resets\":%llu}\n", seconds,
           (unsigned long long)seen.done, (double)seen.times[seen.done / 2] / 1e3, total / (double)seen.done / 1e3,
           (double)seen.times[seen.done * 99 / 100] / 1e3, spent, (unsigned long long)seen.corrupt, (unsigned long long)seen.resets);
}

static void exchanges(void) {
    if (task == RR) {
        connect_flow();
    }
    double before = translator_cpu();
    uint64_t began = seen.began = now_ns();
    if (task == CRR_OUT) {
        connect_flow();
    } else if (task == CRR_IN) {
        peer_connect();
    }
    run_while(&seen.done, seen.count, "exchanges");
    say_exchanges((double)(now_ns() - began) / 1e9, translator_cpu() - before);
}

static void idle(int count) {
    for (int i = 0; i < count; i++) {
        connect_flow();
        run_while(&seen.done, i + 1 < OPENING ? 0 : (uint64_t)(i + 1 - OPENING), "idle connections");
        turn(0);
    }
    run_while(&seen.done, (uint64_t)count, "idle connections");
    printf("{\"count\":%llu,\"corrupt\":%llu}\n", (unsigned long long)seen.done, (unsigned long long)seen.corrupt);
}

/* ---- A guest of sockets ---- */

static int here_ns, guest_ns, guest_listener;

static int tcp_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct timeval patience = {PATIENCE_MS / 1000, 0};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience)
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) {
        die("a socket");
    }
    return fd;
}

static int listen_at(uint32_t address, int at) {
    int fd = tcp_socket();
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)at), .sin_addr.s_addr = address};
    if (bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, 4096)) {
        die("a listener");
    }
    return fd;
}

static void enter(int namespace) {
    if (setns(namespace, CLONE_NEWNET)) {
        die("setns");
    }
}

static void transmit_byte(int fd) {
    if (send(fd, pattern, 1, MSG_NOSIGNAL) != 1) {
        die("a byte to send");
    }
}

static void receive_byte(int fd) {
    uint8_t byte;
    if (recv(fd, &byte, 1, 0) != 1 || byte != pattern[0]) {
        die("a byte to receive");
    }
}

static int accepted(int fd) {
    int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC), on = 1;
    struct timeval patience = {PATIENCE_MS / 1000, 0};
    if (one < 0 || setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) || setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) {
        die("accept");
    }
    return one;
}

/* So many sockets of the end that connects, and where to. */
static int *make_clients(bool inward, size_t count, struct sockaddr_in *to) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = inward ? peer_ip : 0};
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)(inward ? port + 1 : port)), .sin_addr.s_addr = inward ? guest_ip : peer_ip};
    int *clients = calloc(count, sizeof *clients), on = 1;
    if (!inward) {
        enter(guest_ns);
    }
    for (size_t i = 0; i < count; i++) {
        clients[i] = tcp_socket();
        if (setsockopt(clients[i], IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) || bind(clients[i], (struct sockaddr *)&from, sizeof from)) {
            die("a client");
        }
    }
    enter(here_ns);
    return clients;
}

static void pump(const int *fds, int count, bool sends, uint64_t end) {
    static uint8_t buffer[128 << 10];
    int own = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = sends ? EPOLLOUT : EPOLLIN, .data.u32 = (uint32_t)i};
        epoll_ctl(own, EPOLL_CTL_ADD, fds[i], &event);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    for (now = now_ns(); now < end; now = now_ns()) {
        struct epoll_event events[16];
        int ready = epoll_wait(own, events, 16, 10);
        for (int i = 0; i < ready; i++) {
            struct conn *conn = &conns[events[i].data.u32];
            ssize_t n = sends ? send(fds[events[i].data.u32], buffer, sizeof buffer, MSG_NOSIGNAL) : recv(fds[events[i].data.u32], buffer, sizeof buffer, 0);
            if (n > 0) {
                note_progress(conn);
                seen.bytes += (uint64_t)n;
            } else if (n == 0 || errno != EAGAIN) {
                seen.resets++;
                end = 0;
            }
        }
    }
    close(own);
}

static void socket_bulk(int count, int ms) {
    struct sockaddr_in to;
    bool inward = task == IN;
    int *clients = make_clients(inward, (size_t)count, &to), *servers = calloc((size_t)count, sizeof *servers);
    for (int i = 0; i < count; i++) {
        if (connect(clients[i], (struct sockaddr *)&to, sizeof to)) {
            die("connect");
        }
        transmit_byte(clients[i]); /* Debian's pasta ends an inbound handshake with the first data */
        servers[i] = accepted(inward ? guest_listener : listener.fd);
        receive_byte(servers[i]);
    }
    int *ours = inward ? clients : servers, *theirs = inward ? servers : clients;
    fflush(stdout);
    pid_t guest = fork();
    if (guest == 0) {
        pump(theirs, count, !inward, UINT64_MAX);
        _exit(0);
    }
    for (int i = 0; i < count; i++) {
        close(theirs[i]);
        conns[i].progress = now_ns();
    }
    pump(ours, count, inward, now_ns() + RAMP_MS * 1000000ull);
    uint64_t began = now_ns(), early = seen.bytes;
    seen.silence_ns = 0;
    double before = translator_cpu();
    pump(ours, count, inward, began + (uint64_t)ms * 1000000u);
    double seconds = (double)(now_ns() - began) / 1e9, spent = translator_cpu() - before;
    for (int i = 0; i < count; i++) {
        struct linger none = {1, 0};
        note_progress(&conns[i]);
        setsockopt(ours[i], SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(ours[i]);
    }
    kill(guest, SIGKILL);
    waitpid(guest, NULL, 0);
    printf("{\"seconds\":%.6f,\"bytes\":%llu,\"all\":%llu,\"cpu\":%.6f,\"corrupt\":0,\"resets\":%llu,\"silence\":%.6f}\n", seconds,
           (unsigned long long)(seen.bytes - early), (unsigned long long)seen.bytes, spent, (unsigned long long)seen.resets, (double)seen.silence_ns / 1e9);
    free(clients);
    free(servers);
}

/* One after the other, both ends in this thread; the sockets are made before the clock runs. */
static void socket_exchanges(void) {
    bool inward = task == CRR_IN, again = task != RR;
    struct sockaddr_in to;
    int *clients = make_clients(inward, again ? seen.count : 1, &to), server = -1;
    int at = inward ? guest_listener : listener.fd;
    double before = 0;
    uint64_t began = 0;
    for (seen.done = 0; seen.done < seen.count; seen.done++) {
        int client = clients[again ? seen.done : 0];
        uint64_t started = now_ns();
        if (seen.done == 0) {
            before = translator_cpu();
            began = started;
        }
        if ((again || seen.done == 0) && connect(client, (struct sockaddr *)&to, sizeof to)) {
            die("connect");
        }
        transmit_byte(client);
        if (again || seen.done == 0) {
            server = accepted(at);
        }
        receive_byte(server);
        transmit_byte(server);
        receive_byte(client);
        if (again) {
            uint8_t none;
            close(client);
            if (recv(server, &none, 1, 0) != 0) {
                die("the end of a connection");
            }
            close(server);
        }
        seen.times[seen.done] = now_ns() - started;
    }
    say_exchanges((double)(now_ns() - began) / 1e9, translator_cpu() - before);
    if (!again) {
        close(clients[0]);
        close(server);
    }
    free(clients);
}

/* ---- A guest in a machine of its own ---- */

/* What runs in it: connects, is told by a letter what to do, does it until the other side has enough. */
static int serve(const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = inet_addr(address)};
    for (int tries = 0; tries < 100;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char letter = 0;
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) || recv(fd, &letter, 1, 0) != 1) {
            close(fd);
            tries++;
            usleep(100000);
            continue;
        }
        tries = 0;
        if (letter == 'q') {
            return 0;
        }
        for (uint64_t at = 0; letter == 'o';) {
            ssize_t n = send(fd, pattern + at % PERIOD, MAX_PAYLOAD, MSG_NOSIGNAL);
            if (n <= 0) {
                break;
            }
            at += (uint64_t)n;
        }
        while (letter == 'i' && recv(fd, NULL, 1 << 20, MSG_TRUNC) > 0) {
        }
        close(fd);
    }
    return 1;
}

static uint64_t machine_bytes(const struct conn *conn) {
    int queued = 0;
    if (task == IN) {
        ioctl(conn->fd, SIOCOUTQ, &queued);
    }
    return conn->position - (uint64_t)queued;
}

static void machine_bulk(int ms) {
    for (uint64_t until = now_ns() + 120000000000ull; conn_end == 0;) { /* it may still boot */
        turn(100);
        if (now > until) {
            errno = ETIMEDOUT;
            die("the machine");
        }
    }
    struct conn *conn = &conns[0];
    if (send(conn->fd, task == OUT ? "o" : "i", 1, MSG_NOSIGNAL) != 1) {
        die("the machine's order");
    }
    conn_watch(conn, false, task == IN);
    run_until(now_ns() + 3 * RAMP_MS * 1000000ull);
    double before = translator_cpu();
    uint64_t began = now_ns(), bytes = machine_bytes(conn);
    run_until(began + (uint64_t)ms * 1000000u);
    bytes = machine_bytes(conn) - bytes;
    printf("{\"seconds\":%.6f,\"bytes\":%llu,\"cpu\":%.6f,\"corrupt\":%llu,\"resets\":%llu}\n", (double)(now_ns() - began) / 1e9,
           (unsigned long long)bytes, translator_cpu() - before, (unsigned long long)seen.corrupt, (unsigned long long)seen.resets);
    conn_close(conn, true);
}

/* ---- */

static void connect_link(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    link_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    link_in = malloc(LINK_BUFFER);
    for (int tries = 0; connect(link_fd, (struct sockaddr *)&to, sizeof to); tries++) {
        if (tries > 200) {
            die(path);
        }
        usleep(50000);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, link_fd, &event);
    static const uint8_t unknown[6];
    for (int tries = 0; memcmp(router_mac, unknown, 6) == 0; tries++) {
        if (tries > 50) {
            errno = ETIMEDOUT;
            die("no router answers");
        }
        send_arp(1, NULL, router_ip);
        turn(0);
        turn(100);
    }
}

static const char *given(int count, char **arguments, const char *name) {
    size_t length = strlen(name);
    for (int i = 1; i < count; i++) {
        if (strncmp(arguments[i], name, length) == 0 && (arguments[i][length] == '=' || !arguments[i][length])) {
            return arguments[i] + length + (arguments[i][length] == '=');
        }
    }
    return NULL;
}

static bool obey(const char *line, bool sockets, bool machine) {
    static const char *const verbs[] = {"", "out", "in", "rr", "crr-out", "crr-in", "idle"};
    char verb[8];
    int count, amount;
    if (sscanf(line, "%7s %d %d %d", verb, &mtu, &count, &amount) != 4 || mtu < 576 || mtu > 65520 || count < 1 || count > MAX_FLOWS / 2
        || amount < 0 || amount > 1000000) {
        return false;
    }
    if (link_fd >= 0 && flow_end + conn_end > 0) {
        end_all(); /* the connections that were idle */
    }
    memset(&seen, 0, sizeof seen);
    task = NOTHING;
    for (int i = OUT; i <= IDLE; i++) {
        task = strcmp(verb, verbs[i]) == 0 ? (typeof(task))i : task;
    }
    seen.count = (uint64_t)amount;
    seen.times = calloc((size_t)amount + 1, sizeof *seen.times);
    now = now_ns();
    if (machine && (task == OUT || task == IN)) {
        machine_bulk(amount);
    } else if (sockets && (task == OUT || task == IN)) {
        socket_bulk(count, amount);
    } else if (sockets && (task == RR || task == CRR_OUT || task == CRR_IN)) {
        socket_exchanges();
    } else if (link_fd >= 0 && (task == OUT || task == IN)) {
        bulk(count, amount);
    } else if (link_fd >= 0 && (task == RR || task == CRR_OUT || task == CRR_IN)) {
        exchanges();
    } else if (link_fd >= 0 && task == IDLE) {
        idle(count);
    } else {
        return false;
    }
    free(seen.times);
    seen.times = NULL;
    if (link_fd >= 0 && task != IDLE) {
        end_all();
    }
    return true;
}

int main(int argc, char **argv) {
    const char *stream = given(argc, argv, "stream"), *namespace = given(argc, argv, "netns"), *machine = given(argc, argv, "qemu");
    const char *peer = given(argc, argv, "peer"), *pid = given(argc, argv, "pid"), *at = given(argc, argv, "port"), *server = given(argc, argv, "serve");
    port = at ? atoi(at) : 0;
    signal(SIGPIPE, SIG_IGN);
    make_pattern();
    if (server && port) {
        return serve(server);
    }
    if (!port || !peer || !stream + !namespace + !machine != 2 || (pid && clock_getcpuclockid((pid_t)atoi(pid), &translator))) {
        fprintf(stderr, "usage: tcpload stream=PATH|netns=PATH|qemu peer=PATH port=N [pid=N]\n       tcpload serve=ADDRESS port=N\n");
        return 2;
    }
    knows_translator = pid != NULL;
    guest_ip = inet_addr("10.77.0.2"); /* passt gives the guest the address of the host */
    peer_ip = inet_addr("10.77.0.3");
    router_ip = inet_addr("10.77.0.1");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (namespace) {
        if ((guest_ns = open(namespace, O_RDONLY | O_CLOEXEC)) < 0) {
            die(namespace);
        }
        enter(guest_ns);
        guest_listener = listen_at(INADDR_ANY, port + 1);
    }
    if ((here_ns = open(peer, O_RDONLY | O_CLOEXEC)) < 0) {
        die(peer);
    }
    enter(here_ns); /* for good: this thread is the peer */
    poller = epoll_create1(EPOLL_CLOEXEC);
    listener.fd = listen_at(peer_ip, port);
    if (!namespace) {
        fcntl(listener.fd, F_SETFL, O_NONBLOCK);
        conn_watch(&listener, true, false);
    }
    if (stream) {
        connect_link(stream);
    }
    setlinebuf(stdout);
    printf("{}\n");
    char line[128];
    for (;;) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = poller, .events = POLLIN}};
        poll(fds, 2, stream ? 100 : -1);
        if (!namespace) {
            turn(0);
        }
        if (!fds[0].revents) {
            continue;
        }
        /* One command at a time: the caller waits for the answer, so nothing stays behind in a buffer. */
        ssize_t n = read(0, line, sizeof line - 1);
        if (n <= 0) {
            for (int i = 0; machine && i < conn_end; i++) {
                if (conns[i].fd >= 0 && send(conns[i].fd, "q", 1, MSG_NOSIGNAL) != 1) {
                    die("the machine's end");
                }
            }
            return 0;
        }
        line[n] = 0;
        if (!obey(line, namespace != NULL, machine != NULL)) {
            fprintf(stderr, "tcpload: not a command: %s", line);
            return 2;
        }
    }
}

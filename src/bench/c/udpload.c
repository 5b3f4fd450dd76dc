/*
 * Both ends of UDP through a translator, in one thread: a guest, and a peer in another network namespace.
 *
 *   udpload stream=PATH|netns=PATH peer=PATH pid=N port=N
 *
 * pid is the translator's, for its processor time; port the first of the four used: from and to, out and in.
 *
 * The guest speaks the frames of a stream socket (4-byte length, Ethernet), or is a socket in the namespace netns. It has the addresses of
 * scripts/lab.sh and asks nobody for them. Commands on standard input, answers as one JSON object a line:
 *
 *   out BYTES MS   the guest sends as fast as its window lets it      in BYTES MS   the peer does
 *   rr BYTES COUNT the guest asks, the peer answers, one at a time
 *
 * A window, because on two processors an unlimited sender would measure the scheduler: it grows by one a flight and is halved when a
 * datagram is lost, so every translator is driven to the rate that it can take. One thread that owns both ends needs no clock and no lock to know what is lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_BYTES = 9000,
    STAMP = 8,               /* run and number, at the start of each payload */
    HEADERS = 14 + 20 + 8,
    SEGMENT_BYTES = 8972,    /* of a packet of 9000 bytes, the MTU that bench-udp.sh sets */
    BATCH = 32,
    BATCH_BYTES = 64 << 10,
    LINK_BUFFER = 512 << 10,
    WINDOW = 512,            /* datagrams; what a UNIX socket holds of small ones */
    WINDOW_BYTES = 2 << 20,
    FIRST_WINDOW = 32,
    LEAST_WINDOW = 4,
    SPIN_NS = 50 * 1000,     /* looks that long before it sleeps: waking us is not the translator's work */
    SILENCE_MS = 20,         /* what was sent that long ago and is not here is lost */
    PATIENCE_MS = 1000,
    CHECKED = 8,             /* of so many datagrams one is compared whole */
    RECEIVE_BUFFER = 16 << 20,
};

static const uint8_t MAC[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static uint32_t guest_ip, peer_ip, router_ip; /* network order */
static uint8_t router_mac[6];
static uint8_t pattern[MAX_BYTES];
static uint64_t run;

/* One transfer as its receiver sees it. */
static struct {
    int bytes, port;
    uint64_t seen;     /* the highest number that came, plus one: the order is kept, so what is missing below is lost */
    uint64_t received, corrupt, foreign, disordered;
} got;

struct end {
    int fd;
    bool is_link;
    int from, to;      /* ports, of what it sends */
    uint32_t dst;      /* where a socket sends to, network order */
};

/* The stream link. */
static int link_fd = -1;
static uint8_t *link_in;
static size_t link_have;
static uint8_t *link_out;
static size_t out_at, out_end;

static void die(const char *what) {
    fprintf(stderr, "udpload: %s: %s\n", what, strerror(errno));
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

/* RFC 1071, not yet folded. */
static uint64_t sum(const uint8_t *data, size_t length, uint64_t total) {
    for (; length > 1; data += 2, length -= 2) {
        total += (uint64_t)data[0] << 8 | data[1];
    }
    return length ? total + ((uint64_t)data[0] << 8) : total;
}

static uint16_t folded(uint64_t total) {
    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)~total;
}

static void put16(uint8_t *at, uint64_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put64(uint8_t *at, uint64_t value) {
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

static uint64_t stamp(uint64_t number) {
    return run << 40 | number;
}

static uint64_t pseudo(const uint8_t *ip, int udp_bytes) {
    return sum(ip + 12, 8, 0) + 17 + (uint64_t)udp_bytes;
}

/* Counts a datagram that came to the receiving end. */
static void arrived(const uint8_t *payload, int bytes) {
    uint64_t value;
    if (bytes != got.bytes) {
        got.foreign++;
        return;
    }
    memcpy(&value, payload, sizeof value);
    value = be64toh(value);
    if (value >> 40 != run) {
        got.foreign++; /* of an earlier run */
        return;
    }
    uint64_t number = value & 0xffffffffffu;
    if (number < got.seen) {
        got.disordered++;
    } else {
        got.seen = number + 1;
    }
    got.received++;
    if (number % CHECKED == 0 && memcmp(payload + STAMP, pattern + STAMP, (size_t)bytes - STAMP) != 0) {
        got.corrupt++;
    }
}

static void arp(uint8_t *message, int op, const uint8_t *to_mac, uint32_t to_ip, uint32_t from_ip) {
    static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
    memcpy(message, fixed, 6);
    put16(message + 6, (uint64_t)op);
    memcpy(message + 8, MAC, 6);
    memcpy(message + 14, &from_ip, 4);
    memcpy(message + 18, to_mac, 6);
    memcpy(message + 24, &to_ip, 4);
}

static void send_arp(int op, const uint8_t *to_mac, uint32_t to_ip) {
    static const uint8_t nobody[6];
    uint8_t frame[4 + 42];
    put16(frame, 0);
    put16(frame + 2, 42);
    memset(frame + 4, 0xff, 6);
    if (op == 2) {
        memcpy(frame + 4, to_mac, 6);
    }
    memcpy(frame + 10, MAC, 6);
    put16(frame + 16, ETHERTYPE_ARP);
    arp(frame + 18, op, op == 2 ? to_mac : nobody, to_ip, guest_ip);
    /* Between batches only, and so small that a socket which takes a part of it is full for good. */
    if (out_at == out_end && send(link_fd, frame, sizeof frame, MSG_NOSIGNAL) != sizeof frame && errno != EAGAIN) {
        die("ARP");
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
        return;
    }
    const uint8_t *ip = frame + 14, *udp = frame + 34;
    if (length < HEADERS || get16(frame + 12) != ETHERTYPE_IP || ip[0] != 0x45 || ip[9] != 17 || get16(udp + 2) != got.port
        || memcmp(ip + 16, &guest_ip, 4) != 0 || memcmp(ip + 12, &peer_ip, 4) != 0) {
        got.foreign++; /* neighbour discovery, advertisements */
        return;
    }
    int bytes = get16(udp + 4);
    if ((get16(ip + 6) & 0x3fff) != 0 || get16(ip + 2) != bytes + 20 || length != (size_t)bytes + 34) {
        got.corrupt++;
        return;
    }
    if (got.received % CHECKED == 0
        && (folded(sum(ip, 20, 0)) != 0 || (get16(udp + 6) != 0 && folded(sum(udp, (size_t)bytes, pseudo(ip, bytes))) != 0))) {
        got.corrupt++;
        return;
    }
    arrived(udp + 8, bytes - 8);
}

/* Reads what is there, once; false: nothing. */
static bool link_receive(void) {
    ssize_t n = recv(link_fd, link_in + link_have, LINK_BUFFER - link_have, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            die("the link is closed");
        }
        return false;
    }
    size_t at = 0;
    link_have += (size_t)n;
    while (link_have - at >= 4) {
        size_t length = (size_t)get16(link_in + at) << 16 | get16(link_in + at + 2);
        if (length > LINK_BUFFER / 2) {
            errno = EPROTO;
            die("a frame's length");
        }
        if (link_have - at - 4 < length) {
            break;
        }
        on_frame(link_in + at + 4, length);
        at += 4 + length;
    }
    memmove(link_in, link_in + at, link_have - at);
    link_have -= at;
    return true;
}

static bool link_flush(void) {
    while (out_at < out_end) {
        ssize_t n = send(link_fd, link_out + out_at, out_end - out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return false;
            }
            die("the link");
        }
        out_at += (size_t)n;
    }
    return true;
}

/* Frames for this transfer, of which only stamp and checksum are written anew each time. */
static void link_prepare(const struct end *end, int bytes) {
    size_t each = 4 + HEADERS + (size_t)bytes;
    for (size_t i = 0; i < BATCH && (i + 1) * each <= BATCH_BYTES + each; i++) {
        uint8_t *frame = link_out + i * each, *ip = frame + 18, *udp = frame + 38;
        memset(frame, 0, each);
        put16(frame + 2, HEADERS + (uint64_t)bytes);
        memcpy(frame + 4, router_mac, 6);
        memcpy(frame + 10, MAC, 6);
        put16(frame + 16, ETHERTYPE_IP);
        ip[0] = 0x45;
        put16(ip + 2, 28 + (uint64_t)bytes);
        ip[6] = 0x40; /* do not fragment */
        ip[8] = 64;
        ip[9] = 17;
        memcpy(ip + 12, &guest_ip, 4);
        memcpy(ip + 16, &end->dst, 4);
        put16(ip + 10, folded(sum(ip, 20, 0)));
        put16(udp, (uint64_t)end->from);
        put16(udp + 2, (uint64_t)end->to);
        put16(udp + 4, 8 + (uint64_t)bytes);
        memcpy(udp + 8 + STAMP, pattern + STAMP, (size_t)bytes - STAMP);
    }
}

static int link_send(int bytes, uint64_t number, int count) {
    static uint64_t fixed_sum;
    static int fixed_bytes;
    size_t each = 4 + HEADERS + (size_t)bytes;
    if (!link_flush()) {
        return 0;
    }
    if (fixed_bytes != bytes || number == 0) {
        uint8_t *udp = link_out + 38;
        fixed_sum = sum(udp, 6, pseudo(link_out + 18, 8 + bytes)) + sum(udp + 8 + STAMP, (size_t)bytes - STAMP, 0);
        fixed_bytes = bytes;
    }
    for (int i = 0; i < count; i++) {
        uint8_t *udp = link_out + (size_t)i * each + 38;
        put64(udp + 8, stamp(number + (uint64_t)i));
        uint16_t check = folded(sum(udp + 8, STAMP, fixed_sum));
        put16(udp + 6, check ? check : 0xffff);
    }
    out_at = 0;
    out_end = (size_t)count * each;
    link_flush();
    return count;
}

/* As one segmented datagram, or this end would be slower than what it measures: the kernel cuts it up before any socket sees it. */
static int socket_send(const struct end *end, int bytes, uint64_t number, int count) {
    static uint8_t stamps[BATCH][STAMP];
    static struct iovec parts[BATCH][2];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)end->to), .sin_addr.s_addr = end->dst};
    for (int i = 0; i < count; i++) {
        put64(stamps[i], stamp(number + (uint64_t)i));
        parts[i][0] = (struct iovec){stamps[i], STAMP};
        parts[i][1] = (struct iovec){pattern + STAMP, (size_t)bytes - STAMP};
    }
    int n;
    if (count > 1 && bytes <= SEGMENT_BYTES) {
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
        struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts[0], .msg_iovlen = 2 * (size_t)count,
                                 .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *segment = CMSG_FIRSTHDR(&message);
        segment->cmsg_level = SOL_UDP;
        segment->cmsg_type = UDP_SEGMENT;
        segment->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)bytes;
        memcpy(CMSG_DATA(segment), &size, sizeof size);
        n = sendmsg(end->fd, &message, MSG_DONTWAIT) < 0 ? -1 : count;
    } else {
        struct mmsghdr messages[BATCH];
        memset(messages, 0, sizeof messages);
        for (int i = 0; i < count; i++) {
            messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts[i], .msg_iovlen = 2};
        }
        n = sendmmsg(end->fd, messages, (unsigned)count, MSG_DONTWAIT);
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED && errno != ENOBUFS) {
        die("sendmsg");
    }
    return n < 0 ? 0 : n;
}

static bool socket_receive(int fd, struct sockaddr_in *from) {
    static uint8_t buffers[BATCH][MAX_BYTES];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){buffers[i], MAX_BYTES};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    messages[0].msg_hdr.msg_name = from;
    messages[0].msg_hdr.msg_namelen = from ? sizeof *from : 0;
    int n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED) {
        die("recvmmsg");
    }
    for (int i = 0; i < n; i++) {
        arrived(buffers[i], (int)messages[i].msg_len);
    }
    return n > 0;
}

static int end_send(const struct end *end, int bytes, uint64_t number, int count) {
    return end->is_link ? link_send(bytes, number, count) : socket_send(end, bytes, number, count);
}

static bool end_receive(const struct end *end) {
    return end->is_link ? link_receive() : socket_receive(end->fd, NULL);
}

static void begin(const struct end *sender, int bytes, int port) {
    run++;
    memset(&got, 0, sizeof got);
    got.bytes = bytes;
    got.port = port;
    if (sender->is_link) {
        link_prepare(sender, bytes);
    }
}

static void transfer(const struct end *sender, const struct end *receiver, int bytes, int ms, clockid_t translator) {
    begin(sender, bytes, sender->to);
    int most = WINDOW < WINDOW_BYTES / bytes ? WINDOW : WINDOW_BYTES / bytes;
    int batch = BATCH < BATCH_BYTES / bytes ? BATCH : BATCH_BYTES / bytes;
    double window = FIRST_WINDOW, windows = 0;
    bool grows_fast = true;
    uint64_t sent = 0, base = 0, seen = 0, received = 0, recovered = 0, turns = 0;
    double cpu_before = cpu(translator), own_before = cpu(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t began = now_ns(), ends = began + (uint64_t)ms * 1000000u, now = began, heard = began;
    while (now < ends) {
        uint64_t low = base > got.seen ? base : got.seen; /* everything below came or is lost */
        int room = (int)window - (int)(sent - low);
        int enough = (int)(window / 4) < batch ? (int)(window / 4) : batch;
        bool moved = false;
        bool may = room >= (enough > 1 ? enough : 1);
        if (may) {
            int n = end_send(sender, bytes, sent, room < batch ? room : batch);
            sent += (uint64_t)n;
            moved = n > 0;
        } else if (sender->is_link && out_at < out_end) {
            link_flush();
        }
        moved |= end_receive(receiver);
        if (sender->is_link && turns % 1024 == 0) {
            link_receive(); /* ARP requests */
        }
        uint64_t came = got.received - received;
        if (got.seen > seen) {
            uint64_t from = seen > base ? seen : base;
            uint64_t missing = got.seen > from ? got.seen - from - (came < got.seen - from ? came : got.seen - from) : 0;
            if (missing) {
                grows_fast = false;
                if (got.seen > recovered) {
                    window = window / 2 > LEAST_WINDOW ? window / 2 : LEAST_WINDOW;
                    recovered = sent;
                }
            } else {
                window += grows_fast ? (double)came : (double)came / window;
                window = window > most ? most : window;
            }
            seen = got.seen;
        }
        received = got.received;
        windows += window;
        turns++;
        now = now_ns();
        if (moved) {
            heard = now;
        } else if (now - heard > SPIN_NS) {
            struct pollfd fds[2] = {
                {.fd = receiver->fd, .events = POLLIN},
                {.fd = sender->fd, .events = (short)((may || out_at < out_end ? POLLOUT : 0) | (sender->is_link ? POLLIN : 0))},
            };
            if (poll(fds, 2, SILENCE_MS) == 0) {
                base = sent;
                window = LEAST_WINDOW;
                grows_fast = false;
                recovered = sent;
            } else if (sender->is_link && fds[1].revents & POLLIN) {
                link_receive();
            }
            now = now_ns();
        }
    }
    double seconds = (double)(now - began) / 1e9;
    double spent = cpu(translator) - cpu_before, own = cpu(CLOCK_PROCESS_CPUTIME_ID) - own_before;
    /* What is under way comes in: it is not lost, but it is too late for the rate. */
    for (int i = 0; i < 50; i++) {
        bool all = link_flush();
        struct pollfd fd = {.fd = receiver->fd, .events = POLLIN};
        if (poll(&fd, 1, SILENCE_MS) == 0 && all) {
            break;
        }
        while (end_receive(receiver)) {
        }
    }
    printf("{\"bytes\":%d,\"seconds\":%.6f,\"sent\":%llu,\"received\":%llu,\"lost\":%llu,\"corrupt\":%llu,\"disordered\":%llu,"
           "\"window\":%.0f,\"cpu\":%.6f,\"own\":%.6f}\n",
           bytes, seconds, (unsigned long long)sent, (unsigned long long)received, (unsigned long long)(sent - got.received),
           (unsigned long long)got.corrupt, (unsigned long long)got.disordered, windows / (double)turns, spent, own);
}

/* True when the number has come to this end in time. */
static bool await(const struct end *end, uint64_t number, struct sockaddr_in *from) {
    uint64_t until = now_ns() + PATIENCE_MS * 1000000ull;
    got.seen = 0;
    do {
        struct pollfd fd = {.fd = end->fd, .events = POLLIN};
        poll(&fd, 1, PATIENCE_MS);
        if (end->is_link) {
            link_receive();
        } else {
            socket_receive(end->fd, from);
        }
        if (got.seen == number + 1) {
            return true;
        }
    } while (now_ns() < until);
    return false;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void request_response(const struct end *guest, const struct end *peer, int bytes, int count, clockid_t translator) {
    uint64_t *times = calloc((size_t)count, sizeof *times);
    begin(guest, bytes, guest->from);
    uint64_t lost = 0;
    int done = 0;
    double cpu_before = cpu(translator), total = 0;
    for (int i = 0; i < count && lost < 5; i++) {
        struct sockaddr_in from = {0};
        uint64_t before = now_ns();
        while (end_send(guest, bytes, (uint64_t)i, 1) != 1) {
        }
        if (await(peer, (uint64_t)i, &from)) {
            struct end back = *peer;
            back.to = ntohs(from.sin_port);
            back.dst = from.sin_addr.s_addr;
            if (socket_send(&back, bytes, (uint64_t)i, 1) == 1 && await(guest, (uint64_t)i, NULL)) {
                times[done] = now_ns() - before;
                total += (double)times[done++];
                continue;
            }
        }
        lost++;
    }
    double spent = cpu(translator) - cpu_before;
    qsort(times, (size_t)done, sizeof *times, by_value);
    printf("{\"bytes\":%d,\"received\":%d,\"lost\":%llu,\"corrupt\":%llu,\"median\":%.3f,\"mean\":%.3f,\"p99\":%.3f,\"cpu\":%.6f}\n", bytes, done,
           (unsigned long long)lost, (unsigned long long)got.corrupt, done ? (double)times[done / 2] / 1e3 : 0, done ? total / done / 1e3 : 0,
           done ? (double)times[done * 99 / 100] / 1e3 : 0, spent);
    free(times);
}

/* A UDP socket in a network namespace. */
static int socket_within(const char *namespace, uint32_t address, int port) {
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = open(namespace, O_RDONLY | O_CLOEXEC);
    if (here < 0 || there < 0 || setns(there, CLONE_NEWNET)) {
        die(namespace);
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = address};
    int size = RECEIVE_BUFFER;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) {
        die("a socket in the namespace");
    }
    if (setns(here, CLONE_NEWNET)) {
        die("setns");
    }
    close(here);
    close(there);
    return fd;
}

static void connect_link(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    link_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    link_in = malloc(LINK_BUFFER);
    link_out = calloc(2, BATCH_BYTES);
    int tries = 0;
    while (connect(link_fd, (struct sockaddr *)&to, sizeof to)) {
        if (++tries > 200) {
            die(path);
        }
        usleep(50000);
    }
    static const uint8_t unknown[6];
    for (tries = 0; memcmp(router_mac, unknown, 6) == 0; tries++) {
        if (tries > 50) {
            errno = ETIMEDOUT;
            die("no router answers");
        }
        send_arp(1, NULL, router_ip);
        struct pollfd fd = {.fd = link_fd, .events = POLLIN};
        if (poll(&fd, 1, 100) > 0) {
            link_receive();
        }
    }
}

static const char *given(int count, char **arguments, const char *name) {
    size_t length = strlen(name);
    for (int i = 1; i < count; i++) {
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=') {
            return arguments[i] + length + 1;
        }
    }
    return NULL;
}

int main(int count, char **arguments) {
    const char *stream = given(count, arguments, "stream"), *namespace = given(count, arguments, "netns");
    const char *peer = given(count, arguments, "peer"), *pid = given(count, arguments, "pid"), *port = given(count, arguments, "port");
    clockid_t translator;
    if (!peer || !pid || !port || !stream == !namespace || clock_getcpuclockid((pid_t)atoi(pid), &translator)) {
        fprintf(stderr, "usage: udpload stream=PATH|netns=PATH peer=PATH pid=N port=N\n");
        return 2;
    }
    guest_ip = inet_addr("10.77.0.2"); /* passt gives the guest the address of the host */
    peer_ip = inet_addr("10.77.0.3");
    router_ip = inet_addr("10.77.0.1");
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof pattern; i++) {
        seed = seed * 1664525 + 1013904223;
        pattern[i] = (uint8_t)(seed >> 24);
    }
    int out_from = atoi(port), out_to = out_from + 1, in_from = out_from + 2, in_to = out_from + 3;
    struct end guest_out = {.is_link = stream != NULL, .from = out_from, .to = out_to, .dst = peer_ip}, guest_in = guest_out;
    struct end peer_out = {.from = out_to, .to = out_from, .dst = guest_ip}, peer_in = {.from = in_from, .to = in_to, .dst = guest_ip};
    peer_out.fd = socket_within(peer, peer_ip, out_to);
    peer_in.fd = socket_within(peer, peer_ip, in_from);
    if (stream) {
        connect_link(stream);
        guest_out.fd = guest_in.fd = link_fd;
    } else {
        guest_out.fd = socket_within(namespace, guest_ip, out_from);
        guest_in.fd = socket_within(namespace, guest_ip, in_to);
    }
    setlinebuf(stdout);
    printf("{}\n");
    char line[128], verb[8];
    for (;;) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = link_fd, .events = POLLIN}};
        poll(fds, 2, -1);
        if (fds[1].revents) {
            link_receive();
        }
        if (!fds[0].revents) {
            continue;
        }
        /* One command at a time: the caller waits for the answer, so nothing stays behind in a buffer. */
        ssize_t n = read(0, line, sizeof line - 1);
        if (n <= 0) {
            return 0;
        }
        line[n] = 0;
        int bytes, amount;
        if (sscanf(line, "%7s %d %d", verb, &bytes, &amount) != 3 || bytes < STAMP || bytes > MAX_BYTES || amount < 1 || amount > 1000000) {
            fprintf(stderr, "udpload: not a command: %s", line);
            return 2;
        }
        if (strcmp(verb, "out") == 0) {
            transfer(&guest_out, &peer_out, bytes, amount, translator);
        } else if (strcmp(verb, "in") == 0) {
            transfer(&peer_in, &guest_in, bytes, amount, translator);
        } else {
            request_response(&guest_out, &peer_out, bytes, amount, translator);
        }
    }
}

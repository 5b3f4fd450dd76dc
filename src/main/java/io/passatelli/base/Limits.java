package io.passatelli.base;

/** Every bound of the process, with its reason. Full means: drop and count, never wait. */
public final class Limits {
    /** Largest Ethernet frame, bytes: 65535 of length field in IPv4, rounded as the link carries it (spec of passt: L2 ≤ 65535). */
    public static final int FRAME_BYTES = 65_535;

    /** Smallest frame we send, bytes: IEEE 802.3 without FCS. */
    public static final int FRAME_MIN_BYTES = 60;

    /** First bytes of a frame that are contiguous and private to us: the longest headers (Ethernet 14, IPv6 40 and extensions, TCP 60) fit. */
    public static final int HEADER_BYTES = 160;

    /** Largest frame that {@code Link.control} takes, bytes: an ordinary Ethernet frame. */
    public static final int CONTROL_FRAME_BYTES = 1_514;

    /** Above this a stream's frame length means that framing is lost, bytes. */
    public static final int STREAM_SKIP_BYTES = 128 << 10;

    /** Frames in one receive batch: frames of 1500 bytes then come and go 280 KiB at a time; long ones are bounded by the links' memory. */
    public static final int RX_BATCH_FRAMES = 192;

    /** Frames in one reservation toward the guest, as {@link #RX_BATCH_FRAMES}. */
    public static final int TX_BATCH_FRAMES = 192;

    /** Memory of one stream link, either way, bytes: several of the largest frames in one system call. */
    public static final int STREAM_BUFFER_BYTES = 512 << 10;

    /** Control frames that wait in a stream link, bytes: more of them would only be older acknowledgements. */
    public static final int STREAM_CONTROL_BYTES = 64 << 10;

    /** A part of a frame up to this is moved to the front of a stream's buffer, which is cache-hot; a longer one only for want of room, bytes. */
    public static final int STREAM_MOVE_BYTES = 4 << 10;

    /** SO_SNDBUF asked for on a stream's socket, bytes; net.core.wmem_max may give less. A guest that stops reading holds this much of the kernel. */
    public static final int STREAM_SNDBUF_BYTES = 2 << 20;

    /** Connections waiting at a stream's socket, listen(2): one guest, and some that are sent away. */
    public static final int STREAM_BACKLOG = 8;

    /** Connections accepted in one turn at a stream's socket. */
    public static final int STREAM_ACCEPTS_PER_TURN = 8;

    /** Without descriptors left, accept(2) is tried again after this, ms. */
    public static final int STREAM_ACCEPT_RETRY_MS = 100;

    /** Default paths tried, /tmp/passt_1.socket and on: passt's manual says 64. */
    public static final int STREAM_DEFAULT_PATHS = 64;

    /** Memory for frames to a tap, bytes: eight of the largest with what is before them. */
    public static final int TAP_BUFFER_BYTES = 516 << 10;

    /** A batch from a tap ends with the frame that reaches this, bytes: four of the largest stay in the cache while they are worked on. */
    public static final int TAP_BATCH_BYTES = 224 << 10;

    /** A link for whose frame the kernel had no memory is tried again after this, ms: epoll says nothing of it. */
    public static final int LINK_RETRY_MS = 2;

    /** Captured bytes gathered before they are written to the file. */
    public static final int PCAP_BUFFER_BYTES = 256 << 10;

    /** The file of a capture that was begun while the plane runs, bytes, unless another bound is asked for. */
    public static final long CAPTURE_BYTES = 100L << 20;

    /** The most that can be asked for, bytes: below what a forgotten capture may do to a disk. */
    public static final long CAPTURE_BYTES_MOST = 4L << 30;

    /** Extension headers of one IPv6 datagram: RFC 8200 §4.1 knows seven places for them, one more is reserve. */
    public static final int IP6_EXTENSION_HEADERS = 8;

    /** Datagrams of the guest that wait for more of their fragments; Linux sends one at a time for each conversation. */
    public static final int FRAGMENTED_DATAGRAMS = 64;

    /** What they hold together, bytes: 32 of the longest. Made on demand. */
    public static final int FRAGMENT_MEMORY_BYTES = 2 << 20;

    /** A datagram's memory comes in chunks of this many bytes: a page, and the longest datagram fits into the pieces of a batch. */
    public static final int FRAGMENT_CHUNK_BYTES = 4 << 10;

    /** After this the fragments of an incomplete datagram are given up, seconds (net.ipv4.ipfrag_time). */
    public static final int FRAGMENT_TIMEOUT_S = 30;

    /** Flows of all protocols. */
    public static final int FLOWS = 16_384;

    /** Flow objects are made in blocks of this many, when first needed. */
    public static final int FLOW_BLOCK = 256;

    /** Views of flows in one answer: a megabyte or two of memory. */
    public static final int FLOW_VIEWS = 10_000;

    /** Views made in one turn of the loop: well below a millisecond, also while the code is cold. */
    public static final int FLOW_VIEWS_PER_TURN = 250;

    /** Lists of flows that are being made at one time: each may be as long as {@link #FLOW_VIEWS}. */
    public static final int FLOW_LISTS = 4;

    /** Events taken from epoll in one turn. */
    public static final int EVENTS_PER_TURN = 64;

    /** Bytes that one flow may move in one visit. */
    public static final int QUANTUM_BYTES = 256 << 10;

    /** What a flow that moved too much in one visit owes at most, quanta: it cannot be locked out for long. */
    public static final int DEBT_QUANTA = 4;

    /** Commands waiting in a mailbox; a power of two. */
    public static final int MAILBOX_COMMANDS = 256;

    /** Commands that one turn runs: packets come before administration. */
    public static final int COMMANDS_PER_TURN = 32;

    /** End-of-turn actions of one loop: a link's and a few translators'. */
    public static final int TURN_ENDS = 32;

    /** Kinds of event source at one loop: 8 bits of the reference. */
    public static final int HANDLERS = 256;

    /** iovecs in one call: UIO_MAXIOV, uio.h. */
    public static final int IOVECS = 1_024;

    /** Echo conversations at one time: each holds a descriptor. */
    public static final int PING_FLOWS = 1_024;

    /** A conversation of echoes without traffic ends, seconds. */
    public static final int PING_IDLE_S = 60;

    /** UDP flows at one time: each holds a descriptor. */
    public static final int UDP_FLOWS = 8_192;

    /** Descriptors that are neither for flows of UDP and TCP nor for listeners: what the process itself has, and echoes. A process that may have few has fewer flows. */
    public static final int OTHER_DESCRIPTORS = 1_024;

    /** Of them, made by datagrams from the network: a flood of strangers leaves places for the guest's own. */
    public static final int UDP_FLOWS_FROM_HOST = UDP_FLOWS / 2;

    /** Of them, made by the guest: a guest that speaks to everybody can still be spoken to. */
    public static final int UDP_FLOWS_FROM_GUEST = UDP_FLOWS / 4 * 3;

    /** TCP flows at one time: each holds a descriptor. */
    public static final int TCP_FLOWS = 12_288;

    /** Of them, made by peers: a flood of them leaves places for the guest's own. */
    public static final int TCP_FLOWS_FROM_HOST = TCP_FLOWS / 4 * 3;

    /** Of them, made by the guest. */
    public static final int TCP_FLOWS_FROM_GUEST = TCP_FLOWS / 4 * 3;

    /** Payload of TCP lies in pieces of this many bytes: the longest segment, or a burst of short ones that the link cuts up, fits in one. */
    public static final int TCP_CHUNK_BYTES = 64 << 10;

    /** What all flows have sent to the guest, or are about to, and the guest has not acknowledged, bytes. */
    public static final int TCP_FLIGHT_BYTES = 32 << 20;

    /** What one flow has in flight to the guest at first, bytes; more while the guest takes it. */
    public static final int TCP_IN_FLIGHT_FIRST_BYTES = 256 << 10;

    /** At most, bytes: memory's bandwidth times the time that a guest takes to answer. */
    public static final int TCP_IN_FLIGHT_MOST_BYTES = 1 << 20;

    /** All flows together aim at this much in flight, bytes: eight with 1 MiB each fall out of the cache, and with 128 KiB each pay more system calls (make bench-stream). */
    public static final int TCP_IN_FLIGHT_SHARED_BYTES = 4 << 20;

    /** After a loss, at least, bytes. */
    public static final int TCP_IN_FLIGHT_LEAST_BYTES = 64 << 10;

    /** Frames in flight over all flows on a link that loses what is too much: a fourth of Linux's net.core.netdev_max_backlog. */
    public static final int TCP_LOSSY_FRAMES = 256;

    /** As {@link #TCP_LOSSY_FRAMES}, where a frame is a burst that the guest's kernel cuts up. */
    public static final int TCP_LOSSY_BURSTS = 64;

    /** Chunks that one read of a socket fills at most: four of the longest frames stay in the cache. */
    public static final int TCP_READ_CHUNKS = 4;

    /** What the guest sent and sockets have not taken yet, of all flows, bytes. */
    public static final int TCP_STASH_BYTES = 16 << 20;

    /** Of one flow, chunks: one of them may be used up in part. */
    public static final int TCP_STASH_CHUNKS = 5;

    /** What came of all flows ahead of something that is missing, bytes: losses are rare on a link, and short. */
    public static final int TCP_AHEAD_BYTES = 4 << 20;

    /** Of one flow, chunks from the first missing byte on: as much as a flow has in flight at most. */
    public static final int TCP_AHEAD_CHUNKS = 16;

    /** Of one flow, ranges: a window of 1 MiB at MTU 1500 has seven gaps where one segment in a hundred is lost. */
    public static final int TCP_AHEAD_RANGES = 16;

    /** What lies in the stash is acknowledged after this, ms: well below the guest's time-out of 200. */
    public static final int TCP_STASH_ACK_MS = 40;

    /** The window that the guest sees at most, bytes (Linux: net.ipv4.tcp_rmem). */
    public static final int TCP_WINDOW_BYTES = 16 << 20;

    /** Our window scale, RFC 7323 §2: the field then says up to 16 MiB. */
    public static final int TCP_WINDOW_SCALE = 8;

    /** Shortest segments that a guest can ask for, bytes of payload (Linux: TCP_MIN_MSS). */
    public static final int TCP_MSS_LEAST = 88;

    /** Retransmission time-out before the guest's round-trip time is known, ms, RFC 6298 §2.1. */
    public static final int TCP_RTO_FIRST_MS = 1_000;

    /** Least retransmission time-out, ms (Linux: TCP_RTO_MIN). */
    public static final int TCP_RTO_LEAST_MS = 200;

    /** Most, ms (Linux: TCP_RTO_MAX). */
    public static final int TCP_RTO_MOST_MS = 120_000;

    /** Least time after which the end of what was sent goes again, ms. */
    public static final int TCP_TAIL_PROBE_LEAST_MS = 10;

    /** How often the guest is sent the same without any answer; with the time-outs' doubling at least 400 s, so a paused guest comes back. */
    public static final int TCP_RETRIES = 10;

    /** How often a SYN to the guest is sent again (net.ipv4.tcp_syn_retries is 6). */
    public static final int TCP_SYN_RETRIES = 7;

    /** Of these, a second apart; the others double (net.ipv4.tcp_syn_linear_timeouts). */
    public static final int TCP_SYN_LINEAR_RETRIES = 4;

    /** So many acknowledgments of the same number say that a segment was lost, either way, RFC 5681 §3.2. */
    public static final int TCP_DUPLICATES = 3;

    /** After this without a word of the guest it is asked whether it is still there, seconds. */
    public static final int TCP_KEEPALIVE_S = 30;

    /** A connection on which nothing was sent for so long ends, seconds (net.ipv4.tcp_keepalive_time). */
    public static final int TCP_IDLE_S = 7_200;

    /** Answers to segments that fit no connection's numbers, each second, RFC 5961 §7. */
    public static final int TCP_CHALLENGES_PER_SECOND = 1_000;

    /** Longest UDP payload: what fits an IPv4 datagram of 65535 bytes. */
    public static final int UDP_PAYLOAD_BYTES = 65_507;

    /**
     * SO_RCVBUF asked for on sockets of UDP, bytes; net.core.rmem_max may give less. A burst of a thousand datagrams waits there while the loop is
     * elsewhere; what fills, the kernel bounds for all sockets together (net.ipv4.udp_mem, and the cgroup).
     */
    public static final int UDP_RCVBUF_BYTES = 512 << 10;

    /** Datagrams taken from a socket in one call. */
    public static final int UDP_BATCH = 64;

    /** What one call to receive is to bring at most, as far as the last one tells, bytes: read, summed and sent, it should stay in the cache. */
    public static final int UDP_BATCH_BYTES = 256 << 10;

    /**
     * So many datagrams a listener may have to give before a flow that it began is read, at most: more do not fit its receive buffer, of which
     * the smallest takes 768 bytes.
     */
    public static final int UDP_HANDOVER_DATAGRAMS = 2 * UDP_RCVBUF_BYTES / 768 + 1;

    /** Entries of one socket's error queue taken in one visit. */
    public static final int UDP_ERRORS_PER_VISIT = 16;

    /** ICMP errors to the guest within a second: as many as Linux sends (net.ipv4.icmp_msgs_per_sec). */
    public static final int UDP_ERRORS_PER_SECOND = 1_000;

    /** Sockets that listen for forwards: every port of both protocols at one address (131,070), and a quarter more. */
    public static final int FORWARD_LISTENERS = 163_840;

    /** A change of forwards works so long before the loop does its other work, ns: with the sockets between two looks at the clock a gap of a millisecond. */
    public static final long FORWARD_SLICE_NS = 900_000;

    /** At most so many looks at tables, of which a socket counts for several; a clock that stands still must not make the gap longer. */
    public static final int FORWARD_SLICE_STEPS = 16_384;

    /** Connections that wait at one of them, listen(2): net.core.somaxconn was this for long. */
    public static final int TCP_BACKLOG = 128;

    /** Connections taken from one of them in one visit: as many as the events of one turn, then others have theirs. */
    public static final int TCP_ACCEPTS_PER_VISIT = 64;

    /** Without descriptors left, accept(2) is tried again after this, ms; soon enough for who waits, and ten calls a second in vain. */
    public static final int TCP_ACCEPT_RETRY_MS = 100;

    /** What is kept of a packet that an ICMP error is about, bytes: an ICMPv6 error quotes no more, RFC 4443 §3.1. */
    public static final int SOCKET_ERROR_BYTES = 1_280;

    /** Resolvers told to the guest, per family (RFC 2132 has no bound; resolv.conf has 3). */
    public static final int RESOLVERS = 3;

    /** Search domains told to the guest (resolv.conf's bound). */
    public static final int SEARCH_DOMAINS = 6;

    /** A DHCP message from the guest, bytes: no guest sends more than an Ethernet frame's worth; a few thousand are cheap to copy. */
    public static final int DHCP_MESSAGE_BYTES = 4_096;

    /** A message of Neighbor Discovery from the guest, bytes: an Ethernet frame's worth; what guests send is 24 to 40. */
    public static final int NDP_MESSAGE_BYTES = 1_500;

    /** Prefixes, resolvers and domains, each, that router advertisements still withdraw; of more the oldest are forgotten. */
    public static final int NDP_WITHDRAWN = 8;

    /** How long router advertisements withdraw what is no more, seconds: RFC 4862 §5.5.3 lets a guest keep a prefix for two hours. */
    public static final int NDP_WITHDRAWN_S = 7_200;

    /** Addresses of the guest, not those it is to have, that one DHCPv6 reply ends; others end with the renewals after it. */
    public static final int DHCP6_ADDRESSES = 16;

    /** One read of rtnetlink, bytes: the kernel fills at most 32 KiB of it in a dump (netlink(7)). */
    public static final int NETLINK_READ_BYTES = 64 << 10;

    /** Reads for one dump: half a million routes, then the table is not one that we can look through at start. */
    public static final int NETLINK_READS = 4_096;

    /** How often a dump that a change interrupted is asked for again. */
    public static final int NETLINK_ATTEMPTS = 5;

    /** How long rtnetlink may be silent within a dump, milliseconds: it answers from memory. */
    public static final int NETLINK_WAIT_MS = 1_000;

    /** Interfaces, addresses, and routes kept of the host, each; further ones are not looked at. */
    public static final int HOST_ENTRIES = 16_384;

    /** The guest's host name: HOST_NAME_MAX of Linux (hostname(7)). */
    public static final int HOST_NAME_CHARS = 64;

    /** The host's neighbours that the guest sees by their own MAC: a /23 full of hosts; the others have the gateway's or ours. */
    public static final int NEIGHBOURS = 512;

    /** Datagrams of neighbour news taken in one turn. */
    public static final int NEIGHBOUR_READS = 16;

    /** Rules of passt's options for one protocol, as passt's; one that exclusions split counts as one. So many exclusions may one specification have. */
    public static final int PASST_RULES = 255;

    /** Rules that forward ports: with what is said of each, twice over while they change, they take some MiB. */
    public static final int FORWARD_RULES = 16_384;

    /** Items of one annotation that forwards ports. */
    public static final int FORWARD_ITEMS = 255;

    /** Its characters: so many of the longest items fit, in quotes too. */
    public static final int FORWARD_TEXT_CHARS = 12 << 10;

    /** How often the guest is asked about its TCP ports, ms: twenty times a second some are asked, so none of its queues is filled. */
    public static final int SWEEP_TICK_MS = 50;

    /** So many questions a second at most, beside those of {@link #SWEEP_HOT_PORTS}. */
    public static final int SWEEP_PROBES_PER_SECOND = 2_000;

    /** Each port is asked once in so long, seconds; at the rate above that is enough for both families, and with some slowness of ours no minute. */
    public static final int SWEEP_ROUND_S = 50;

    /** Ports of which one is soonest to be open. */
    public static final int SWEEP_HOT_PORTS = 256;

    /** They are asked once in so long, ms. */
    public static final int SWEEP_HOT_MS = 2_000;

    /** Ports that listen because the guest answers on them, of both families: 27 MiB of the kernel's memory. */
    public static final int SWEEP_LISTENERS = 8_192;

    /** Whether the guest says anything is looked at so often, ms. */
    public static final int SWEEP_LOOK_MS = 500;

    /** After so many looks without a word of the guest it is asked nothing: two seconds, since a busy one answers late. */
    public static final int SWEEP_SILENT_LOOKS = 4;

    /** Looks at a silent guest become rarer so often, by a half each time: one in four seconds. */
    public static final int SWEEP_RARER_LOOKS = 3;

    /** A guest that speaks is called so often for a family that it was not heard by, each half second: for a minute ... */
    public static final int SWEEP_CALLS = 120;

    /** ... and then one time in so many. */
    public static final int SWEEP_CALLS_RARER = 16;

    /** What a listening port costs the kernel and us, bytes: socket, file and watch, measured with 37,000 of TCP. */
    public static final int FORWARD_LISTENER_BYTES = 4 << 10;

    /** Ports that listen whatever the memory limit: 4 MiB, which even the smallest sidecar has. */
    public static final int FORWARD_PORTS_LEAST = 1_024;

    /** A sidecar that may have less memory than this, bytes, leaves out what is not needed for the network. */
    public static final long SIDECAR_WHOLE_LEAST_BYTES = 192L << 20;

    /** What a sidecar with all its parts takes, bytes, without the ports that listen. */
    public static final long SIDECAR_WHOLE_BYTES = 144L << 20;

    /** The same of one without what is not needed: its peak with a hundred connections. */
    public static final long SIDECAR_SMALL_BYTES = 60L << 20;

    /** A port of the pod that is taken, or forbidden, is tried again after this, ms, twice as long each time ... */
    public static final int FORWARD_RETRY_FIRST_MS = 1_000;

    /** ... up to this, ms: then a look costs nothing, and who frees a port need not wait for long. */
    public static final int FORWARD_RETRY_MOST_MS = 30_000;

    /** Lines of a sidecar's log that wait until they are written; who reads them may be slow, and traffic does not wait. */
    public static final int LOG_LINES_WAITING = 1_024;

    /** How often a loop that broke is begun again at once, if it breaks again within a minute ... */
    public static final int LOOP_RESTARTS = 10;

    /** ... and then it rests so long each time, ms: whatever breaks it shall not take the processor, and a sidecar still ends in time. */
    public static final int LOOP_REST_MS = 1_000;

    /** How often the host's resolv.conf is looked at, ms: of netlink's changes the kernel tells by itself. */
    public static final int RESOLV_CONF_POLL_MS = 2_000;

    /** The host's network has to be at rest for this long before it is looked at, ms: one change is several messages. */
    public static final int HOST_QUIET_MS = 100;

    /** A host network that never rests is looked at after this, ms. */
    public static final int HOST_QUIET_MOST_MS = 1_000;

    /** How long a change waits for IPv6 addresses whose uniqueness the host is still checking, ms; a check takes 1 to 2 s (RFC 4862 §5.1). */
    public static final int HOST_TENTATIVE_MS = 5_000;

    /** A look at the host is followed by a rest this many times as long: at most 5 % of a core, however large and restless its routing table. */
    public static final int HOST_REST_FACTOR = 20;

    /** Datagrams of the host's changes read at once; their number alone counts, so more of them are as good as one. */
    public static final int HOST_NEWS_READS = 64;

    /** What is read of resolv.conf, bytes. */
    public static final int RESOLV_CONF_BYTES = 64 << 10;

    /** Rules that the start tells of, each in a line; then one line says how many more. */
    public static final int RULES_SAID = 64;

    /** Rules that cannot be had of which a line tells; then one line says how many more. */
    public static final int REFUSALS_SAID = 8;

    /** Lines one place may log within a second; then one line says how many were left out. */
    public static final int LOG_LINES_PER_SECOND = 5;

    /** Bytes of one line in a log file or to syslog: of a longer one the end is missing. */
    public static final int LOG_LINE_BYTES = 1_024;

    /** The size of a log file where none is given, as passt has it. */
    public static final int LOG_FILE_BYTES = 1 << 20;

    /** The smallest size of a log file: five times what the C library buffers of a file, as passt has it. */
    public static final int LOG_FILE_MIN_BYTES = 5 * 8_192;

    /** Resets to the guest that wait for the link: a burst of connections that a far host ends, while the link is full of data. */
    public static final int TCP_RESETS_WAITING = 256;

    /** Clients of the control socket at one time: an operator's, a monitor's, and some. */
    public static final int CONTROL_CLIENTS = 4;

    /** Connections waiting at the control socket, listen(2). */
    public static final int CONTROL_BACKLOG = 16;

    /** Connections accepted at the control socket in one visit. */
    public static final int CONTROL_ACCEPTS = 32;

    /** A line of a client of the control socket, bytes: room for {@link #FORWARD_RULES}, each of 60 bytes. */
    public static final int CONTROL_LINE_BYTES = 1 << 20;

    /** An answer on the control socket, bytes: what became of {@link #FORWARD_RULES} fits, and {@link #CONTROL_FLOWS}. */
    public static final int CONTROL_ANSWER_BYTES = 2 << 20;

    /** What goes to a client of the control socket in one call, bytes: the JDK copies as much to memory that it keeps. */
    public static final int CONTROL_WRITE_BYTES = 64 << 10;

    /** Flows in one answer. */
    public static final int CONTROL_FLOWS = 1_000;

    /** Words of a capture's filter in one request. */
    public static final int CONTROL_FILTER_WORDS = 16;

    /** A path, a filter's word or a request's id of a client, characters: PATH_MAX of Linux (limits.h). */
    public static final int CONTROL_TEXT_CHARS = 4_096;

    /** Objects and arrays within each other in a request: ours need two. */
    public static final int CONTROL_DEPTH = 8;

    /** How long a client of the control socket may take from one answer to the end of its next line, ms. */
    public static final int CONTROL_READ_MS = 30_000;

    /** How long it may take to read an answer, ms. */
    public static final int CONTROL_WRITE_MS = 10_000;

    /** How long an answer of the plane may take, ms: most come within a turn, a large set of forwards in seconds. */
    public static final int CONTROL_ANSWER_MS = 30_000;

    /** Without descriptors left, accept(2) at the control socket is tried again after this, ms. */
    public static final int CONTROL_ACCEPT_RETRY_MS = 100;

    private Limits() {}
}

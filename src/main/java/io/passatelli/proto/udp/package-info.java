/** UDP between guest frames and host sockets, RFC 768. Loop thread only. May import: levels 0 to 3, Os and Link as interfaces only. */
@NullMarked
package io.passatelli.proto.udp;

import org.jspecify.annotations.NullMarked;

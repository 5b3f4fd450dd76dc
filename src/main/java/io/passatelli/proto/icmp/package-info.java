/** Echo between guest frames and ping sockets, RFC 792 and RFC 4443 §4. Loop thread only. May import: levels 0 to 3, Os and Link as interfaces only. */
@NullMarked
package io.passatelli.proto.icmp;

import org.jspecify.annotations.NullMarked;

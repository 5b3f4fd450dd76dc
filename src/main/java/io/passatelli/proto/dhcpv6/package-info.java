/** DHCPv6 responder, RFC 8415. Loop thread only. May import: levels 0 to 3, Os and Link as interfaces only. */
@NullMarked
package io.passatelli.proto.dhcpv6;

import org.jspecify.annotations.NullMarked;
